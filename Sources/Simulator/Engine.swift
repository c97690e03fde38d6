import CostModel

/// What a run needs beside its workload and prices.
public struct EngineConfiguration: Sendable {
  /// The engine's options.
  public let options: EngineOptions
  /// Blocks in the KV pool (see ``PoolPlan``).
  public let poolBlocks: Int
  /// The host's memory for preempted requests.
  public let hostMemory: HostMemory
  /// The longest prompt and output together, in tokens; longer requests are rejected.
  public let maxPositions: Int
  /// Walks every decode step instead of jumping over runs of them. The timings are the same.
  public let usesExactSteps: Bool
  /// Checks all invariants after every event: slow, for tests.
  public let checksInvariants: Bool

  /// A configuration; jumps and checks nothing unless asked.
  public init(
    options: EngineOptions, poolBlocks: Int, hostMemory: HostMemory = .none, maxPositions: Int,
    usesExactSteps: Bool = false, checksInvariants: Bool = false
  ) {
    self.options = options
    self.poolBlocks = poolBlocks
    self.hostMemory = hostMemory
    self.maxPositions = maxPositions
    self.usesExactSteps = usesExactSteps
    self.checksInvariants = checksInvariants
  }
}

/// The longest time that a run may cover: a hundred years of 365.25 days, in nanoseconds. Slower
/// prices or rarer arrivals than that are mistakes, and clocks beyond it could overflow.
public let simulationHorizonNs: Int64 = 3_155_760_000_000_000_000

/// Plays a workload against one engine: every request, from its arrival to its last token.
///
/// Deterministic: the same workload, seed, configuration and prices give the same records.
/// Between two events that can change the batch, decode steps are priced in closed form.
/// - Throws: what the recorder throws.
public func simulate<Pricer: StepPricing, Records: Recorder>(
  _ workload: Workload, seed: UInt64, configuration: EngineConfiguration, pricer: Pricer,
  recorder: inout Records
) throws(Records.Failure) -> RunSummary {
  switch configuration.options.scheduler {
  case .vllm:
    var engine = Engine(
      workload: workload, seed: seed, configuration: configuration, pricer: pricer,
      scheduler: ContinuousBatching())
    return try engine.run(&recorder)
  case .sglang:
    var engine = Engine(
      workload: workload, seed: seed, configuration: configuration, pricer: pricer,
      scheduler: PrefillFirst())
    return try engine.run(&recorder)
  }
}

/// The event loop of one replica.
struct Engine<Pricer: StepPricing, Policy: Scheduler> {
  /// What can happen. The raw value ranks ties: all requests due at an instant come before its
  /// client's task ends, and both before its step ends, whichever was scheduled first.
  private enum EventKind: UInt64 {
    case due = 0
    case clientTaskEnd = 1
    case stepEnd = 2
  }

  /// A run of steps under way.
  private struct Run {
    var startNs: Int64 = 0
    var waitingRequests = 0
    var steps = 0
    var firstStepNs: Int64 = 0
    var growthNs: Int64 = 0
    var cost = StepCost()
  }

  private let configuration: EngineConfiguration
  private let pricer: Pricer
  private var scheduler: Policy
  private var source: RequestSource
  private var client: ClientThread
  private(set) var replica: Replica
  private(set) var metrics = RunMetrics()
  private var events = EventQueue()
  private var scheduled: UInt64 = 0
  private var clock: Int64 = 0
  private var current: Run?
  private var reachedHorizon = false

  init(
    workload: Workload, seed: UInt64, configuration: EngineConfiguration, pricer: Pricer,
    scheduler: Policy
  ) {
    self.configuration = configuration
    self.pricer = pricer
    self.scheduler = scheduler
    source = RequestSource(workload: workload, seed: seed)
    client = ClientThread(workload.client)
    replica = Replica(
      options: configuration.options, poolBlocks: configuration.poolBlocks,
      hostBlocks: configuration.hostMemory.blocks, prompts: workload.prompts)
  }

  mutating func run<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) -> RunSummary {
    for _ in 0..<source.initialRequests { scheduleNextRequest() }
    while let event = events.pop() {
      guard event.time <= simulationHorizonNs else {
        reachedHorizon = true
        break
      }
      clock = event.time
      switch EventKind(rawValue: event.payload)! {
      case .due: try requestIsDue(&recorder)
      case .clientTaskEnd: try endClientTask(&recorder)
      case .stepEnd: try completeRun(&recorder)
      }
      // A step is planned when all that happens at its start has happened.
      if current == nil, events.first?.time != clock, !replica.isDrained { startRun() }
      if reachedHorizon { break }
      if configuration.checksInvariants { replica.checkInvariants() }
    }
    precondition(
      reachedHorizon || replica.isDrained && source.isExhausted, "a run ends when all have left")
    return metrics.summary(
      pool: replica.pool, hostPool: replica.hostPool, reachedHorizon: reachedHorizon)
  }

  // MARK: Arrivals

  private mutating func schedule(_ kind: EventKind, at time: Int64) {
    events.push(
      Event(time: time, order: kind.rawValue << 62 | scheduled, payload: kind.rawValue))
    scheduled += 1
  }

  /// In a closed loop, when the client of the request `finished` has thought. Several can be due
  /// there; each event takes the next as it fires.
  private mutating func scheduleNextRequest(after finished: Int64? = nil) {
    guard source.hasUnscheduled else { return }
    schedule(.due, at: source.nextDueNs(after: finished, now: clock))
  }

  private mutating func requestIsDue<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) {
    let request = source.next()
    if !source.isClosedLoop { scheduleNextRequest() }
    if client.isInstant {
      metrics.arrived(at: clock)
      try receive(request, arrivalNs: clock, &recorder)
    } else if client.append(request) {
      scheduleClientTask()
    }
  }

  private mutating func scheduleClientTask() {
    if let ns = client.taskNs { schedule(.clientTaskEnd, at: clock + ns) }
  }

  private mutating func endClientTask<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) {
    switch client.endTask(now: clock) {
    case .prepared: metrics.arrived(at: clock)
    case .sent(let request, let arrivalNs):
      try receive(request, arrivalNs: arrivalNs, &recorder)
    }
    scheduleClientTask()
  }

  /// The engine has a request.
  private mutating func receive<Records: Recorder>(
    _ request: ArrivingRequest, arrivalNs: Int64, _ recorder: inout Records
  ) throws(Records.Failure) {
    // The last token produced is never written to the cache.
    let cached = request.promptTokens + request.outputTokens - 1
    if cached < configuration.maxPositions,
      replica.pool.blocks(forTokens: cached) <= replica.pool.capacity
    {
      replica.enqueue(request, arrivalNs: arrivalNs)
    } else {
      var rejected = Sequence()
      rejected.id = request.id
      rejected.arrivalNs = arrivalNs
      rejected.promptTokens = request.promptTokens
      try leave(rejected, outcome: .rejected, &recorder)
    }
  }

  private mutating func leave<Records: Recorder>(
    _ sequence: Sequence, outcome: RequestRecord.Outcome, _ recorder: inout Records
  ) throws(Records.Failure) {
    let record = sequence.record(outcome: outcome, now: clock)
    metrics.left(record)
    try recorder.record(record)
    if source.isClosedLoop { scheduleNextRequest(after: record.id) }
  }

  // MARK: Steps

  /// Plans a step; where its batch would stay the same for several, starts them as one run.
  private mutating func startRun() {
    scheduler.plan(&replica, now: clock)
    let batch = replica.batch
    precondition(
      batch.decodeSequences > 0 || !batch.chunks.isEmpty, "what fits the pool is never stuck")
    var run = Run(startNs: clock, waitingRequests: replica.pendingCount)
    if batch.chunks.isEmpty {
      let span = pricer.decodeSpan(of: batch)
      run.steps = steps(of: span)
      guard span.estimatedNs(ofFirst: run.steps) < Double(simulationHorizonNs - clock) else {
        reachedHorizon = true
        return
      }
      if run.steps > 1 { replica.allocateDecodes(furtherSteps: run.steps - 1) }
      run.cost = span.cost(ofFirst: run.steps)
      run.firstStepNs = span.first.totalNs
      run.growthNs = span.growthNs
    } else {
      run.steps = 1
      run.cost = pricer.cost(of: batch)
      run.firstStepNs = run.cost.totalNs
    }
    // Copies come before the step, and only a run of one step has any.
    let swapNs = configuration.hostMemory.ns(of: replica.copies)
    run.cost.addSwap(swapNs)
    run.firstStepNs += swapNs
    metrics.started(
      running: replica.runningCount, preempted: replica.preemptedNow, copies: replica.copies)
    current = run
    schedule(.stepEnd, at: clock + run.cost.totalNs)
  }

  /// For how many steps nothing can change the batch: no sequence ends, blocks last, the price
  /// stays on its line, and the scheduler looks at no request: neither at one that waits nor, where
  /// none does, at the next that comes.
  private mutating func steps(of span: DecodeSpan) -> Int {
    guard !configuration.usesExactSteps, replica.preemptedNow == 0, replica.resumedSlots.isEmpty,
      let finishStep = replica.nextFinishStep()
    else { return 1 }
    var steps = min(span.steps, Int(finishStep - replica.decodes.step))
    steps = replica.decodes.steps(
      lastingBlocks: replica.pool.free + replica.decodes.nextBlocks, limit: steps)
    guard scheduler.looksAtRequests(replica) else { return steps }
    guard replica.waiting.isEmpty else { return 1 }
    guard let next = events.first else { return steps }
    return span.steps(lasting: next.time - clock, limit: steps)
  }

  private mutating func completeRun<Records: Recorder>(
    _ recorder: inout Records
  ) throws(Records.Failure) {
    guard let run = current else { preconditionFailure("a step ends once") }
    current = nil
    let batch = replica.batch
    if batch.decodeSequences > 0 { replica.completeDecodes(steps: run.steps, now: clock) }
    for slot in replica.resumedSlots {
      metrics.produced(previousNs: replica.sequences[slot].lastTokenNs, now: clock)
    }
    metrics.stepped(
      startNs: run.startNs, cost: run.cost, steps: run.steps, firstStepNs: run.firstStepNs,
      growthNs: run.growthNs, batch: batch, resumed: replica.resumedSlots.count,
      decoding: replica.decodes.count)
    metrics.slots.add(
      replica.slots(beside: batch), decodes: replica.decodes, steps: run.steps,
      firstStepNs: run.firstStepNs, growthNs: run.growthNs)
    try recorder.record(
      StepRecord(
        startNs: run.startNs, endNs: clock, steps: Int64(run.steps),
        decodeSequences: Int64(batch.decodeSequences), contextTokens: Int64(batch.contextTokens),
        prefillSequences: Int64(batch.chunks.count),
        prefillTokens: Int64(batch.chunks.reduce(0) { $0 + $1.tokens }),
        waitingRequests: Int64(run.waitingRequests),
        preemptedRequests: Int64(replica.preemptedNow),
        usedBlocks: Int64(replica.pool.used), cost: run.cost))
    while let finished = replica.popFinished() {
      try leave(finished, outcome: .finished, &recorder)
    }
    for (index, chunk) in batch.chunks.enumerated() {
      let done = replica.completeChunk(chunk, of: replica.chunkSlots[index], now: clock) {
        metrics.produced(previousNs: $0, now: clock)
      }
      if let done { try leave(done, outcome: .finished, &recorder) }
    }
  }
}
