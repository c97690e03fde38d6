import CostModel

/// What happened to one request. Times are nanoseconds since the start of the run.
public struct RequestRecord: Hashable, Sendable {
  /// How a request left the system.
  public enum Outcome: UInt8, Sendable, CaseIterable {
    /// Every output token was produced.
    case finished
    /// Refused: an event of the kind `rejected` says why.
    case rejected
  }

  /// Its number, from 0 in the order in which requests fall due.
  public var id: Int64
  /// When it arrived: with a client that takes time, when its clock started there.
  public var arrivalNs: Int64
  /// When the first step that worked on it started; -1 if none did.
  public var scheduledNs: Int64
  /// When its first output token was ready; -1 if none was.
  public var firstTokenNs: Int64
  /// When its last output token was ready, or when it was rejected.
  public var finishNs: Int64
  /// Tokens of the prompt.
  public var promptTokens: Int64
  /// Of these, tokens that were in the prefix cache when it was first admitted.
  public var cachedTokens: Int64
  /// Tokens produced, of all samples.
  public var outputTokens: Int64
  /// How often it lost its pages, to be computed again or brought back; of all samples.
  public var preemptions: Int64
  /// How it left.
  public var outcome: Outcome
  /// Its class: a place in the workload's list of them, from 0.
  public var requestClass: Int64
  /// Its priority; lower is handled first by schedulers that go by it.
  public var priority: Int64
  /// The replica that it left, from 0; -1 if it was on none.
  public var replica: Int64
  /// Samples of its prompt that were wanted.
  public var samples: Int64
  /// Tokens of the sample that ended last; of several that ended then, the fewest.
  public var lastSampleTokens: Int64

  /// A record of a request, complete. Where nothing is said of the sample that ended last it was
  /// the only one.
  public init(
    id: Int64, arrivalNs: Int64, scheduledNs: Int64, firstTokenNs: Int64, finishNs: Int64,
    promptTokens: Int64, cachedTokens: Int64, outputTokens: Int64, preemptions: Int64,
    outcome: Outcome, requestClass: Int64 = 0, priority: Int64 = 0, replica: Int64 = 0,
    samples: Int64 = 1, lastSampleTokens: Int64? = nil
  ) {
    self.id = id
    self.arrivalNs = arrivalNs
    self.scheduledNs = scheduledNs
    self.firstTokenNs = firstTokenNs
    self.finishNs = finishNs
    self.promptTokens = promptTokens
    self.cachedTokens = cachedTokens
    self.outputTokens = outputTokens
    self.preemptions = preemptions
    self.outcome = outcome
    self.requestClass = requestClass
    self.priority = priority
    self.replica = replica
    self.samples = samples
    self.lastSampleTokens = lastSampleTokens ?? outputTokens
  }

  /// Time to first token, from arrival; nil without a token.
  public var ttftNs: Int64? { firstTokenNs < 0 ? nil : firstTokenNs - arrivalNs }
  /// Time from arrival to the first step that worked on it; nil if none did.
  public var queueNs: Int64? { scheduledNs < 0 ? nil : scheduledNs - arrivalNs }
  /// Time from arrival to the last token; nil unless finished.
  public var e2eNs: Int64? { outcome == .finished ? finishNs - arrivalNs : nil }
  /// Mean time per output token after the first, of the sample that ended last, rounded down; nil
  /// below two tokens.
  public var tpotNs: Int64? {
    guard outcome == .finished, lastSampleTokens > 1 else { return nil }
    return (finishNs - firstTokenNs) / (lastSampleTokens - 1)
  }
}

/// A run of engine steps with one batch: one mixed step, or several decode steps in a row.
public struct StepRecord: Hashable, Sendable {
  /// When the first step started.
  public var startNs: Int64
  /// When the last step ended.
  public var endNs: Int64
  /// How many steps.
  public var steps: Int64
  /// Sequences that decode, one token a step or those that were accepted and one more.
  public var decodeSequences: Int64
  /// Cached tokens that the decodes attend to in the first step, all sequences together.
  public var contextTokens: Int64
  /// Sequences whose prompt is worked on.
  public var prefillSequences: Int64
  /// Prompt tokens computed.
  public var prefillTokens: Int64
  /// Requests waiting while the run went on, at its start.
  public var waitingRequests: Int64
  /// Sequences preempted to make room for the run.
  public var preemptedRequests: Int64
  /// Blocks owned by sequences at the end of the last step, before finished ones leave.
  public var usedBlocks: Int64
  /// Of the slots of these blocks, one a token, those that hold none at that time: taken ahead for
  /// the rest of a prompt, or behind the last token of a sequence.
  public var emptySlots: Int64
  /// Where the time went, over all steps of the run.
  public var cost: StepCost
  /// The replica, from 0.
  public var replica: Int64

  /// A run of steps, complete.
  public init(
    startNs: Int64, endNs: Int64, steps: Int64, decodeSequences: Int64, contextTokens: Int64,
    prefillSequences: Int64, prefillTokens: Int64, waitingRequests: Int64,
    preemptedRequests: Int64, usedBlocks: Int64, emptySlots: Int64, cost: StepCost,
    replica: Int64 = 0
  ) {
    self.startNs = startNs
    self.endNs = endNs
    self.steps = steps
    self.decodeSequences = decodeSequences
    self.contextTokens = contextTokens
    self.prefillSequences = prefillSequences
    self.prefillTokens = prefillTokens
    self.waitingRequests = waitingRequests
    self.preemptedRequests = preemptedRequests
    self.usedBlocks = usedBlocks
    self.emptySlots = emptySlots
    self.cost = cost
    self.replica = replica
  }
}

/// What a recorder makes use of; the rest need not be kept for it.
public enum RecordedKinds: Sendable {
  /// Requests, steps and events, and tokens where their times are kept.
  case all
  /// Requests alone, and the events that say why some were rejected.
  case requests
  /// Nothing.
  case none
}

/// Takes the records of a run as they happen: requests when they leave, steps when they end,
/// events, and, where their times are kept, tokens when their sequence stops decoding, before their
/// request leaves.
public protocol Recorder: SendableMetatype {
  /// What recording can throw; `Never` where it cannot fail.
  associatedtype Failure: Error
  /// What it makes use of; all of them unless it says otherwise.
  static var kinds: RecordedKinds { get }
  /// Whether recording is so much work that it is to be done while the run goes on: by one thread
  /// at a time, but not by the one that runs it.
  static var takesTime: Bool { get }
  /// A request left the system.
  mutating func record(_ request: RequestRecord) throws(Failure)
  /// A run of steps ended.
  mutating func record(_ run: StepRecord) throws(Failure)
  /// Something happened to a request or to a replica.
  mutating func record(_ event: EventRecord) throws(Failure)
  /// Tokens were ready. It drops them unless it says otherwise.
  mutating func record(_ tokens: TokenRecord) throws(Failure)
}

extension Recorder {
  /// All of them.
  public static var kinds: RecordedKinds { .all }
  /// It is not.
  public static var takesTime: Bool { false }
  /// Drops the record.
  public mutating func record(_ tokens: TokenRecord) throws(Failure) {}
}

/// Keeps nothing.
public struct NullRecorder: Recorder {
  /// Nothing.
  public static var kinds: RecordedKinds { .none }
  /// A recorder that drops every record.
  public init() {}
  /// Drops the record.
  public mutating func record(_ request: RequestRecord) throws(Never) {}
  /// Drops the record.
  public mutating func record(_ run: StepRecord) throws(Never) {}
  /// Drops the record.
  public mutating func record(_ event: EventRecord) throws(Never) {}
}
