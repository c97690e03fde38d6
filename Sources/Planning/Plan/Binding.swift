/// What ends the load of an option: what there would have to be more of.
public enum Binding: Hashable, Sendable {
  /// The KV pools.
  case memory
  /// The bandwidth of the devices' memory.
  case bandwidth
  /// The devices' rate of arithmetic.
  case arithmetic
  /// `max_num_seqs`.
  case sequences
  /// Requests wait for others though there is time left: bursts, against an objective on waiting.
  case queueing
  /// The time of the steps, whatever they spend it on.
  case steps
  /// Nothing that was tried.
  case nothing
}

extension CapacityPlan {
  /// A gain that is no more than what a search leaves open.
  public var leastGain: Double { 1 + planner.tolerance / 2 }
  /// A replica with steps for less of the time than this has time left.
  private static let busy = 0.8

  /// What ends the load of an option, which holds one.
  ///
  /// Of the best option of each format, that of memory, bandwidth and arithmetic of which a tenth
  /// more would help most, if it helps; of the others what was seen just above the load: a full
  /// pool or preemptions, or all seats taken. Where requests wait though replicas are idle a fifth
  /// of the time, it is the queue.
  public func binding(of place: Int) -> Binding {
    guard let limit = options[place].held?.limit else { return .nothing }
    guard limit.breach != .none else { return .nothing }
    let own = levers.filter { $0.option == place }
    let isIdle = limit.busyShare < CapacityPlan.busy
    guard let best = own.max(by: { $0.gain < $1.gain }) else {
      if limit.poolShare >= 0.98 || limit.preemptionsPerRequest >= 0.01 { return .memory }
      if limit.sequencesShare >= 1 { return .sequences }
      return isIdle ? .queueing : .steps
    }
    if case .memory = best.supposition, best.gain > leastGain { return .memory }
    if limit.sequencesShare >= 1, best.gain <= leastGain { return .sequences }
    if isIdle { return .queueing }
    guard best.gain > leastGain else { return .steps }
    switch best.supposition {
    case .bandwidth: return .bandwidth
    case .arithmetic: return .arithmetic
    case .none, .memory, .kernels: return .steps
    }
  }
}
