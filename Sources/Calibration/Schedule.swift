import Operators

/// Shares the time out: each group may go on until its share of the whole is used up, and what one
/// leaves the next may use.
struct Schedule {
  /// Above this a point is timed in the first round only.
  static let longCallNs = 150_000_000.0

  private let totalNs: Double
  private let seconds: Double
  private var doneNs = 0.0
  private var enteredNs = 0.0
  private var isFirst = true

  init(_ groups: [ExperimentGroup], rounds: Int, seconds: Double) {
    totalNs = (0..<rounds).reduce(0) { sum, round in
      groups.reduce(sum) { $0 + Schedule.nominalNs($1, round: round) }
    }
    self.seconds = seconds
  }

  /// Of the work, what is done or passed over.
  var share: Double { min(1, doneNs / totalNs) }

  mutating func enter(_ group: ExperimentGroup, round: Int) {
    enteredNs += Schedule.nominalNs(group, round: round)
    isFirst = true
  }

  /// Whether a point may be timed that takes so many seconds; a group's first always may.
  mutating func allows(_ pointSeconds: Double, elapsed: Double) -> Bool {
    if isFirst {
      isFirst = false
      return true
    }
    return elapsed + pointSeconds <= seconds * enteredNs / totalNs
  }

  mutating func complete(_ point: ExperimentPoint, round: Int) {
    doneNs += Schedule.nominalNs(point.shape, round: round)
  }

  /// How often a point is timed in a round: as often as 12 ms allow, within bounds.
  static func repeats(callNs: Double) -> Int {
    max(1, min(6, Int(12_000_000 / max(1, callNs))))
  }

  /// Roughly what a call takes on a machine that reads 30 GB/s and does 200 GFLOP/s: to share time
  /// out and to draw a bar, never to price anything.
  static func nominalCallNs(_ shape: OperatorShape) -> Double {
    10_000 + max(Double(shape.bytes) / 30, Double(shape.operations) / 200)
  }

  private static func nominalNs(_ group: ExperimentGroup, round: Int) -> Double {
    group.points.reduce(0) { $0 + nominalNs($1.shape, round: round) }
  }

  /// What a point takes in a round, with its warm-up and its setting up.
  private static func nominalNs(_ shape: OperatorShape, round: Int) -> Double {
    let callNs = nominalCallNs(shape)
    guard callNs <= longCallNs else { return round == 0 ? 3 * callNs : 0 }
    return 5_000_000 + callNs * Double(repeats(callNs: callNs) + 1)
  }
}
