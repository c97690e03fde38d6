import CostModel

/// A replica at work: its requests and memory, what decides its steps, what they take, and the run
/// of steps that is under way.
///
/// A run is planned as if no request came; one that comes and is looked at cuts it at the end of
/// the step that is under way then. So a server needs to know of no event but its own.
struct Server<Pricer: StepPricing, Policy: Scheduler>: Sendable {
  /// A run of steps under way.
  private struct Run {
    var startNs: Int64 = 0
    var endNs: Int64 = 0
    var steps = 1
    var waitingRequests = 0
    /// What decode steps take; nil for a step with prompts, which takes `cost`.
    var span: DecodeSpan?
    var cost = StepCost()
    /// Whether it ends with the step under way when a request comes.
    var isCutByArrivals = false
  }

  /// What came of planning a run.
  enum Start {
    /// It ends at this time.
    case until(Int64)
    /// It would end beyond ``simulationHorizonNs``.
    case beyondHorizon
  }

  private let index: Int
  private let configuration: EngineConfiguration
  private let pricer: Pricer
  private var scheduler: Policy
  private var run: Run?
  private var stalled: [RunMetrics.Stall] = []
  private(set) var replica: Replica
  private(set) var summary = ReplicaSummary()
  /// Requests that left with the run that was completed last.
  private(set) var departures: [RequestRecord] = []

  init(
    index: Int, configuration: EngineConfiguration, pricer: Pricer, scheduler: Policy,
    prompts: KnownPrompts?
  ) {
    self.index = index
    self.configuration = configuration
    self.pricer = pricer
    self.scheduler = scheduler
    replica = Replica(
      options: configuration.options, poolBlocks: configuration.poolBlocks, prompts: prompts)
  }

  /// Whether requests are there and no run is under way.
  var isIdleWithWork: Bool { run == nil && !replica.isDrained }

  /// When the run under way ends; nil where none is.
  var runEndNs: Int64? { run?.endNs }

  // MARK: Requests

  /// Whether a request that comes now is played here: its tokens fit the pool and the positions
  /// that model and scheduler have, and the queue is not full.
  func accepts(_ request: ArrivingRequest) -> Bool {
    // The last token produced is never written to the cache.
    let cached = request.promptTokens + request.outputTokens - 1
    let positions = min(configuration.maxPositions, configuration.options.mostPositions)
    return cached < positions && replica.pool.blocks(forTokens: cached) <= replica.pool.capacity
      && !replica.isQueueFull
  }

  /// Takes a request. When it cuts the run under way: the time at which that ends now.
  mutating func receive(_ request: ArrivingRequest, arrivalNs: Int64, now: Int64) -> Int64? {
    replica.enqueue(request, arrivalNs: arrivalNs)
    guard let run, run.isCutByArrivals, let span = run.span else { return nil }
    let steps = span.steps(lasting: now - run.startNs, limit: run.steps)
    guard steps < run.steps else { return nil }
    let endNs = run.startNs + span.cost(ofFirst: steps).totalNs
    self.run!.steps = steps
    self.run!.endNs = endNs
    return endNs
  }

  /// The demand at `now`, in the course of a run as if it were walked.
  func kvDemand(now: Int64) -> KVDemand {
    var blocks = replica.pool.used + replica.pool.blocks(forTokens: replica.waitingTokens)
    if let run, let span = run.span, run.steps > 1 {
      let begun = span.steps(lasting: now - run.startNs, limit: run.steps)
      blocks += replica.decodes.blocks(steps: begun) - replica.decodes.nextBlocks
    }
    return KVDemand(blocks: blocks, capacity: replica.pool.capacity)
  }

  // MARK: Runs

  /// Plans a step; where its batch would stay the same for several, starts them as one run.
  /// - Precondition: ``isIdleWithWork``.
  mutating func startRun(now: Int64, _ metrics: inout RunMetrics) -> Start {
    scheduler.plan(&replica, now: now)
    let batch = replica.batch
    precondition(
      batch.decodeSequences > 0 || !batch.chunks.isEmpty, "what fits the pool is never stuck")
    var run = Run(startNs: now, waitingRequests: replica.waiting.count)
    if batch.chunks.isEmpty {
      let span = pricer.decodeSpan(of: batch)
      run.steps = steps(of: span)
      while span.estimatedNs(ofFirst: run.steps) >= Double(simulationHorizonNs - now) {
        guard run.steps > 1 else { return .beyondHorizon }
        run.steps /= 2
      }
      run.isCutByArrivals = run.steps > 1 && scheduler.outlook(replica) == .whoComes
      run.span = span
      run.endNs = now + span.cost(ofFirst: run.steps).totalNs
    } else {
      run.cost = pricer.cost(of: batch)
      run.endNs = now + run.cost.totalNs
    }
    metrics.started(running: replica.runningCount, preempted: replica.preemptedNow)
    self.run = run
    return .until(run.endNs)
  }

  /// For how many steps nothing can change the batch unless a request comes: no sequence ends,
  /// blocks last, the price stays on its line, and no request waits that the scheduler looks at.
  private mutating func steps(of span: DecodeSpan) -> Int {
    guard !configuration.usesExactSteps, replica.preemptedNow == 0,
      scheduler.outlook(replica) != .whoWaits,
      let finishStep = replica.nextFinishStep()
    else { return 1 }
    return replica.decodes.steps(
      lastingBlocks: replica.pool.free + replica.decodes.nextBlocks,
      limit: min(span.steps, Int(finishStep - replica.decodes.step)))
  }

  /// The run under way ends at `now`; those that leave with it are in ``departures``.
  mutating func completeRun(
    now: Int64, _ metrics: inout RunMetrics, _ records: inout RecordBuffer
  ) {
    guard let run, run.endNs == now else { preconditionFailure("a run ends once") }
    self.run = nil
    departures.removeAll(keepingCapacity: true)
    let batch = replica.batch
    let cost = run.span?.cost(ofFirst: run.steps) ?? run.cost
    if batch.decodeSequences > 0 {
      if run.steps > 1 { replica.allocateDecodes(furtherSteps: run.steps - 1) }
      replica.completeDecodes(steps: run.steps, now: now)
    }
    metrics.stepped(
      startNs: run.startNs, cost: cost, steps: run.steps,
      firstStepNs: run.span?.first.totalNs ?? cost.totalNs, growthNs: run.span?.growthNs ?? 0,
      batch: batch, decoding: replica.decodes.count, stalled: &stalled)
    summary.steps += run.steps
    summary.busyNs += cost.totalNs
    summary.peakUsedBlocks = replica.pool.peakUsed
    records.record(
      StepRecord(
        startNs: run.startNs, endNs: now, steps: Int64(run.steps),
        decodeSequences: Int64(batch.decodeSequences), contextTokens: Int64(batch.contextTokens),
        prefillSequences: Int64(batch.chunks.count),
        prefillTokens: Int64(batch.chunks.reduce(0) { $0 + $1.tokens }),
        waitingRequests: Int64(run.waitingRequests),
        preemptedRequests: Int64(replica.preemptedNow),
        usedBlocks: Int64(replica.pool.used), cost: cost, replica: Int64(index)))
    while let finished = replica.popFinished() { leave(finished, now: now) }
    for (index, chunk) in batch.chunks.enumerated() {
      let done = replica.completeChunk(chunk, of: replica.chunkSlots[index], now: now) {
        metrics.produced(previousNs: $0, now: now)
      }
      if let done { leave(done, now: now) }
    }
  }

  private mutating func leave(_ sequence: Sequence, now: Int64) {
    summary.requests += 1
    summary.outputTokens += sequence.outputTokens
    departures.append(sequence.record(now: now, replica: index))
  }
}
