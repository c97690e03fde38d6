import CostModel
import TestSupport
import Testing

@testable import Simulator

/// Replicas that are switched on and off. A step takes 100 ns.
@Suite("Autoscaling")
struct AutoscalingTests {
  private static func cluster(
    _ replicas: Int, initial: Int = 1, intervalNs: Int64 = 100, scaleDownDelayNs: Int64 = 300
  ) -> Cluster<SyntheticPricer> {
    Cluster(
      members: Array(repeating: smallMember(seats: 1), count: replicas),
      routing: .leastOutstanding,
      scaling: [
        Autoscaling(
          members: 0..<replicas, initial: initial, least: 1, targetOutstanding: 1,
          intervalNs: intervalNs, startUpNs: 150, scaleDownDelayNs: scaleDownDelayNs)
      ])
  }

  @Test("Three are wanted, start late and are switched off one by one; all worked out by hand")
  func threeReplicas() {
    // A, B and C one after the other on replica 0. The look at 100 finds all three outstanding and
    // starts replicas 1 and 2, which serve from 250 on: D goes to 1. Looks at 200 and 300 want two,
    // those behind them one; what was wanted counts for 300 ns. So at 500 two are kept, at 700 one.
    let played = Played(
      replay([(0, 4, 1), (0, 4, 1), (0, 4, 1), (260, 4, 1), (1000, 4, 1)]),
      cluster: AutoscalingTests.cluster(3))
    #expect(played.requestsById.map(\.replica) == [0, 0, 0, 1, 0])
    #expect(played.requestsById.map(\.finishNs) == [100, 200, 300, 360, 1100])
    #expect(played.summary.replicas.map(\.presentNs) == [1100, 600, 400])
  }

  @Test("A replica that is to be switched off ends what it has, and gets nothing more")
  func draining() {
    // A goes to 0 and B, with thirteen tokens, to 1. The look at 350 finds B alone: 1 is to go. C
    // and D go to 0, though by turns D would go to 1. B ends at 1300.
    let played = Played(
      replay([(0, 4, 1), (0, 4, 13), (360, 4, 1), (370, 4, 1), (1400, 4, 1)]),
      cluster: AutoscalingTests.cluster(2, initial: 2, intervalNs: 350, scaleDownDelayNs: 0))
    #expect(played.requestsById.map(\.replica) == [0, 1, 0, 0, 0])
    #expect(played.requestsById.map(\.finishNs) == [100, 1300, 460, 560, 1500])
    #expect(played.summary.replicas.map(\.presentNs) == [1500, 1300])
  }

  @Test("A rule that cannot want more than there is is no rule")
  func noRule() {
    for number in 0..<(20 * testDepth) {
      let world = ClusterLawTests.World(number, .leastOutstanding, replicas: 3)
      let ruled = Cluster(
        members: world.cluster.members, routing: world.cluster.routing,
        scaling: [
          Autoscaling(
            members: 0..<3, initial: 3, least: 3, targetOutstanding: 2, intervalNs: 70,
            startUpNs: 0, scaleDownDelayNs: 0)
        ])
      let plain = world.played
      let played = Played(world.workload, seed: world.seed, cluster: ruled)
      #expect(plain.requests == played.requests && plain.runs == played.runs)
    }
  }

  @Test("So many are wanted that none has more than the target, within the rule's bounds")
  func wanted() {
    let rule = Autoscaling(
      members: 2..<7, initial: 2, least: 2, targetOutstanding: 10, intervalNs: 1, startUpNs: 0,
      scaleDownDelayNs: 0)
    #expect([0, 20, 21, 30, 31, 50, 1000].map(rule.wanted) == [2, 2, 3, 3, 4, 5, 5])
  }

  @Test("A start that is called off serves nothing, and a new one takes its whole time")
  func calledOff() {
    var fleet = Fleet(
      replicas: 2,
      rules: [
        Autoscaling(
          members: 0..<2, initial: 1, least: 1, targetOutstanding: 1, intervalNs: 10,
          startUpNs: 100, scaleDownDelayNs: 0)
      ])
    #expect(fleet.look(at: 0, outstanding: 2, now: 10) == [.start(1)])
    #expect(fleet.look(at: 0, outstanding: 1, now: 20) == [.callOff(1)])
    #expect(fleet.phases == [.on, .off] && fleet.presentNs(1, now: 50) == 10)
    #expect(fleet.look(at: 0, outstanding: 2, now: 30) == [.start(1)])
    #expect(!fleet.started(1, number: 1) && fleet.started(1, number: 2))
    #expect(fleet.look(at: 0, outstanding: 0, now: 200) == [.drain(1)])
    #expect(fleet.look(at: 0, outstanding: 2, now: 210) == [.reopen(1)])
    #expect(fleet.presentNs(1, now: 230) == 210)
  }
}
