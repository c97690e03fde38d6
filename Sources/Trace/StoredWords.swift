import Simulator

// The words that stand in a trace's files for what records have as cases.

extension RequestRecord.Outcome {
  /// The word that stands in the file.
  var stored: StaticString {
    switch self {
    case .finished: "finished"
    case .rejected: "rejected"
    }
  }

  /// The outcome that a word of the file stands for; nil for any other word.
  init?(stored: String) {
    let found = Self.allCases.first { $0.stored.description == stored }
    guard let outcome = found else { return nil }
    self = outcome
  }
}

extension EventRecord.Kind {
  /// The word that stands in the file.
  var stored: StaticString {
    switch self {
    case .preempted: "preempted"
    case .swappedOut: "swapped_out"
    case .resumed: "resumed"
    case .recomputed: "recomputed"
    case .swappedIn: "swapped_in"
    case .displaced: "displaced"
    case .handedOver: "handed_over"
    case .replicaFailed: "replica_failed"
    case .replicaRecovered: "replica_recovered"
    case .replicaStarting: "replica_starting"
    case .replicaReady: "replica_ready"
    case .replicaDraining: "replica_draining"
    case .replicaReopened: "replica_reopened"
    case .replicaOff: "replica_off"
    case .rejected: "rejected"
    }
  }

  /// The kind that a word of the file stands for; nil for any other word.
  init?(stored: String) {
    let found = Self.allCases.first { $0.stored.description == stored }
    guard let kind = found else { return nil }
    self = kind
  }
}

extension EventRecord.Cause {
  /// The word that stands in the file; nil for no cause.
  public var stored: StaticString? {
    switch self {
    case .none: nil
    case .decodes: "decodes"
    case .urgency: "urgency"
    case .failure: "failure"
    case .context: "context"
    case .step: "step"
    case .pool: "pool"
    case .seats: "seats"
    case .queue: "queue"
    case .noReplica: "no_replica"
    case .turn: "turn"
    }
  }

  /// The cause that a word of the file stands for, or its lack; nil for any other word.
  init?(stored: String?) {
    let found = Self.allCases.first { $0.stored?.description == stored }
    guard let cause = found else { return nil }
    self = cause
  }
}
