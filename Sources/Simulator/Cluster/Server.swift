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
    private(set) var endNs: Int64 = 0
    private(set) var steps = 1
    var waitingRequests = 0
    /// What decode steps take; nil for a step with prompts or drafted tokens, which takes
    /// `stepCost`.
    var span: DecodeSpan?
    var stepCost = StepCost()
    /// What copies to and from the host's memory take before the step: only a run of one has any.
    var swapNs: Int64 = 0
    /// Whether it ends with the step under way when a request comes.
    var isCutByArrivals = false

    /// Where its time goes.
    var cost: StepCost {
      var cost = span?.cost(ofFirst: steps) ?? stepCost
      if swapNs > 0 { cost.addSwap(swapNs) }
      return cost
    }
    var firstStepNs: Int64 { (span?.first.totalNs ?? stepCost.totalNs) + swapNs }

    /// It has so many steps.
    mutating func end(afterSteps count: Int) {
      steps = count
      endNs = startNs + cost.totalNs
    }
  }

  /// What came of planning a run.
  enum Start {
    /// It ends at this time.
    case until(Int64)
    /// It would end beyond ``simulationHorizonNs``.
    case beyondHorizon
  }

  /// What a request may have at most to be played here, whatever else is.
  let limits: RequestLimits
  private let index: Int
  private let configuration: EngineConfiguration
  private let pricer: Pricer
  private let draws: RandomStream
  private var scheduler: Policy
  private var run: Run?
  private var stalled: [RunMetrics.Stall] = []
  private(set) var replica: Replica
  private(set) var summary = ReplicaSummary()
  private(set) var slots = SlotUse()
  /// Requests that left with the run that was completed last.
  private(set) var departures: [RequestRecord] = []

  init(
    index: Int, configuration: EngineConfiguration, pricer: Pricer, scheduler: Policy,
    prompts: KnownPrompts?, seed: UInt64
  ) {
    self.index = index
    self.configuration = configuration
    self.pricer = pricer
    self.scheduler = scheduler
    draws = RandomStream(seed: seed)
    replica = Replica(
      options: configuration.options, poolBlocks: configuration.poolBlocks,
      hostBlocks: configuration.hostMemory.blocks, prompts: prompts)
    limits = RequestLimits(
      positions: min(configuration.maxPositions, configuration.options.mostPositions),
      poolTokens: replica.pool.capacity * replica.pool.blockSize,
      draftTokens: configuration.options.draftTokens)
  }

  /// Whether requests are there and no run is under way.
  var isIdleWithWork: Bool { run == nil && !replica.isDrained }

  /// When the run under way ends; nil where none is.
  var runEndNs: Int64? { run?.endNs }

  // MARK: Requests

  /// Whether a request that comes now is played here: it is within the limits, and the queue is
  /// not full.
  func accepts(_ request: ArrivingRequest) -> Bool {
    limits.allow(request) && !replica.isQueueFull
  }

  /// Takes a request. When it cuts the run under way: the time at which that ends now.
  mutating func receive(_ request: ArrivingRequest, arrivalNs: Int64, now: Int64) -> Int64? {
    replica.enqueue(request, arrivalNs: arrivalNs)
    guard let run, run.isCutByArrivals, let span = run.span else { return nil }
    let steps = span.steps(lasting: now - run.startNs, limit: run.steps)
    guard steps < run.steps else { return nil }
    self.run!.end(afterSteps: steps)
    return self.run!.endNs
  }

  /// The demand at `now`, in the course of a run as if it were walked.
  func kvDemand(now: Int64) -> KVDemand {
    var blocks =
      replica.pool.used + replica.pool.blocks(forTokens: replica.waitingTokens)
      + replica.hostPool.used
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
    let swapNs = configuration.hostMemory.ns(of: replica.copies)
    var run = Run(startNs: now, waitingRequests: replica.pendingCount, swapNs: swapNs)
    if batch.chunks.isEmpty, configuration.options.speculation == nil {
      let span = pricer.decodeSpan(of: batch)
      var steps = steps(of: span)
      while span.estimatedNs(ofFirst: steps) >= Double(simulationHorizonNs - now) {
        guard steps > 1 else { return .beyondHorizon }
        steps /= 2
      }
      run.isCutByArrivals = steps > 1 && scheduler.outlook(replica) == .whoComes
      run.span = span
      run.end(afterSteps: steps)
    } else {
      run.stepCost = pricer.cost(of: batch)
      run.end(afterSteps: 1)
    }
    metrics.started(
      running: replica.runningCount, preempted: replica.preemptedNow, copies: replica.copies)
    self.run = run
    return .until(run.endNs)
  }

  /// For how many steps nothing can change the batch unless a request comes: no sequence ends,
  /// blocks last, the price stays on its line, and no request waits that the scheduler looks at.
  private mutating func steps(of span: DecodeSpan) -> Int {
    guard !configuration.usesExactSteps, replica.preemptedNow == 0, replica.resumedSlots.isEmpty,
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
    let cost = run.cost
    if batch.decodeSequences > 0 {
      if run.steps > 1 { replica.allocateDecodes(furtherSteps: run.steps - 1) }
      replica.completeDecodes(steps: run.steps, now: now)
      if let speculation = configuration.options.speculation {
        metrics.verified(
          batch.decodeSequences, accepted: replica.acceptDrafts(speculation, draws))
      }
    }
    for slot in replica.resumedSlots {
      metrics.produced(previousNs: replica.sequences[slot].lastTokenNs, now: now)
    }
    let growthNs = run.span?.growthNs ?? 0
    metrics.stepped(
      startNs: run.startNs, cost: cost, steps: run.steps, firstStepNs: run.firstStepNs,
      growthNs: growthNs, batch: batch, resumed: replica.resumedSlots.count,
      decoding: replica.decodes.count, stalled: &stalled)
    slots.add(
      replica.slots(beside: batch), decodes: replica.decodes, steps: run.steps,
      firstStepNs: run.firstStepNs, growthNs: growthNs)
    summary.steps += run.steps
    summary.busyNs += cost.totalNs
    summary.peakUsedBlocks = replica.pool.peakUsed
    summary.peakHostBlocks = replica.hostPool.peakUsed
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

/// What a replica can hold of one request.
struct RequestLimits: Sendable {
  /// The positions that model and scheduler have for prompt and output together.
  let positions: Int
  /// The tokens that the whole pool holds.
  let poolTokens: Int
  /// Tokens that are drafted beside each that a decode step gives.
  let draftTokens: Int

  func allow(_ request: ArrivingRequest) -> Bool {
    // The last token produced is never written to the cache.
    let cached = request.promptTokens + request.outputTokens - 1
    // A decode step has room for what it verifies, also behind the end.
    let drafted = request.outputTokens > 1 ? draftTokens : 0
    return cached < positions && cached + drafted <= poolTokens
  }
}
