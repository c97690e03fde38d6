/// A request inside a replica.
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
  }

  var state: State = .vacant
  var id: Int64 = 0
  /// Which of the workload's classes it is of.
  var requestClass = 0
  var arrivalNs: Int64 = 0
  var scheduledNs: Int64 = -1
  var firstTokenNs: Int64 = -1
  /// When its latest token was ready, to measure the gap across a preemption; while decoding, as of
  /// ``joinedStep``.
  var lastTokenNs: Int64 = -1
  var promptTokens = 0
  var outputTokens = 0
  /// Lower is more urgent.
  var priority = 0
  /// When its first token is wanted; `.max` where nobody said.
  var deadlineNs = Int64.max
  /// Tokens produced; while decoding, as of ``joinedStep``.
  var emitted = 0
  var preemptions = 0
  /// Tokens to compute before it decodes: the prompt, and after a preemption what it had produced.
  var prefillTarget = 0
  /// Of these, tokens in the cache, or in the host's memory.
  var prefilled = 0
  /// While it waits to be computed again, whole blocks of its own that it had filled; while a turn
  /// waits for the first time, those that its session has left.
  var retiredBlocks = 0
  /// The place of its session, whose next turn may want its blocks; -1 where nobody may.
  var sessionPlace = -1
  /// Which of the workload's known prompts it has; -1 where nothing is known of it.
  var promptRow = -1
  /// Units of its prompt that it may share (``SharedPrefixes``); the first `heldUnits` of them it
  /// holds, and owns no blocks of its own for them.
  var shareableUnits = 0
  var heldUnits = 0
  /// Tokens of its prompt that were in the cache when it was first admitted.
  var foundTokens = 0
  /// Decode steps that the replica had done when this one joined.
  var joinedStep: Int64 = 0
  /// The decode step with which it ends.
  var finishStep: Int64 = 0
  /// Names its entries among the finishes and the contexts; another after each joining.
  var ticket: UInt64 = 0
  /// Its neighbours in the order of admission; -1 at the ends.
  var older = -1
  var younger = -1

  /// Tokens in the cache after so many decode steps of the replica.
  func cachedTokens(step: Int64) -> Int {
    state == .decoding ? prefillTarget + Int(step - joinedStep) : prefilled
  }

  /// Whether all is computed but the next token: while it is swapped, that it decodes again when it
  /// comes back.
  var isComputed: Bool { prefilled == prefillTarget }

  /// Tokens whose blocks it owns: a prompt's are taken on admission.
  func ownedTokens(step: Int64) -> Int {
    state == .decoding ? cachedTokens(step: step) : state == .prefilling ? prefillTarget : 0
  }

  /// Tokens produced after so many decode steps of the replica.
  func emittedTokens(step: Int64) -> Int {
    state == .decoding ? emitted + Int(step - joinedStep) : emitted
  }

  /// Tokens in the cache before it ends: the last one produced is never written there.
  var tokensAtEnd: Int { promptTokens + outputTokens - 1 }

  /// Tokens still to be produced after so many decode steps of the replica.
  func outputsToCome(step: Int64) -> Int { outputTokens - emittedTokens(step: step) }

  /// What is recorded of it when it has produced its last token at `now` on a replica.
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
      priority: Int64(request.priority), replica: -1)
  }
}
