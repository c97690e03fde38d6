import CostModel

/// A replica at work, or a lane of one: its requests and memory, what decides its steps, what they
/// take, and the run of steps that is under way.
///
/// A run is planned as if no request came; one that comes and is looked at cuts it at the end of
/// the step that is under way then. So a server needs to know of no event but its own.
struct Server<Pricer: StepPricing, Policy: Scheduler>: Sendable {
  /// A run of steps.
  private struct Run {
    var startNs: Int64 = 0
    var steps = 1
    var waitingRequests = 0
    /// What its steps take; a step with prompts or drafted tokens is one by itself.
    var span = DecodeSpan(first: StepCost(), growthNs: 0, steps: 1)
    /// What copies to and from the host's memory take before the step: only a run of one has any.
    var swapNs: Int64 = 0
    /// What the step waits for stages that have steps of other lanes: only a run of one does.
    var stageWaitNs: Int64 = 0
    /// Whether it ends with the step under way when a request comes.
    var isCutByArrivals = false

    /// Where its time goes.
    var cost: StepCost {
      var cost = span.cost(ofFirst: steps)
      if swapNs > 0 { cost.addSwap(swapNs) }
      return cost
    }
    var firstStepNs: Int64 { span.first.totalNs + swapNs + stageWaitNs }
  }

  /// What came of planning a run.
  enum Start {
    /// It ends at this time.
    case until(Int64)
    /// There is none before a copy from or to another replica ends.
    case noRun
    /// It would end beyond ``simulationHorizonNs``.
    case beyondHorizon
  }

  /// What a request may have at most to be played here, whatever else is.
  let limits: RequestLimits
  /// Whether requests are sent here.
  var isOpen = true
  private let index: Int
  private let configuration: EngineConfiguration
  private let pricer: Pricer
  private let draws: RandomStream
  /// As they are when nothing has happened yet.
  private let initial: (replica: Replica, scheduler: Policy)
  private var scheduler: Policy
  /// The run under way, or the last one.
  private var run = Run()
  /// When the run under way ends; nil where none is.
  private(set) var runEndNs: Int64?
  /// How the step under way passes through the stages of its pipeline; without stages where there
  /// is one.
  private(set) var stageTimes: StageTimes
  private var stalled: [RunMetrics.Stall] = []
  /// Slots of requests that will not be copied here.
  private var givenUp: [Int] = []
  private(set) var replica: Replica
  private(set) var summary = ReplicaSummary()
  private(set) var slots = SlotUse()
  /// Requests that left with the run that was completed last.
  private(set) var departures: [RequestRecord] = []
  /// Requests that another replica computed and for which the step that was planned last took
  /// blocks, and how many blocks are to be copied.
  private(set) var pulls: [(request: Handovers.Inbound, blocks: Int)] = []

  init(
    index: Int, member: Cluster<Pricer>.Member, scheduler: Policy, workload: Workload,
    seed: UInt64
  ) {
    self.index = index
    configuration = member.configuration
    pricer = member.pricer
    self.scheduler = scheduler
    draws = RandomStream(seed: seed)
    let stages = configuration.options.pipelineParallelSize
    stageTimes = StageTimes(stages: stages > 1 ? stages : 0)
    replica = Replica(
      options: configuration.options, poolBlocks: configuration.poolBlocks / stages,
      hostBlocks: configuration.hostMemory.blocks, prompts: workload.prompts,
      handsOver: member.role == .prefill, keepsTokenTimes: configuration.keepsTokenTimes)
    initial = (replica, scheduler)
    limits = RequestLimits(
      modelPositions: configuration.maxPositions,
      stepPositions: configuration.options.mostPositions,
      poolTokens: replica.pool.capacity * replica.pool.blockSize,
      blockSize: replica.pool.blockSize, draftTokens: configuration.options.draftTokens,
      seats: configuration.options.maxNumSeqs,
      keepsRoomToTheEnd: !configuration.options.scheduler.refillsSeats,
      samples: SampleOutputs(workload.classes))
  }

  /// Whether it is a lane of a pipeline, whose steps may wait for those of others.
  var isLane: Bool { !stageTimes.stageNs.isEmpty }

  /// Whether requests are there and no run is under way.
  var isIdleWithWork: Bool { runEndNs == nil && replica.hasWork }

  // MARK: Requests

  /// Whether a request that comes now is played here: it is within the limits, and if it `isNew`
  /// the queue is not full.
  func accepts(_ request: ArrivingRequest, isNew: Bool = true) -> Bool {
    isOpen && limits.allow(request) && !(isNew && replica.isQueueFull(for: request))
  }

  /// Takes a request, as far as it has come. When it cuts the run under way: the time at which that
  /// ends now.
  mutating func receive(
    _ sequence: Sequence, of request: ArrivingRequest, now: Int64
  ) -> Int64? {
    replica.enqueue(sequence, furtherOutputs: limits.samples.furtherOutputs(of: request))
    return run.isCutByArrivals ? cutRun(now: now) : nil
  }

  /// A request that was computed elsewhere is to decode here. The time returned is that of
  /// ``receive(_:of:now:)``, as in what follows.
  mutating func expect(_ sequence: Sequence, from place: ParkingPlace, now: Int64) -> Int64? {
    // Behind others it is not looked at.
    let isFirst = replica.handovers.inbound.isEmpty
    replica.expect(sequence, from: place)
    return isFirst ? cutRun(now: now) : nil
  }

  /// The blocks of a request that was computed elsewhere are here.
  mutating func land(_ slot: Int, now: Int64) -> Int64? {
    replica.land(slot)
    return cutRun(now: now)
  }

  /// A request that was to be copied here will not come. What it has is free when the step under
  /// way ends.
  mutating func giveUp(_ slot: Int, now: Int64) -> Int64? {
    givenUp.append(slot)
    if runEndNs == nil { clearGivenUp() }
    return cutRun(now: now)
  }

  private mutating func clearGivenUp() {
    for slot in givenUp { replica.giveUp(slot) }
    givenUp.clear()
  }

  /// A request that was computed here is decoded elsewhere, or given up.
  mutating func unpark(_ slot: Int) { replica.unpark(slot) }

  /// The run under way ends with the step under way.
  private mutating func cutRun(now: Int64) -> Int64? {
    guard runEndNs != nil, run.steps > 1 else { return nil }
    let steps = run.span.steps(lasting: now - run.startNs, limit: run.steps)
    guard steps < run.steps else { return nil }
    return endRun(afterSteps: steps)
  }

  /// The run has so many steps; when it ends with them.
  private mutating func endRun(afterSteps steps: Int) -> Int64 {
    run.steps = steps
    let endNs = run.startNs + run.cost.totalNs
    runEndNs = endNs
    return endNs
  }

  /// The demand at `now`, in the course of a run as if it were walked.
  func kvDemand(now: Int64) -> KVDemand {
    var blocks =
      replica.pool.used + replica.pool.blocks(forTokens: replica.waitingTokens)
      + replica.hostPool.used + replica.pool.blocks(forTokens: replica.handovers.inboundTokens)
    if runEndNs != nil, run.steps > 1 {
      let begun = run.span.steps(lasting: now - run.startNs, limit: run.steps)
      blocks += replica.decodes.blocks(steps: begun) - replica.decodes.nextBlocks
    }
    return KVDemand(blocks: blocks, capacity: replica.pool.capacity)
  }

  // MARK: Runs

  /// The step that was planned passes through stages and ends then.
  mutating func endStep(at endNs: Int64) {
    run.stageWaitNs = endNs - run.startNs - run.cost.totalNs
    runEndNs = endNs
  }

  /// Plans a step; where its batch would stay the same for several, starts them as one run.
  /// - Precondition: ``isIdleWithWork``.
  mutating func startRun(now: Int64, _ metrics: inout RunMetrics) -> Start {
    scheduler.plan(&replica, now: now)
    pulls.clear()
    while let pull = replica.takeInbound() { pulls.append(pull) }
    summary.peakRunning = max(summary.peakRunning, replica.runningCount)
    let hasChunks = !replica.batch.chunks.isEmpty
    guard hasChunks || replica.batch.decodeSequences > 0 else {
      precondition(replica.handovers.ownBlocks, "what fits the pool is never stuck")
      metrics.started(preempted: replica.preemptedNow, copies: replica.copies)
      return .noRun
    }
    // A step with prompts or drafted tokens is one by itself, and so is each of a lane.
    let isSingle = hasChunks || configuration.options.speculation != nil || isLane
    let span =
      isSingle
      ? DecodeSpan(first: pricer.cost(of: replica.batch), growthNs: 0, steps: 1)
      : pricer.decodeSpan(of: replica.batch)
    var steps = 1
    var isCutByArrivals = false
    if !isSingle {
      steps = self.steps(of: span)
      while span.estimatedNs(ofFirst: steps) >= Double(simulationHorizonNs - now) {
        guard steps > 1 else { return .beyondHorizon }
        steps /= 2
      }
      isCutByArrivals = steps > 1 && scheduler.outlook(replica) == .whoComes
    }
    run = Run(
      startNs: now, waitingRequests: replica.pendingCount, span: span,
      swapNs: configuration.hostMemory.ns(of: replica.copies), isCutByArrivals: isCutByArrivals)
    if isLane { pricer.spread(span.first, of: replica.batch, over: &stageTimes) }
    metrics.started(preempted: replica.preemptedNow, copies: replica.copies)
    return .until(endRun(afterSteps: steps))
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
  /// - Parameter besides: the slots of the other lanes of its pipeline.
  mutating func completeRun(
    now: Int64, besides: SlotCount = .none, _ metrics: inout RunMetrics,
    _ records: inout RecordBuffer
  ) {
    precondition(runEndNs == now, "a run ends once")
    runEndNs = nil
    departures.clear()
    replica.handovers.parkedNow.clear()
    let cost = run.cost
    let decodeSequences = replica.batch.decodeSequences
    let prefillTokens = replica.batch.prefillTokens
    let resumed = replica.resumedSlots.count
    if decodeSequences > 0 {
      if run.steps > 1 { replica.allocateDecodes(furtherSteps: run.steps - 1) }
      replica.completeDecodes(steps: run.steps, now: now)
      if configuration.keepsTokenTimes {
        replica.noteSteps(run.steps, startNs: run.startNs, span: run.span, now: now)
      }
      if let speculation = configuration.options.speculation {
        metrics.verified(
          decodeSequences, accepted: replica.acceptDrafts(speculation, draws))
      }
      for slot in replica.resumedSlots {
        metrics.produced(previousNs: replica.sequences[slot].lastTokenNs, now: now)
      }
    }
    metrics.stepped(
      startNs: run.startNs, cost: cost, steps: run.steps, firstStepNs: run.firstStepNs,
      growthNs: run.span.growthNs, prefillTokens: prefillTokens, decodeSequences: decodeSequences,
      resumed: resumed, decoding: replica.decodes.count - resumed, stalled: &stalled)
    var slotsAtEnd = replica.slotsOfBatch()
    slots.add(
      slotsAtEnd, decodes: replica.decodes, steps: run.steps, firstStepNs: run.firstStepNs,
      growthNs: run.span.growthNs)
    summary.steps += run.steps
    summary.busyNs += cost.totalNs
    summary.stageWaitNs += run.stageWaitNs
    summary.peakUsedBlocks = max(summary.peakUsedBlocks, replica.pool.peakUsed)
    summary.peakHostBlocks = max(summary.peakHostBlocks, replica.hostPool.peakUsed)
    if records.keepsSteps {
      slotsAtEnd += besides
      records.record(
        StepRecord(
          startNs: run.startNs, endNs: now, steps: Int64(run.steps),
          decodeSequences: Int64(decodeSequences),
          contextTokens: Int64(replica.batch.contextTokens),
          prefillSequences: Int64(replica.batch.chunks.count), prefillTokens: Int64(prefillTokens),
          waitingRequests: Int64(run.waitingRequests),
          preemptedRequests: Int64(replica.preemptedNow),
          usedBlocks: Int64(slotsAtEnd.blocks), emptySlots: Int64(slotsAtEnd.empty), cost: cost,
          replica: Int64(index)))
    }
    while let finished = replica.popFinished() { leave(finished, now: now) }
    for index in replica.chunkSlots.indices {
      let (chunk, slot) = (replica.batch.chunks[index], replica.chunkSlots[index])
      let done = replica.completeChunk(chunk, of: slot, now: now) {
        metrics.produced(previousNs: $0, now: now)
      }
      if let done { leave(done, now: now) }
    }
    clearGivenUp()
    passOnEvents(to: &records)
  }

  /// Records what has happened to requests. To be called behind each plan, when those of other
  /// replicas that were planned at the same instant have recorded theirs.
  mutating func passOnEvents(to records: inout RecordBuffer) {
    if configuration.keepsTokenTimes { replica.passOnTokens(to: &records) }
    guard !replica.events.isEmpty else { return }
    for var event in replica.events {
      event.replica = Int64(index)
      records.record(event)
    }
    replica.events.clear()
  }

  /// All that is in the memory is lost, and the step under way with it; the requests that were
  /// here, in the order of their numbers, as they are without it.
  mutating func fail(
    now: Int64, _ metrics: inout RunMetrics, _ records: inout RecordBuffer
  ) -> [Sequence] {
    if runEndNs != nil {
      let whole = run.span.steps(lasting: now - run.startNs, limit: run.steps) - 1
      if whole > 0 { completeRun(now: endRun(afterSteps: whole), &metrics, &records) }
    }
    runEndNs = nil
    stalled.removeAll()
    clearGivenUp()
    if configuration.keepsTokenTimes {
      replica.noteTokensOfAll()
      replica.passOnTokens(to: &records)
    }
    let displaced = replica.displacedSequences(now: now)
    metrics.displaced(
      requests: displaced.count, preempted: displaced.count - replica.waiting.count)
    for (sequence, lost) in displaced {
      records.record(
        EventRecord(
          kind: .displaced, timeNs: now, replica: Int64(index), request: sequence.id,
          cause: .failure, tokens: Int64(lost.tokens), blocks: Int64(lost.blocks)))
    }
    (replica, scheduler) = initial
    return displaced.map(\.sequence)
  }

  /// The request whose last sequence was in a slot leaves.
  private mutating func leave(_ slot: Int, now: Int64) {
    var record = replica.sequences[slot].record(now: now, replica: index)
    let group = replica.sequences[slot].group
    if group >= 0 { replica.close(group, into: &record) }
    summary.requests += 1
    summary.outputTokens += Int(record.outputTokens)
    departures.append(record)
  }
}
