import Simulator

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
  /// A pool is full of which this share was in use.
  private static let full = 0.98

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
    let isIdle = limit.slowSide.busyShare < CapacityPlan.busy
    let hasSeats = limit.sides.allSatisfy { $0.sequencesShare < 1 }
    guard let best = own.max(by: { $0.gain < $1.gain }) else {
      let isFull = limit.sides.contains { $0.poolShare >= CapacityPlan.full }
      if isFull || limit.preemptionsPerRequest >= 0.01 { return .memory }
      if !hasSeats { return .sequences }
      return isIdle ? .queueing : .steps
    }
    if case .memory = best.supposition, best.gain > leastGain { return .memory }
    if !hasSeats, best.gain <= leastGain { return .sequences }
    if isIdle { return .queueing }
    guard best.gain > leastGain else { return .steps }
    switch best.supposition {
    case .bandwidth: return .bandwidth
    case .arithmetic: return .arithmetic
    case .none, .memory, .kernels: return .steps
    }
  }

  /// Of a cell whose replicas do not all do the same, what those do that end the load of an option;
  /// nil of others.
  public func side(of place: Int) -> ReplicaRole? {
    guard let limit = options[place].held?.limit, limit.sides.count > 1 else { return nil }
    /// What waits for a replica that decodes stays where its prompt was computed, so that of two
    /// full sides the last one is at fault.
    func fullest(_ share: (LoadLimit.Side) -> Double, of full: Double) -> ReplicaRole? {
      limit.sides.reversed().max { min(full, share($0)) < min(full, share($1)) }?.role
    }
    switch binding(of: place) {
    case .nothing: return nil
    case .memory: return fullest(\.poolShare, of: CapacityPlan.full)
    case .sequences: return fullest(\.sequencesShare, of: 1)
    case .bandwidth, .arithmetic, .queueing, .steps: return limit.slowSide.role
    }
  }
}
