import Operators

/// Shares the time out: each group may go on until its share of the whole is used up, and what one
/// leaves the next may use.
struct Schedule {
  /// Above this a point is timed in the first round only.
  static let longCallNs = 150_000_000.0

  /// Roughly how fast devices of a kind are: to share time out and to draw a bar, never to price
  /// anything.
  struct Pace {
    /// Bytes read and operations done in a nanosecond.
    let bytesPerNs, operationsPerNs: Double
    /// What a point takes before its first call.
    let setUpNs: Double

    /// A machine that reads 30 GB/s and does 200 GFLOP/s.
    static let cpu = Pace(bytesPerNs: 30, operationsPerNs: 200, setUpNs: 5_000_000)
    /// A device of 3 TB/s and 200 TFLOP/s, for which block tables are drawn and copied first and
    /// which works for a while before its time counts.
    static let gpu = Pace(bytesPerNs: 3000, operationsPerNs: 200_000, setUpNs: 15_000_000)

    /// Roughly what a call takes.
    func callNs(_ shape: OperatorShape) -> Double {
      10_000
        + max(Double(shape.bytes) / bytesPerNs, Double(shape.operations) / operationsPerNs)
    }
  }

  private let pace: Pace
  private let rounds: Int
  private let totalNs: Double
  /// What groups count for when time is shared out: all together, and those entered so far.
  private let totalClaimNs: Double
  private var enteredClaimNs = 0.0
  private let seconds: Double
  private var doneNs = 0.0
  private var isFirst = true

  init(_ groups: [ExperimentGroup], rounds: Int, seconds: Double, pace: Pace) {
    self.pace = pace
    self.rounds = rounds
    self.seconds = seconds
    let roundsNs = (0..<rounds).map { round in
      groups.reduce(0) { $0 + Schedule.nominalNs($1, round: round, pace) }
    }
    totalNs = roundsNs.reduce(0, +)
    totalClaimNs = roundsNs.enumerated().reduce(0) {
      $0 + Schedule.claim(round: $1.offset, of: rounds) * $1.element
    }
  }

  /// What a round claims of the time, as a multiple of its work. What the first leaves out is left
  /// out for good, while a point that misses a later one has fewer samples: the first may take as
  /// long as all others together.
  private static func claim(round: Int, of rounds: Int) -> Double {
    round == 0 ? Double(max(1, rounds - 1)) : 1
  }

  /// Of the work, what is done or passed over.
  var share: Double { min(1, doneNs / totalNs) }

  mutating func enter(_ group: ExperimentGroup, round: Int) {
    enteredClaimNs +=
      Schedule.claim(round: round, of: rounds) * Schedule.nominalNs(group, round: round, pace)
    isFirst = true
  }

  /// Whether a point may be timed that takes so many seconds; a group's first always may.
  mutating func allows(_ pointSeconds: Double, elapsed: Double) -> Bool {
    if isFirst {
      isFirst = false
      return true
    }
    return elapsed + pointSeconds <= seconds * enteredClaimNs / totalClaimNs
  }

  mutating func complete(_ point: ExperimentPoint, round: Int) {
    doneNs += Schedule.nominalNs(point.shape, round: round, pace)
  }

  /// How often a point is timed in a round: as often as 12 ms allow, within bounds. What has one
  /// round alone is timed twice, unless that takes twice as long again.
  static func repeats(callNs: Double) -> Int {
    guard callNs <= longCallNs else { return callNs <= 2 * longCallNs ? 2 : 1 }
    return max(1, min(6, Int(12_000_000 / max(1, callNs))))
  }

  private static func nominalNs(_ group: ExperimentGroup, round: Int, _ pace: Pace) -> Double {
    group.points.reduce(0) { $0 + nominalNs($1.shape, round: round, pace) }
  }

  /// What a point takes in a round, with its warm-up and its setting up.
  private static func nominalNs(_ shape: OperatorShape, round: Int, _ pace: Pace) -> Double {
    let callNs = pace.callNs(shape)
    let callsNs = callNs * Double(repeats(callNs: callNs) + 1)
    guard callNs <= longCallNs else { return round == 0 ? callsNs : 0 }
    return pace.setUpNs + callsNs
  }
}
