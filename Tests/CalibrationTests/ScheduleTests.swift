import Testing

@testable import Calibration

@Suite("How calibration shares its time out")
struct ScheduleTests {
  /// Plays the rounds on a device whose points take `pointNs`, and counts those of each group
  /// that were left out in the first round.
  private func leftOut(
    _ groups: [ExperimentGroup], pace: Schedule.Pace, rounds: Int = 2, seconds: Double,
    pointNs: (ExperimentPoint) -> Double
  ) -> [Int] {
    var schedule = Schedule(groups, rounds: rounds, seconds: seconds, pace: pace)
    var elapsed = 0.0
    var missing = [Int](repeating: 0, count: groups.count)
    for round in 0..<rounds {
      for (index, group) in groups.enumerated() {
        schedule.enter(group, round: round)
        for point in group.points {
          let needed = pointNs(point) * 1e-9
          if schedule.allows(needed, elapsed: elapsed) {
            elapsed += needed
          } else if round == 0 {
            missing[index] += 1
          }
          schedule.complete(point, round: round)
        }
      }
    }
    return missing
  }

  @Test(
    "A GPU whose points take little but their setting up leaves none out in the time it has")
  func gpu() {
    let groups = Experiment.groups(reach: .gpu(multiprocessors: 132))
    let missing = leftOut(groups, pace: .gpu, seconds: 560) {
      let callNs = Schedule.Pace.gpu.callNs($0.shape)
      return 17_000_000 + callNs * Double(Schedule.repeats(callNs: callNs) + 1)
    }
    #expect(missing.allSatisfy { $0 == 0 }, "\(missing)")
  }

  @Test("The first of three rounds leaves nothing out where there is time for two")
  func firstRoundFirst() {
    // Points of 20 ms each, as they are reckoned with.
    let pace = Schedule.Pace(bytesPerNs: 1e9, operationsPerNs: 1e9, setUpNs: 19_930_000)
    let groups = Experiment.groups(formats: [.fp16], reach: .cpu(threads: 2))
    let round = Double(groups.reduce(0) { $0 + $1.points.count }) * 0.02
    func missing(seconds: Double) -> Int {
      leftOut(groups, pace: pace, rounds: 3, seconds: seconds) { _ in 20_000_000 }.reduce(0, +)
    }
    #expect(missing(seconds: 2.01 * round) == 0)
    #expect(missing(seconds: 1.9 * round) > 0)
  }

  @Test("By a CPU's pace the same device would lose attention, whose operations a GPU does at once")
  func paceMatters() {
    let groups = Experiment.groups(reach: .gpu(multiprocessors: 132))
    let missing = leftOut(groups, pace: .cpu, seconds: 60) { _ in 35_000_000 }
    #expect(missing.reduce(0, +) > 100)
  }
}
