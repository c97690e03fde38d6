import TestSupport
import Testing

@testable import Simulator

/// Recorders that take time, whose records are made while others are recorded.
@Suite struct RecordingTests {
  /// Keeps records, and fails at one of them if it is to.
  private struct Slow: Recorder {
    struct Full: Error {}

    static var takesTime: Bool { true }
    var records = RecordBuffer(.all)
    var room = Int.max

    private mutating func take() throws(Full) {
      room -= 1
      if room < 0 { throw Full() }
    }

    mutating func record(_ request: RequestRecord) throws(Full) {
      try take()
      records.record(request)
    }

    mutating func record(_ run: StepRecord) throws(Full) {
      try take()
      records.record(run)
    }

    mutating func record(_ event: EventRecord) throws(Full) {
      try take()
      records.record(event)
    }
  }

  @Test("Records are the same and come in the same order, on one replica, on several and on any")
  func order() throws {
    var dealtOut = 0
    for number in 0..<(60 * testDepth) {
      let replicas = number % 2 == 0 ? 1 : nil
      let world = ClusterLawTests.World(number, .roundRobin, replicas: replicas)
      if world.cluster.dealsOut(world.workload) { dealtOut += 1 }
      var (plain, slow) = (RecordBuffer(.all), Slow())
      let summary = simulate(
        world.workload, seed: world.seed, cluster: world.cluster, recorder: &plain)
      let same = try simulate(
        world.workload, seed: world.seed, cluster: world.cluster, recorder: &slow)
      #expect(same == summary, "world \(number)")
      #expect(slow.records == plain, "world \(number)")
    }
    #expect(dealtOut > 10 && dealtOut < 60 * testDepth)
  }

  @Test("A recorder's failure ends the run")
  func failure() {
    for number in 0..<6 {
      let world = ClusterLawTests.World(number, .roundRobin)
      var slow = Slow(room: 3)
      #expect(throws: Slow.Full.self) {
        try simulate(
          world.workload, seed: world.seed, cluster: world.cluster, recorder: &slow)
      }
      #expect(slow.records.count == 3)
    }
  }
}
