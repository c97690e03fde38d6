/// A request inside a replica, of which it has room for all that it will have. As thousands may
/// wait and each is copied once, its fields are narrow.
struct Sequence: Sendable {
  /// Where a request stands.
  enum State: UInt8, Sendable {
    /// No request: the slot is on the free list.
    case vacant
    /// In the queue, owning nothing.
    case waiting
    /// Its prompt is being computed.
    case prefilling
    /// It gets a token a step.
    case decoding
    /// What it has in the cache is in the host's memory; it owns no block of the pool.
    case swapped
    /// Its prompt is computed and its blocks wait to be copied to another replica.
    case parked
    /// In the queue for blocks into which another replica's are copied, owning nothing.
    case inbound
    /// Another replica's blocks are being copied, or were, into those that it owns; it decodes with
    /// the first step planned behind that.
    case incoming
  }

  var id: Int64 = 0
  var arrivalNs: Int64 = 0
  var scheduledNs: Int64 = -1
  var firstTokenNs: Int64 = -1
  /// When its latest token was ready, to measure the gap across a preemption; while decoding, as of
  /// ``joinedStep``.
  var lastTokenNs: Int64 = -1
  /// When it lost its blocks, or has had some again since.
  var interruptedNs: Int64 = -1
  /// When its first token is wanted; `.max` where nobody said.
  var deadlineNs = Int64.max
  /// Lower is more urgent.
  var priority = 0
  /// Decode steps that the replica had done when this one joined.
  var joinedStep: Int64 = 0
  /// The decode step with which it ends if every step gives it one token.
  var finishStep: Int64 = 0
  /// Names its entries among the finishes and the contexts; another after each joining.
  var ticket: UInt64 = 0
  /// Which turn of a session it is; nil where it is by itself.
  var session: SessionTurn?
  var state: State = .vacant
  /// Which of the workload's classes it is of.
  @Narrow var requestClass = 0
  @Narrow var promptTokens = 0
  @Narrow var outputTokens = 0
  /// Tokens produced; while decoding, as of ``joinedStep``, and all beyond one a step since.
  @Narrow var emitted = 0
  @Narrow var preemptions = 0
  /// Tokens to compute before it decodes: the prompt, and after a preemption what it had produced.
  /// While it decodes also all tokens beyond one a step.
  @Narrow var prefillTarget = 0
  /// Of these, tokens in the cache, or in the host's memory.
  @Narrow var prefilled = 0
  /// Tokens for which it has blocks while tokens are drafted for it: all of the latest step that is
  /// done, of which not every one was accepted. 0 where none are drafted.
  @Narrow var reservedTokens = 0
  /// Tokens of its prompt that were in the cache when it was first admitted.
  @Narrow var foundTokens = 0
  /// Seats that it takes: more than one until its prompt is computed, if it stands for as many
  /// samples.
  @Narrow var seats = 1
  /// Its neighbours in the order of admission; -1 at the ends.
  @Narrow var older = -1
  @Narrow var younger = -1
  /// Which of its request's samples it is, and where what is known of all of them stands in
  /// ``SampleGroups``: -1 for the only one.
  @Narrow var sample = 0
  @Narrow var group = -1
  /// Whole blocks of its prompt that it holds with its siblings, behind those of `heldUnits`; while
  /// it does not run, those that it held.
  @Narrow var sharedBlocks = 0
  /// Which of the workload's known prompts it has; -1 where nothing is known of it.
  @Narrow var promptRow = -1
  /// Units of its prompt, and of its output where that is known, that it may share
  /// (``SharedPrefixes``). The first `heldUnits` of them it holds, and owns no blocks of its own
  /// for them.
  @Narrow var shareableUnits = 0
  @Narrow var heldUnits = 0
  /// The place of its session, whose next turn may want its blocks; -1 where nobody may.
  @Narrow var sessionPlace = -1
  /// While it waits to be computed again, whole blocks of its own that it had filled, or where
  /// `isKeptBySession` those that its session has left.
  @Narrow var retiredBlocks = 0
  /// Units that stand before those blocks: only behind all of them are they worth anything.
  @Narrow var retiredUnits = 0
  var isKeptBySession = false

  // Small questions are inlined: a call would copy the sequence to ask it.

  /// Tokens in the cache after so many decode steps of the replica.
  @inline(__always)
  func cachedTokens(step: Int64) -> Int {
    state == .decoding ? prefillTarget + Int(step - joinedStep) : prefilled
  }

  /// Whether all is computed but the next token: while it is swapped, that it decodes again when it
  /// comes back.
  var isComputed: Bool { prefilled == prefillTarget }

  /// Whether it is in its prompt or decodes.
  var isRunning: Bool { state == .prefilling || state == .decoding }

  /// Tokens whose blocks it owns: a prompt's are taken on admission.
  @inline(__always)
  func ownedTokens(step: Int64) -> Int {
    switch state {
    case .decoding: max(cachedTokens(step: step), reservedTokens)
    case .prefilling, .parked, .incoming: prefillTarget
    case .vacant, .waiting, .swapped, .inbound: 0
    }
  }

  /// Tokens produced after so many decode steps of the replica.
  @inline(__always)
  func emittedTokens(step: Int64) -> Int {
    state == .decoding ? emitted + Int(step - joinedStep) : emitted
  }

  /// Tokens in the cache before it ends: the last one produced is never written there.
  var tokensAtEnd: Int { promptTokens + outputTokens - 1 }

  /// Tokens still to be produced after so many decode steps of the replica.
  @inline(__always)
  func outputsToCome(step: Int64) -> Int { outputTokens - emittedTokens(step: step) }

  /// The slot of no request.
  init() {}

  /// A request that comes, at a time of its own clock.
  init(_ request: ArrivingRequest, arrivalNs: Int64) {
    state = .waiting
    id = request.id
    requestClass = request.requestClass
    self.arrivalNs = arrivalNs
    promptTokens = request.promptTokens
    outputTokens = request.outputTokens
    prefillTarget = request.promptTokens
    priority = request.priority
    if let wanted = request.ttftObjectiveNs { deadlineNs = arrivalNs + wanted }
    promptRow = request.promptRow
    session = request.session
    seats = request.samples
  }

  /// The request that it plays, as it came; it alone, where it is one of several samples.
  var request: ArrivingRequest {
    ArrivingRequest(
      id: id, promptTokens: promptTokens, outputTokens: outputTokens, requestClass: requestClass,
      promptRow: promptRow, priority: priority,
      ttftObjectiveNs: deadlineNs == .max ? nil : deadlineNs - arrivalNs, session: session)
  }

  /// It has lost what it had in the cache, and waits to compute its prompt and what it has produced
  /// again.
  mutating func startOver(emitted tokens: Int) {
    state = .waiting
    emitted = tokens
    prefillTarget = promptTokens + tokens
    prefilled = 0
  }

  /// What is recorded of it when it has produced its last token at `now` on a replica, as the only
  /// sample of its request.
  @inline(__always)
  func record(now: Int64, replica: Int) -> RequestRecord {
    RequestRecord(
      id: id, arrivalNs: arrivalNs, scheduledNs: scheduledNs, firstTokenNs: firstTokenNs,
      finishNs: now, promptTokens: Int64(promptTokens), cachedTokens: Int64(foundTokens),
      outputTokens: Int64(outputTokens), preemptions: Int64(preemptions), outcome: .finished,
      requestClass: Int64(requestClass), priority: Int64(priority), replica: Int64(replica))
  }
}

extension RequestRecord {
  /// What is recorded of a request that no replica took.
  init(rejected request: ArrivingRequest, arrivalNs: Int64, now: Int64) {
    self.init(
      id: request.id, arrivalNs: arrivalNs, scheduledNs: -1, firstTokenNs: -1, finishNs: now,
      promptTokens: Int64(request.promptTokens), cachedTokens: 0, outputTokens: 0,
      preemptions: 0, outcome: .rejected, requestClass: Int64(request.requestClass),
      priority: Int64(request.priority), replica: -1, samples: Int64(request.samples))
  }
}
