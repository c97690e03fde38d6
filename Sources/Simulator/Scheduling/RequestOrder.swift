/// The order in which waiting requests are admitted, and in which running ones yield: the last in
/// it first.
enum RequestOrder: Hashable, Sendable {
  /// As they came. Where a preempted one goes is the policy's to say, and the youngest yields: the
  /// one that was admitted last.
  case arrival
  /// By priority, the lowest number first.
  case priority
  /// By the time at which the first token is wanted, the earliest first; those for which nobody
  /// said come last.
  case deadline
  /// By the length of the prompt, the shortest first.
  case shortestPrompt

  /// Where a request stands. It stays there as long as the request lives, preempted or not.
  func rank(of sequence: Sequence) -> Rank {
    let key: Int64 =
      switch self {
      case .arrival: 0
      case .priority: Int64(sequence.priority)
      case .deadline: sequence.deadlineNs
      case .shortestPrompt: Int64(sequence.promptTokens)
      }
    return Rank(
      key: key, id: sequence.id * Int64(RequestClass.mostSamples) + Int64(sequence.sample))
  }

  /// A place in an order; no two sequences have the same. Of two with the same key the one that
  /// came first has the lower number, and of one request's samples the first.
  struct Rank: Comparable {
    let key: Int64
    let id: Int64

    static func < (one: Rank, other: Rank) -> Bool {
      one.key != other.key ? one.key < other.key : one.id < other.id
    }
  }
}

extension EngineOptions.Scheduler {
  /// The order in which requests wait for it.
  var order: RequestOrder {
    switch self {
    case .vllm, .sglang, .sarathi, .vllmV0, .staticBatching: .arrival
    case .priority: .priority
    case .edf: .deadline
    case .shortestPromptFirst: .shortestPrompt
    }
  }
}
