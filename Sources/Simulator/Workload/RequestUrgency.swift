/// How urgent a request is to schedulers that go by it.
public struct RequestUrgency: Hashable, Sendable {
  /// Lower is more urgent, as in vLLM.
  public let priority: Int
  /// The time to first token that its sender wants, in nanoseconds; nil where none is stated.
  public let ttftObjectiveNs: Int64?

  /// - Precondition: the objective is not negative or beyond ``simulationHorizonNs``.
  public init(priority: Int = 0, ttftObjectiveNs: Int64? = nil) {
    precondition((0...simulationHorizonNs).contains(ttftObjectiveNs ?? 0))
    self.priority = priority
    self.ttftObjectiveNs = ttftObjectiveNs
  }
}
