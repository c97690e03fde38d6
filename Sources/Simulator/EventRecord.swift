/// Something that happened to a request from its arrival to its end, or to a replica. Times are
/// nanoseconds since the start of the run.
public struct EventRecord: Hashable, Sendable {
  /// What happened.
  public enum Kind: UInt8, Sendable, CaseIterable {
    /// A request lost its blocks of the pool, and waits to be computed again.
    case preempted
    /// The same, but what was in its blocks went to the host's memory.
    case swappedOut
    /// A request that had lost its blocks has blocks again; what it did not find in them is
    /// computed again from now on.
    case resumed
    /// A request had all that it had lost computed again, and with it its next token.
    case recomputed
    /// What a request had in the host's memory is brought back with the step that begins.
    case swappedIn
    /// A request lost its replica, and what it had there.
    case displaced
    /// The blocks of a prompt were copied from the replica that computed it to the one that decodes
    /// it.
    case handedOver
    /// A replica failed.
    case replicaFailed
    /// A replica that had failed serves again.
    case replicaRecovered
    /// A replica begins to start.
    case replicaStarting
    /// A replica that was starting serves.
    case replicaReady
    /// A replica gets no more requests.
    case replicaDraining
    /// A replica that got no more requests gets some again.
    case replicaReopened
    /// A replica is switched off.
    case replicaOff
    /// A request was rejected.
    case rejected
  }

  /// Why a request lost its blocks, or was rejected.
  public enum Cause: UInt8, Sendable, CaseIterable {
    /// It did neither.
    case none
    /// Those that decode needed blocks for their next tokens.
    case decodes
    /// A request that waited is more urgent.
    case urgency
    /// Its replica failed, or the one to which it was handed over or from which it was.
    case failure
    /// Rejected: prompt and output are longer than the model's context.
    case context
    /// Rejected: they are longer than a step, and the scheduler computes them in one piece.
    case step
    /// Rejected: they need more than the whole pool of a replica.
    case pool
    /// Rejected: it wants more samples than a replica has seats.
    case seats
    /// Rejected: the queues of all replicas that could play it were full.
    case queue
    /// Rejected: no replica was left that could play it, nor will any come back.
    case noReplica
    /// Rejected: the turn of its session before it was, so that nobody sends it.
    case turn
  }

  /// What happened.
  public var kind: Kind
  /// When.
  public var timeNs: Int64
  /// Since when, of what takes time: a request resumes or comes back from the host's memory since
  /// it lost its blocks, has computed them again since it resumed, is handed over since the copy
  /// began, and a replica serves since it was told to start. ``timeNs`` of all others.
  public var startNs: Int64
  /// The replica, from 0; of a request that is handed over the one that computed it; -1 of one that
  /// is rejected.
  public var replica: Int64
  /// The replica to which a request is handed over; -1 of all others.
  public var toReplica: Int64
  /// The request; -1 of a replica.
  public var request: Int64
  /// Which of its samples, from 0.
  public var sample: Int64
  /// Why it lost its blocks, or was rejected.
  public var cause: Cause
  /// The request for which it yielded; -1 where it was none in particular.
  public var yieldedTo: Int64
  /// Tokens in the cache: of a request those that it loses, finds again, has computed again, or
  /// whose blocks are copied; of one that is rejected those that it would have had at its end, in
  /// its longest sample.
  public var tokens: Int64
  /// Blocks that become free with it, or that are copied.
  public var blocks: Int64

  /// An event, complete.
  public init(
    kind: Kind, timeNs: Int64, startNs: Int64? = nil, replica: Int64, toReplica: Int64 = -1,
    request: Int64 = -1, sample: Int64 = 0, cause: Cause = .none, yieldedTo: Int64 = -1,
    tokens: Int64 = 0, blocks: Int64 = 0
  ) {
    self.kind = kind
    self.timeNs = timeNs
    self.startNs = startNs ?? timeNs
    self.replica = replica
    self.toReplica = toReplica
    self.request = request
    self.sample = sample
    self.cause = cause
    self.yieldedTo = yieldedTo
    self.tokens = tokens
    self.blocks = blocks
  }
}

extension EventRecord.Kind {
  /// Whether it happens as a step is planned, behind all else of that instant.
  var isPlanned: Bool {
    switch self {
    case .preempted, .swappedOut, .resumed, .swappedIn: true
    case .recomputed, .displaced, .handedOver, .replicaFailed, .replicaRecovered,
      .replicaStarting, .replicaReady, .replicaDraining, .replicaReopened, .replicaOff, .rejected:
      false
    }
  }
}
