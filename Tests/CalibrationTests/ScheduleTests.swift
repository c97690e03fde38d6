import Testing

@testable import Calibration

@Suite("How calibration shares its time out")
struct ScheduleTests {
  /// Plays two rounds on a device whose points take `pointNs`, and counts those of each group
  /// that were left out in the first round.
  private func leftOut(
    _ groups: [ExperimentGroup], pace: Schedule.Pace, seconds: Double,
    pointNs: (ExperimentPoint) -> Double
  ) -> [Int] {
    var schedule = Schedule(groups, rounds: 2, seconds: seconds, pace: pace)
    var elapsed = 0.0
    var missing = [Int](repeating: 0, count: groups.count)
    for round in 0..<2 {
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
      return 26_000_000 + callNs * Double(Schedule.repeats(callNs: callNs) + 1)
    }
    #expect(missing.allSatisfy { $0 == 0 }, "\(missing)")
  }

  @Test("By a CPU's pace the same device would lose attention, whose operations a GPU does at once")
  func paceMatters() {
    let groups = Experiment.groups(reach: .gpu(multiprocessors: 132))
    let missing = leftOut(groups, pace: .cpu, seconds: 60) { _ in 35_000_000 }
    #expect(missing.reduce(0, +) > 100)
  }
}
