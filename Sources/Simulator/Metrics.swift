import CostModel
import Histogram

/// A distribution of times, in nanoseconds. Percentiles are by nearest rank: the smallest value
/// that at least that share of the values do not exceed.
public struct LatencyStatistics: Hashable, Sendable {
  /// How many values.
  public let count: Int
  /// Their mean.
  public let meanNs: Double
  /// The median.
  public let p50Ns: Int64
  /// The 75th percentile.
  public let p75Ns: Int64
  /// The 90th percentile.
  public let p90Ns: Int64
  /// The 95th percentile.
  public let p95Ns: Int64
  /// The 99th percentile.
  public let p99Ns: Int64
  /// The largest.
  public let maxNs: Int64

  /// The statistics of exact values; all zero without any. O(n log n).
  public init(values: [Int64]) {
    let sorted = values.sorted()
    func rank(_ share: Double) -> Int64 {
      guard !sorted.isEmpty else { return 0 }
      return sorted[max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1)]
    }
    count = sorted.count
    meanNs = sorted.isEmpty ? 0 : sorted.reduce(0.0) { $0 + Double($1) } / Double(sorted.count)
    p50Ns = rank(0.5)
    p75Ns = rank(0.75)
    p90Ns = rank(0.9)
    p95Ns = rank(0.95)
    p99Ns = rank(0.99)
    maxNs = sorted.last ?? 0
  }

  /// The statistics of a histogram, whose mean and maximum are known exactly.
  init(histogram: Histogram<UInt64>, sumNs: Double, maxNs: Int64) {
    let total = Int(histogram.totalCount)
    func rank(_ percentile: Double) -> Int64 {
      total == 0 ? 0 : min(maxNs, Int64(histogram.valueAtPercentile(percentile)))
    }
    count = total
    meanNs = total == 0 ? 0 : sumNs / Double(total)
    p50Ns = rank(50)
    p75Ns = rank(75)
    p90Ns = rank(90)
    p95Ns = rank(95)
    p99Ns = rank(99)
    self.maxNs = maxNs
  }
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
  /// How often a request lost its blocks, to be computed again or brought back.
  public let preemptions: Int
  /// Of these, how often its blocks went to the host's memory and came back.
  public let swaps: Int
  /// Blocks copied to the host's memory.
  public let blocksSwappedOut: Int
  /// Blocks copied back: fewer where shared prefixes were found in the pool.
  public let blocksSwappedIn: Int
  /// The most blocks in the host's memory at once.
  public let peakHostBlocks: Int
  /// Tokens computed as prompts beyond the prompts themselves: what preempted requests had to
  /// compute again, and with it the last token that each had produced.
  public let recomputedTokens: Int
  /// Whether the run was stopped at ``simulationHorizonNs``, before all requests had left.
  public let reachedHorizon: Bool
  /// From the first arrival to the last event, in nanoseconds.
  public let durationNs: Int64
  /// Of that, time with a step under way.
  public let busyNs: Int64
  /// Engine steps.
  public let steps: Int
  /// The most requests that held blocks at once.
  public let peakRunning: Int
  /// The most blocks owned at once.
  public let peakUsedBlocks: Int
  /// The share of slots in owned blocks without a token, shared blocks counted once: over the time
  /// of all steps.
  public let emptySlotShare: Double
  /// The same at the end of the last step with the most owned blocks.
  public let emptySlotShareWhenFullest: Double
  /// Where the time of all steps went.
  public let cost: StepCost
  /// Time to first token.
  public let ttft: LatencyStatistics
  /// Mean time per output token of each request, after its first.
  public let tpot: LatencyStatistics
  /// Gaps between tokens of one request, to 0.1 %.
  public let itl: LatencyStatistics
  /// End-to-end latency.
  public let e2e: LatencyStatistics
  /// Time from arrival to the first step that worked on the request.
  public let queueing: LatencyStatistics

  /// Output tokens per second of the run.
  public var outputTokensPerSecond: Double { perSecond(outputTokens) }
  /// Finished requests per second of the run.
  public var requestsPerSecond: Double { perSecond(finishedRequests) }

  private func perSecond(_ count: Int) -> Double {
    durationNs == 0 ? 0 : Double(count) / (Double(durationNs) * 1e-9)
  }
}

/// Gathers a run's figures as it goes.
struct RunMetrics: Sendable {
  private var firstArrivalNs: Int64 = -1
  private var lastEventNs: Int64 = 0
  private var rejected = 0
  private var promptTokens = 0
  private var cachedTokens = 0
  private var outputTokens = 0
  private var preemptions = 0
  private var copies = BlockCopies()
  var slots = SlotUse()
  private var prefilledTokens = 0
  private var busyNs: Int64 = 0
  private var steps = 0
  private var peakRunning = 0
  private var cost = StepCost()
  private var ttft: [Int64] = []
  private var tpot: [Int64] = []
  private var e2e: [Int64] = []
  private var queueing: [Int64] = []
  private var gaps = Histogram<UInt64>(numberOfSignificantValueDigits: .three)
  private var gapSumNs = 0.0
  private var longestGapNs: Int64 = 0
  /// Decoding sequences whose latest token is older than the step that follows, because steps of
  /// prompts alone came between: how many, by the time of that token, oldest first.
  private var stalled: [(sinceNs: Int64, sequences: Int)] = []

  mutating func arrived(at now: Int64) {
    if firstArrivalNs < 0 { firstArrivalNs = now }
    lastEventNs = now
  }

  mutating func left(_ record: RequestRecord) {
    lastEventNs = record.finishNs
    guard record.outcome == .finished else {
      rejected += 1
      return
    }
    promptTokens += Int(record.promptTokens)
    cachedTokens += Int(record.cachedTokens)
    outputTokens += Int(record.outputTokens)
    if let ns = record.ttftNs { ttft.append(ns) }
    if let ns = record.tpotNs { tpot.append(ns) }
    if let ns = record.e2eNs { e2e.append(ns) }
    if let ns = record.queueNs { queueing.append(ns) }
  }

  mutating func started(running: Int, preempted: Int, copies: BlockCopies) {
    peakRunning = max(peakRunning, running)
    preemptions += preempted
    self.copies += copies
  }

  /// A run of steps is done: each gave every sequence that decodes in it a token after a gap of its
  /// length, but `resumed` ones that came back with it, of which ``produced(previousNs:now:)`` is
  /// told. In a run that gave none, `decoding` sequences had to wait.
  mutating func stepped(
    startNs: Int64, cost runCost: StepCost, steps runSteps: Int, firstStepNs: Int64,
    growthNs: Int64, batch: BatchShape, resumed: Int, decoding: Int
  ) {
    cost += runCost
    busyNs += runCost.totalNs
    steps += runSteps
    for chunk in batch.chunks { prefilledTokens += chunk.tokens }
    guard batch.decodeSequences > 0 else {
      stall(decoding, sinceNs: startNs)
      return
    }
    let sequences = batch.decodeSequences - resumed
    guard sequences > 0 else { return }
    var done = 0
    if !stalled.isEmpty {
      resume(sequences, startNs: startNs, stepNs: firstStepNs)
      done = 1
    }
    // Steps whose lengths fall into one bucket of the histogram are recorded at once.
    while done < runSteps {
      let gap = firstStepNs + Int64(done) * growthNs
      let alike = stepsAlike(gap: gap, growthNs: growthNs, limit: runSteps - done)
      // The longest of them: a histogram remembers its largest value, whichever way it came.
      record(gap: gap + Int64(alike - 1) * growthNs, count: alike * sequences)
      done += alike
    }
    gapSumNs += Double(runCost.totalNs) * Double(sequences)
    longestGapNs = max(longestGapNs, firstStepNs + Int64(runSteps - 1) * growthNs)
  }

  /// Of so many decoding sequences, those that are not waiting yet had their latest token when the
  /// step began that gives them none.
  private mutating func stall(_ decoding: Int, sinceNs: Int64) {
    let fresh = decoding - stalled.reduce(0) { $0 + $1.sequences }
    if fresh > 0 { stalled.append((sinceNs, fresh)) }
  }

  /// The first step that decodes again: its gaps reach back to each sequence's latest token. Where
  /// some were preempted meanwhile, those that wait longest have stayed.
  private mutating func resume(_ sequences: Int, startNs: Int64, stepNs: Int64) {
    var left = sequences
    for group in stalled where left > 0 {
      let count = min(group.sequences, left)
      let stallNs = startNs - group.sinceNs
      record(gap: stallNs + stepNs, count: count)
      gapSumNs += Double(stallNs) * Double(count)
      longestGapNs = max(longestGapNs, stallNs + stepNs)
      left -= count
    }
    if left > 0 { record(gap: stepNs, count: left) }
    stalled.removeAll(keepingCapacity: true)
  }

  /// A prompt's end gave a token, or the decode step with which a request came back; after a
  /// preemption there was one before it.
  mutating func produced(previousNs: Int64, now: Int64) {
    guard previousNs >= 0 else { return }
    record(gap: now - previousNs, count: 1)
    gapSumNs += Double(now - previousNs)
    longestGapNs = max(longestGapNs, now - previousNs)
  }

  private mutating func record(gap: Int64, count: Int) {
    let isRecorded = gaps.record(UInt64(gap), count: UInt64(count))
    precondition(isRecorded, "the histogram resizes itself")
  }

  /// How many of the next steps fall into the bucket of the first. Steps never become shorter, so
  /// those that do not reach beyond the bucket's highest value.
  private func stepsAlike(gap: Int64, growthNs: Int64, limit: Int) -> Int {
    guard limit > 1, growthNs > 0 else { return limit }
    let highest = Int64(gaps.highestEquivalentForValue(UInt64(gap)))
    return min(limit, Int((highest - gap) / growthNs) + 1)
  }

  /// The figures of the finished run.
  func summary(pool: BlockPool, hostPool: BlockPool, reachedHorizon: Bool) -> RunSummary {
    RunSummary(
      finishedRequests: e2e.count, rejectedRequests: rejected, promptTokens: promptTokens,
      cachedTokens: cachedTokens, outputTokens: outputTokens, preemptions: preemptions,
      swaps: copies.requestsOut, blocksSwappedOut: copies.blocksOut,
      blocksSwappedIn: copies.blocksIn, peakHostBlocks: hostPool.peakUsed,
      recomputedTokens: prefilledTokens - (promptTokens - cachedTokens),
      reachedHorizon: reachedHorizon,
      durationNs: lastEventNs - max(0, firstArrivalNs), busyNs: busyNs, steps: steps,
      peakRunning: peakRunning, peakUsedBlocks: pool.peakUsed,
      emptySlotShare: slots.emptyShare, emptySlotShareWhenFullest: slots.emptyShareWhenFullest,
      cost: cost,
      ttft: LatencyStatistics(values: ttft), tpot: LatencyStatistics(values: tpot),
      itl: LatencyStatistics(histogram: gaps, sumNs: gapSumNs, maxNs: longestGapNs),
      e2e: LatencyStatistics(values: e2e), queueing: LatencyStatistics(values: queueing))
  }
}
