import CostModel
import Testing

@testable import Simulator

/// Prices made up for tests: a fixed time a step, so much a prompt token, a decoding sequence, each
/// token that it verifies beyond one, a token of mean context, and a token of which the longest
/// exceeds the mean.
struct SyntheticPricer: StepPricing {
  var perStepNs: Int64 = 0
  var perPromptTokenNs: Int64 = 0
  var perDecodeNs: Int64 = 0
  var perDraftNs: Int64 = 0
  var perContextTokenNs: Int64 = 0
  var perUnevenTokenNs: Int64 = 0
  /// Steps after which the line of a span is to be asked for again.
  var spanSteps = Int.max
  /// Of several stages, the share of each of what is neither sent nor the host's.
  var stageShares: [Int64] = []
  /// Between a stage and the next.
  var sendNs: Int64 = 0
  var hostNs: Int64 = 0

  func cost(of batch: BatchShape) -> StepCost {
    StepCost(
      linearNs: perStepNs + perDecodeNs * Int64(batch.decodeSequences)
        + perDraftNs * Int64(batch.decodeTokens - batch.decodeSequences),
      decodeAttentionNs: attention(batch),
      prefillAttentionNs: batch.chunks.reduce(0) { $0 + perPromptTokenNs * Int64($1.tokens) },
      collectiveNs: hops * sendNs, hostNs: hostNs)
  }

  private var hops: Int64 { Int64(max(0, stageShares.count - 1)) }

  func spread(_ cost: StepCost, of batch: BatchShape, over times: inout StageTimes) {
    precondition(times.stageNs.count == stageShares.count)
    times.hostNs = hostNs
    times.sendNs = sendNs
    let (work, all) = (cost.totalNs - hostNs - hops * sendNs, stageShares.reduce(0, +))
    var (shares, doneNs): (Int64, Int64) = (0, 0)
    for stage in stageShares.indices {
      shares += stageShares[stage]
      times.stageNs[stage] = work * shares / all - doneNs
      doneNs = work * shares / all
    }
  }

  func decodeSpan(of batch: BatchShape) -> DecodeSpan {
    DecodeSpan(
      first: cost(of: batch), growthNs: perContextTokenNs, steps: spanSteps, basis: .interpolated)
  }

  private func attention(_ batch: BatchShape) -> Int64 {
    guard batch.decodeSequences > 0 else { return 0 }
    let mean = batch.contextTokens / batch.decodeSequences
    return perContextTokenNs * Int64(mean)
      + perUnevenTokenNs * Int64(batch.longestContext - mean)
  }
}

/// Keeps every record in memory.
struct MemoryRecorder: Recorder {
  var requests: [RequestRecord] = []
  var runs: [StepRecord] = []
  var events: [EventRecord] = []
  var tokens: [TokenRecord] = []
  mutating func record(_ request: RequestRecord) throws(Never) { requests.append(request) }
  mutating func record(_ run: StepRecord) throws(Never) { runs.append(run) }
  mutating func record(_ event: EventRecord) throws(Never) { events.append(event) }
  mutating func record(_ tokens: TokenRecord) throws(Never) { self.tokens.append(tokens) }
}

/// One simulated run and all it left behind.
struct Played {
  var summary: RunSummary
  var requests: [RequestRecord]
  var runs: [StepRecord]
  var events: [EventRecord]
  var tokens: [TokenRecord]

  init(
    _ workload: Workload, seed: UInt64 = 1, maxNumSeqs: Int = 256, maxNumBatchedTokens: Int = 2048,
    blockSize: Int = 16, poolBlocks: Int = 1 << 20, maxPositions: Int = 1 << 20,
    enablePrefixCaching: Bool = false, scheduler: EngineOptions.Scheduler = .vllm,
    replicas: Int = 1, routing: RoutingPolicy = .roundRobin,
    longPrefillTokenThreshold: Int = 0, watermark: Double? = nil, maxQueuedRequests: Int? = nil,
    exact: Bool = false, checks: Bool = true, tokenTimes: Bool = false,
    hostMemory: HostMemory = .none,
    speculation: SpeculativeDecoding? = nil, pricer: SyntheticPricer
  ) {
    let member = Cluster.Member(
      configuration: EngineConfiguration(
        options: EngineOptions(
          scheduler: scheduler, maxNumSeqs: maxNumSeqs, maxNumBatchedTokens: maxNumBatchedTokens,
          blockSize: blockSize, enablePrefixCaching: enablePrefixCaching,
          kvCacheMemory: .bytes(0), longPrefillTokenThreshold: longPrefillTokenThreshold,
          watermark: watermark, maxQueuedRequests: maxQueuedRequests, speculation: speculation),
        poolBlocks: poolBlocks, hostMemory: hostMemory, maxPositions: maxPositions,
        usesExactSteps: exact, checksInvariants: checks),
      pricer: pricer)
    self.init(
      workload, seed: seed,
      cluster: Cluster(
        members: Array(repeating: member, count: replicas), routing: routing),
      tokenTimes: tokenTimes)
  }

  init(
    _ workload: Workload, seed: UInt64 = 1, cluster: Cluster<SyntheticPricer>,
    tokenTimes: Bool = false
  ) {
    var recorder = MemoryRecorder()
    let cluster = tokenTimes ? cluster.keepingTokenTimes : cluster
    summary = simulate(workload, seed: seed, cluster: cluster, recorder: &recorder)
    requests = recorder.requests
    runs = recorder.runs
    events = recorder.events
    tokens = recorder.tokens
  }

  var requestsById: [RequestRecord] { requests.sorted { $0.id < $1.id } }

  /// Expects that steps computed what requests came to, each of which wanted one sample.
  func expectTokensConserved() {
    let finished = requests.filter { $0.outcome == .finished }
    let prompt = finished.reduce(Int64(0)) { $0 + $1.promptTokens }
    let output = finished.reduce(Int64(0)) { $0 + $1.outputTokens }
    let prefilled = runs.reduce(Int64(0)) { $0 + $1.prefillTokens }
    #expect(prefilled == prompt + Int64(summary.recomputedTokens))
    // Each prompt's end, computed anew or not, gives a token; the rest come from decodes.
    let decoded = runs.reduce(Int64(0)) { $0 + $1.steps * $1.decodeSequences }
    #expect(
      decoded + Int64(finished.count) <= output
        && decoded + Int64(finished.count + summary.preemptions) >= output)
    #expect(Int64(summary.itl.count) == output - Int64(finished.count))
  }
}

/// A trace of requests from (arrival, prompt, output) triples.
func trace(
  _ rows: [(Int64, Int32, Int32)], urgencies: [RequestUrgency]? = nil
) -> RequestTrace {
  RequestTrace(
    arrivalNs: rows.map(\.0), promptTokens: rows.map(\.1), outputTokens: rows.map(\.2),
    urgencies: urgencies)
}

/// The workload that replays such a trace as it stands.
func replay(
  _ rows: [(Int64, Int32, Int32)], urgencies: [RequestUrgency]? = nil,
  client: Workload.Client = .instant
) -> Workload {
  Workload(
    arrivals: .replay(trace(rows, urgencies: urgencies), timeScale: 1), promptTokens: .fromTrace,
    outputTokens: .fromTrace, requests: rows.count, client: client)
}

/// So many blocks of the host's memory, each of which takes as long to copy.
func hostMemory(blocks: Int, blockNs: Int, latencyNs: Int64 = 0) -> HostMemory {
  guard blocks > 0 else { return .none }
  return HostMemory(
    SwapSpace(
      bytes: blocks * blockNs, link: CopyLink(bytesPerSecond: 1_000_000_000, latencyNs: latencyNs)),
    blockBytes: blockNs)
}
