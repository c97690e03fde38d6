/// That the requests of a class come in sessions, as the messages of a conversation do: each is a
/// *turn*, whose prompt is all prompts and outputs of the turns before it with new tokens behind
/// them.
///
/// What arrives by the workload's process are first turns. Every other one is due when the turn
/// before it has finished and its sender has thought.
public struct Sessions: Hashable, Sendable {
  /// Turns of a session.
  public let turns: Workload.Lengths
  /// The pause between a turn that has finished and the next one.
  public let thinkTime: Workload.ThinkTime

  /// - Precondition: no trace says how many turns there are; nobody thinks beyond
  ///   ``simulationHorizonNs``, or less than no time.
  public init(turns: Workload.Lengths, thinkTime: Workload.ThinkTime = .none) {
    precondition(turns != .fromTrace && thinkTime.isWithinHorizon)
    self.turns = turns
    self.thinkTime = thinkTime
  }
}

extension Workload.ThinkTime {
  /// Whether pauses, or their mean, are neither negative nor beyond ``simulationHorizonNs``.
  var isWithinHorizon: Bool {
    switch self {
    case .fixed(let ns), .exponential(let ns): (0...simulationHorizonNs).contains(ns)
    }
  }

  /// A pause in nanoseconds, drawn for an entity where pauses differ.
  func ns(
    of purpose: RandomStream.Purpose, entity: Int64, from draws: RandomStream
  ) -> Int64 {
    switch self {
    case .fixed(let ns): ns
    case .exponential(let meanNs):
      Workload.nanoseconds(draws.exponential(purpose, entity: entity) * Double(meanNs))
    }
  }
}

extension Workload {
  /// Whether requests of any class come in sessions.
  public var hasSessions: Bool { classes.contains { $0.sessions != nil } }

  /// Whether a prompt may begin as another one, or an output of its session, did.
  public var hasCommonPrefixes: Bool { prompts != nil || hasSessions }
}
