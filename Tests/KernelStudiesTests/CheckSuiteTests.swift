import Kernels
import Operators
import TestSupport
import Testing

@testable import KernelStudies

@Suite struct CheckSuiteTests {
  private func suite(
    _ plan: CheckPlan, _ backends: [any KernelBackend]
  ) throws(DeviceError) -> CheckSuite {
    CheckSuite(
      plan: plan, backends: backends, writer: try CPUBackend(path: .scalar, threads: 1))
  }

  @Test func allPathsThatRunHerePass() throws {
    let backends = try CPUPath.available.map { try CPUBackend(path: $0, threads: 2) }
    let plan = CheckPlan(seed: 1, extent: .quick(rounds: testDepth))
    let suite = try suite(plan, backends)
    let report = try suite.run()
    #expect(report.passed, "\(report.failures.prefix(5))")
    #expect(report.aboveAim == 0)
    #expect(report.paths == CPUPath.available.map(\.name))
    #expect(report.caseCount == backends.count * plan.caseCounts.values.reduce(0, +))
    #expect(report.properties.count == 5 * backends.count)
    print("kernels check: \(report.caseCount) cases on \(report.paths)")
  }

  @Test("A mistake in a kernel is found", arguments: WrongBackend.Mistake.allCases)
  func canary(_ mistake: WrongBackend.Mistake) throws {
    let plan = CheckPlan(seed: 2, extent: .quick(rounds: 1))
    let backend = try WrongBackend(mistake)
    var found = 0
    // Some mistakes show in few shapes: a window that is wider than the context is none.
    for each in plan.cases.prefix(30) + plan.cases.suffix(3) where found == 0 {
      let suite = try suite(plan, [backend])
      let report = try suite.run(only: each.index)
      found += report.failures.count
      #expect(report.passed == report.failures.isEmpty)
      #expect(report.failures.allSatisfy { $0.index == each.index && !$0.shape.isEmpty })
    }
    #expect(found > 0, "\(mistake)")
  }

  @Test func oneCaseAloneIsTheSameCase() throws {
    let plan = CheckPlan(seed: 3, extent: .quick(rounds: 1))
    let backend = try CPUBackend(path: .scalar, threads: 1)
    let first = try suite(plan, [backend])
    let second = try suite(plan, [backend])
    #expect(try first.run(only: 5).tallies == second.run(only: 5).tallies)
    #expect(try first.run(only: 5).caseCount == 4)
  }
}
