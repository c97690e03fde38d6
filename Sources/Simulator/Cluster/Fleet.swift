/// Which replicas of a cluster are on, and for how long they were.
struct Fleet: Sendable {
  /// Where a replica stands.
  enum Phase: UInt8, Sendable {
    /// Not there, and free of charge.
    case off
    /// Switched on, and not serving yet.
    case starting
    /// It gets requests.
    case on
    /// It gets no more requests, and is switched off when the last of its own has left.
    case draining
    /// It has failed.
    case failed
  }

  /// What a look at a rule changes.
  enum Change: Equatable, Sendable {
    /// A replica that was on its way out serves on.
    case reopen(Int)
    /// A replica begins to start.
    case start(Int)
    /// A replica that was starting is switched off.
    case callOff(Int)
    /// A replica gets no more requests.
    case drain(Int)
  }

  private(set) var phases: [Phase]
  private let rules: [Autoscaling]
  /// By rule, how many were wanted at the looks of the time in which that counts, oldest first.
  private var wanted: [[(ns: Int64, replicas: Int)]]
  /// When the decision to start each fell.
  private(set) var switchedOnNs: [Int64]
  private var pastNs: [Int64]
  /// How often each was started: tells the end of a start that was called off.
  private(set) var starts: [Int]

  init(replicas: Int, rules: [Autoscaling]) {
    self.rules = rules
    phases = Array(repeating: .on, count: replicas)
    wanted = Array(repeating: [], count: rules.count)
    switchedOnNs = Array(repeating: 0, count: replicas)
    pastNs = Array(repeating: 0, count: replicas)
    starts = Array(repeating: 0, count: replicas)
    for rule in rules {
      for replica in rule.members.dropFirst(rule.initial) { phases[replica] = .off }
    }
  }

  /// Nanoseconds for which a replica has been there up to `now`: from the decision to start it to
  /// its end, failed or not.
  func presentNs(_ replica: Int, now: Int64) -> Int64 {
    pastNs[replica] + (phases[replica] == .off ? 0 : now - switchedOnNs[replica])
  }

  // MARK: Failures

  /// Whether it was there to fail.
  mutating func fail(_ replica: Int) -> Bool {
    guard phases[replica] != .off, phases[replica] != .failed else { return false }
    phases[replica] = .failed
    return true
  }

  /// Whether it serves again.
  mutating func recover(_ replica: Int) -> Bool {
    guard phases[replica] == .failed else { return false }
    phases[replica] = .on
    return true
  }

  // MARK: Scaling

  /// Looks at a rule, and says what is to change. O(members).
  mutating func look(at index: Int, outstanding: Int, now: Int64) -> [Change] {
    let rule = rules[index]
    let goal = rule.wanted(outstanding: outstanding)
    wanted[index].append((now, goal))
    wanted[index].removeAll { $0.ns < now - rule.scaleDownDelayNs }
    let present = rule.members.count { phases[$0] == .on || phases[$0] == .starting }
    if goal > present { return grow(rule, by: goal - present, now: now) }
    // What was wanted lately may be wanted again.
    let kept = wanted[index].reduce(goal) { max($0, $1.replicas) }
    return kept < present ? shrink(rule, by: present - kept, now: now) : []
  }

  private mutating func grow(_ rule: Autoscaling, by count: Int, now: Int64) -> [Change] {
    var changes: [Change] = []
    for replica in rule.members where phases[replica] == .draining && changes.count < count {
      phases[replica] = .on
      changes.append(.reopen(replica))
    }
    for replica in rule.members where phases[replica] == .off && changes.count < count {
      phases[replica] = .starting
      switchedOnNs[replica] = now
      starts[replica] += 1
      changes.append(.start(replica))
    }
    return changes
  }

  /// Those that do not serve yet go first, and of each kind the one with the highest number.
  private mutating func shrink(_ rule: Autoscaling, by count: Int, now: Int64) -> [Change] {
    var left = count
    var changes: [Change] = []
    for replica in rule.members.reversed() where phases[replica] == .starting && left > 0 {
      switchOff(replica, now: now)
      changes.append(.callOff(replica))
      left -= 1
    }
    for replica in rule.members.reversed() where phases[replica] == .on && left > 0 {
      phases[replica] = .draining
      changes.append(.drain(replica))
      left -= 1
    }
    return changes
  }

  /// The start that was its `number`-th is over; whether it serves from now on.
  mutating func started(_ replica: Int, number: Int) -> Bool {
    guard phases[replica] == .starting, starts[replica] == number else { return false }
    phases[replica] = .on
    return true
  }

  /// The last of its requests has left.
  mutating func switchOff(_ replica: Int, now: Int64) {
    phases[replica] = .off
    pastNs[replica] += now - switchedOnNs[replica]
  }
}
