import CostModel

/// What one replica of a run did.
public struct ReplicaSummary: Hashable, Sendable {
  /// Requests that it had last when they left: that it finished or refused.
  public internal(set) var requests = 0
  /// Engine steps.
  public internal(set) var steps = 0
  /// Time with a step under way.
  public internal(set) var busyNs: Int64 = 0
  /// Output tokens of the requests that it finished.
  public internal(set) var outputTokens = 0
  /// The most sequences that held blocks at once: requests, or their samples.
  public internal(set) var peakRunning = 0
  /// The most blocks owned at once.
  public internal(set) var peakUsedBlocks = 0
  /// The most blocks in the host's memory at once.
  public internal(set) var peakHostBlocks = 0
  /// Time for which each stage of its pipeline had a step; none without stages.
  public internal(set) var stageBusyNs: [Int64] = []
  /// Time for which steps waited for stages, or for the host, that had those of other lanes; all
  /// steps together.
  public internal(set) var stageWaitNs: Int64 = 0
  /// Time for which it was there, from the decision to start it to its end, failures included; nil
  /// where replicas neither fail nor are switched off.
  public internal(set) var presentNs: Int64?
}

/// What a run came to.
public struct RunSummary: Hashable, Sendable {
  /// Requests that produced every token.
  public let finishedRequests: Int
  /// Requests refused on arrival.
  public let rejectedRequests: Int
  /// Prompt tokens of the finished requests.
  public let promptTokens: Int
  /// Of these, tokens that were in the prefix cache when a request was first admitted.
  public let cachedTokens: Int
  /// Output tokens of the finished requests.
  public let outputTokens: Int
  /// How often a sequence lost its blocks, to be computed again or brought back.
  public let preemptions: Int
  /// Of these, how often its blocks went to the host's memory and came back.
  public let swaps: Int
  /// Blocks copied to the host's memory.
  public let blocksSwappedOut: Int
  /// Blocks copied back: fewer where shared prefixes were found in the pool.
  public let blocksSwappedIn: Int
  /// The most blocks in the host's memory at once.
  public let peakHostBlocks: Int
  /// How often a request was sent to another replica because its own had failed.
  public let displacedRequests: Int
  /// Copies of computed prompts from replica to replica; nil where they stay.
  public let transfers: TransferSummary?
  /// Tokens computed as prompts beyond the prompts themselves: what preempted requests had to
  /// compute again, and with it the last token that each had produced.
  public let recomputedTokens: Int
  /// Whether the run was stopped at its time limit, before all requests had left.
  public let reachedHorizon: Bool
  /// From the first arrival to the last event, in nanoseconds.
  public let durationNs: Int64
  /// Of that, time with a step under way, all replicas together.
  public let busyNs: Int64
  /// Engine steps.
  public let steps: Int
  /// The most sequences that held blocks at once on one replica: requests, or their samples.
  public let peakRunning: Int
  /// The most blocks owned at once on one replica.
  public let peakUsedBlocks: Int
  /// The share of slots in owned blocks without a token, shared blocks counted once: over the time
  /// of all steps. Of a pipeline's lanes each counts by itself, as in what follows.
  public let emptySlotShare: Double
  /// The same at the end of the last step with the most owned blocks.
  public let emptySlotShareWhenFullest: Double
  /// Where the time of all steps went, but for what they waited for stages.
  public let cost: StepCost
  /// What drafting came to; nil where no drafted token was verified.
  public let drafting: DraftSummary?
  /// What several samples of a prompt came to; nil where no request has more than one.
  public let sampling: SampleSummary?
  /// Time to first token.
  public let ttft: LatencyStatistics
  /// Mean time per output token of each request, after its first; of its sample that ended last.
  public let tpot: LatencyStatistics
  /// Gaps between steps that gave a request tokens, to 0.1 %; where none are drafted, between its
  /// tokens.
  public let itl: LatencyStatistics
  /// End-to-end latency.
  public let e2e: LatencyStatistics
  /// Time from arrival to the first step that worked on the request.
  public let queueing: LatencyStatistics
  /// What each replica did.
  public let replicas: [ReplicaSummary]
  /// What each of the workload's classes came to, in their order.
  public let classes: [ClassSummary]

  /// Output tokens per second of the run.
  public var outputTokensPerSecond: Double { perSecond(outputTokens) }
  /// Finished requests per second of the run.
  public var requestsPerSecond: Double { perSecond(finishedRequests) }

  func perSecond(_ count: Int) -> Double {
    durationNs == 0 ? 0 : Double(count) / (Double(durationNs) * 1e-9)
  }
}

/// What several samples of a prompt came to in a run.
public struct SampleSummary: Hashable, Sendable {
  /// Samples of the finished requests.
  public let samples: Int
  /// Blocks that were copied because several samples were to write to them.
  public let blocksCopied: Int
}

/// Gathers the figures of some replicas as they go; what those of other replicas gathered is added
/// in the end.
struct RunMetrics: Sendable {
  /// Decoding sequences of a replica whose latest token is older than the step that follows,
  /// because steps of prompts alone came between: how many, by the time of that token.
  typealias Stall = (sinceNs: Int64, sequences: Int)

  private var firstArrivalNs: Int64 = -1
  private var lastEventNs: Int64 = 0
  private var rejected = 0
  private var promptTokens = 0
  private var cachedTokens = 0
  private var outputTokens = 0
  private var preemptions = 0
  private var displaced = 0
  private let hasSamples: Bool
  private var samples = 0
  private var copies = BlockCopies()
  private var prefilledTokens = 0
  private var steps = 0
  private var cost = StepCost()
  private var drafting = DraftSummary()
  private var finished = 0
  private var ttft = LatencySamples()
  private var tpot = LatencySamples()
  private var e2e = LatencySamples()
  private var queueing = LatencySamples()
  /// Between tokens of one request.
  private var gaps = TimeHistogram()
  private var classes: ClassMetrics
  private var population = Population()

  init(classes: [RequestClass]) {
    self.classes = ClassMetrics(classes)
    hasSamples = classes.contains { $0.samples > 1 }
  }

  mutating func arrived(at now: Int64) {
    if firstArrivalNs < 0 { firstArrivalNs = now }
    lastEventNs = now
    population.entered(at: now)
  }

  mutating func left(_ record: RequestRecord) {
    lastEventNs = record.finishNs
    population.left(at: record.finishNs, arrivalNs: record.arrivalNs)
    classes.left(record)
    guard record.outcome == .finished else {
      rejected += 1
      return
    }
    finished += 1
    promptTokens += Int(record.promptTokens)
    cachedTokens += Int(record.cachedTokens)
    outputTokens += Int(record.outputTokens)
    samples += Int(record.samples)
    if let ns = record.ttftNs { ttft.append(ns) }
    if let ns = record.tpotNs { tpot.append(ns) }
    if let ns = record.e2eNs { e2e.append(ns) }
    if let ns = record.queueNs { queueing.append(ns) }
  }

  mutating func started(preempted: Int, copies: BlockCopies) {
    preemptions += preempted
    self.copies += copies
  }

  /// Requests have lost their replica, and some of them their blocks with it.
  mutating func displaced(requests: Int, preempted: Int) {
    displaced += requests
    preemptions += preempted
  }

  /// A run of steps is done: each gave every sequence that decodes in it a token, or several at
  /// once, after a gap of its length, but `resumed` ones that came back with it, of which
  /// ``produced(previousNs:now:)`` is told. In a run that gave none, `decoding` sequences had to
  /// wait. `stalled` are those of the replica that have waited so far, oldest token first.
  mutating func stepped(
    startNs: Int64, cost runCost: StepCost, steps runSteps: Int, firstStepNs: Int64,
    growthNs: Int64, prefillTokens: Int, decodeSequences: Int, resumed: Int, decoding: Int,
    stalled: inout [Stall]
  ) {
    cost += runCost
    steps += runSteps
    prefilledTokens += prefillTokens
    guard decodeSequences > 0 else {
      RunMetrics.stall(decoding, sinceNs: startNs, &stalled)
      return
    }
    let sequences = decodeSequences - resumed
    guard sequences > 0 else { return }
    var done = 0
    if !stalled.isEmpty {
      resume(sequences, startNs: startNs, stepNs: firstStepNs, &stalled)
      done = 1
    }
    gaps.record(
      seriesFrom: firstStepNs + Int64(done) * growthNs, growthNs: growthNs, times: runSteps - done,
      count: sequences)
  }

  /// A step verified what was drafted for so many sequences.
  mutating func verified(_ sequences: Int, accepted: Int) {
    drafting.drafts += sequences
    drafting.acceptedTokens += accepted
  }

  /// Of so many decoding sequences, those that are not waiting yet had their latest token when the
  /// step began that gives them none.
  private static func stall(_ decoding: Int, sinceNs: Int64, _ stalled: inout [Stall]) {
    let fresh = decoding - stalled.reduce(0) { $0 + $1.sequences }
    if fresh > 0 { stalled.append((sinceNs, fresh)) }
  }

  /// The first step that decodes again: its gaps reach back to each sequence's latest token. Where
  /// some were preempted meanwhile, those that wait longest have stayed.
  private mutating func resume(
    _ sequences: Int, startNs: Int64, stepNs: Int64, _ stalled: inout [Stall]
  ) {
    var left = sequences
    for group in stalled where left > 0 {
      let count = min(group.sequences, left)
      gaps.record(startNs - group.sinceNs + stepNs, count: count)
      left -= count
    }
    if left > 0 { gaps.record(stepNs, count: left) }
    stalled.clear()
  }

  /// A prompt's end gave a token, or the decode step with which a request came back; after a
  /// preemption there was one before it.
  mutating func produced(previousNs: Int64, now: Int64) {
    guard previousNs >= 0 else { return }
    gaps.record(now - previousNs)
  }

  /// Holds the requests of these replicas against Little's law.
  /// - Precondition: all have left, and nothing was added up.
  func checkLittlesLaw() { population.checkLittlesLaw() }

  /// Adds what was gathered of other replicas; not who is there.
  static func += (sum: inout RunMetrics, other: RunMetrics) {
    if sum.firstArrivalNs < 0 {
      sum.firstArrivalNs = other.firstArrivalNs
    } else if other.firstArrivalNs >= 0 {
      sum.firstArrivalNs = min(sum.firstArrivalNs, other.firstArrivalNs)
    }
    sum.lastEventNs = max(sum.lastEventNs, other.lastEventNs)
    sum.finished += other.finished
    sum.rejected += other.rejected
    sum.promptTokens += other.promptTokens
    sum.cachedTokens += other.cachedTokens
    sum.outputTokens += other.outputTokens
    sum.preemptions += other.preemptions
    sum.displaced += other.displaced
    sum.samples += other.samples
    sum.prefilledTokens += other.prefilledTokens
    sum.steps += other.steps
    sum.cost += other.cost
    sum.drafting += other.drafting
    sum.copies += other.copies
    sum.ttft += other.ttft
    sum.tpot += other.tpot
    sum.e2e += other.e2e
    sum.queueing += other.queueing
    sum.gaps += other.gaps
    sum.classes += other.classes
  }

  /// The figures of the finished run.
  func summary(
    replicas: [ReplicaSummary], slots: SlotUse, transfers: TransferSummary? = nil,
    reachedHorizon: Bool
  ) -> RunSummary {
    RunSummary(
      finishedRequests: finished, rejectedRequests: rejected, promptTokens: promptTokens,
      cachedTokens: cachedTokens, outputTokens: outputTokens, preemptions: preemptions,
      swaps: copies.requestsOut, blocksSwappedOut: copies.blocksOut,
      blocksSwappedIn: copies.blocksIn, peakHostBlocks: replicas.map(\.peakHostBlocks).max() ?? 0,
      displacedRequests: displaced, transfers: transfers,
      recomputedTokens: prefilledTokens - (promptTokens - cachedTokens),
      reachedHorizon: reachedHorizon,
      durationNs: lastEventNs - max(0, firstArrivalNs),
      busyNs: replicas.reduce(0) { $0.capped(adding: $1.busyNs) }, steps: steps,
      peakRunning: replicas.map(\.peakRunning).max() ?? 0,
      peakUsedBlocks: replicas.map(\.peakUsedBlocks).max() ?? 0,
      emptySlotShare: slots.emptyShare, emptySlotShareWhenFullest: slots.emptyShareWhenFullest,
      cost: cost, drafting: drafting.drafts > 0 ? drafting : nil,
      sampling: hasSamples
        ? SampleSummary(samples: samples, blocksCopied: copies.blocksOnWrite) : nil,
      ttft: ttft.statistics,
      tpot: tpot.statistics, itl: LatencyStatistics(gaps),
      e2e: e2e.statistics, queueing: queueing.statistics, replicas: replicas,
      classes: classes.summaries())
  }
}
