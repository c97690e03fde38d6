import Kernels
import Operators
import Report
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

  @Test("A case above the aim passes, and is named in table and JSON with what repeats it")
  func remarks() throws {
    let plan = CheckPlan(seed: 4, extent: .quick(rounds: 1))
    let suite = try suite(plan, [WrongBackend(.perturbsDecode, factor: 1.003)])
    let report = try suite.run(only: 5)
    #expect(report.passed && report.aboveAim == 1)
    let remark = try #require(report.remarks.first)
    guard case .attention(let shape) = plan.cases[5].operand else {
      Issue.record("case 5 is one of attention")
      return
    }
    #expect(report.remarks.count == 1 && remark.index == 5 && remark.kind == .decode)
    #expect(remark.path == "scalar" && remark.shape == shape.description)
    #expect((8e-6...1e-5).contains(remark.error))
    let table = KernelCheckTable(
      report, skippedPaths: [], repeatCommand: { "repeat --seed 4 --path \($0)" }
    ).rendered()
    #expect(table.contains("above the aim: decode on scalar, seed 4, case 5: error 9.0e-06"))
    #expect(table.contains(shape.description))
    #expect(table.contains("repeat: repeat --seed 4 --path scalar --case 5\n"))
    let json = try KernelCheckJSON(report, skippedPaths: []).rendered()
    #expect(json.contains("\"above_aim_cases\"") && json.contains("\"shape\" : "))
  }

  @Test("Every case is held against the peer besides, and what differs from it fails")
  func peer() throws {
    let plan = CheckPlan(seed: 4, extent: .quick(rounds: 1))
    let right = try CPUBackend(path: .scalar, threads: 1)
    func report(
      _ backend: any KernelBackend, _ peer: any KernelBackend, case index: Int = 5
    ) throws -> CheckReport {
      try CheckSuite(plan: plan, backends: [backend], writer: right, peer: peer).run(only: index)
    }
    let same = try report(right, right)
    #expect(same.passed && same.peer == "scalar" && same.comparedCount == 4)
    #expect(same.comparisons.allSatisfy { $0.cases == 1 && $0.worst == 0 })
    let layer = try report(right, right, case: plan.cases.count - 1)
    #expect(layer.comparisons.map(\.kind) == [.linear] && layer.comparisons[0].worst == 0)
    // Against a peer that is wrong, what is right differs.
    let decode = try report(right, WrongBackend(.perturbsDecode))
    #expect(decode.failures.map(\.subject) == ["decode against scalar"])
    #expect(decode.tallies.allSatisfy { $0.failed == 0 })
    let append = try report(right, WrongBackend(.writesOneByteMore))
    #expect(append.failures.map(\.subject) == ["append against scalar"])
    #expect(append.failures[0].reason.contains("is not what the scalar kernels write"))
    let refusal = try report(right, WrongBackend(.refuses))
    #expect(refusal.failures.map(\.reason) == ["scalar refused"])
    // What does not run is a failure once, and is not compared.
    let refused = try report(WrongBackend(.refuses), right)
    #expect(refused.failures.map(\.subject) == ["append"] && refused.comparedCount == 3)
    let table = KernelCheckTable(decode, skippedPaths: [], repeatCommand: { "repeat \($0)" })
      .rendered()
    #expect(table.contains("FAILED decode against scalar on scalar: error"))
    #expect(table.contains("repeat: repeat scalar --case 5\n"))
    #expect(table.contains("; 4 compared with scalar;"))
  }

  @Test func sizesThatRanAreListedInOrder() throws {
    let plan = CheckPlan(seed: 4, extent: .quick(rounds: 1))
    var coverage = CheckCoverage()
    for each in plan.cases { coverage.add(each.operand) }
    #expect(
      coverage.headDims == CheckPlan.headDims && coverage.groupSizes == [1, 2, 4, 5, 7, 8, 16])
    #expect(coverage.blockSizes == CheckPlan.blockSizes)
    #expect(coverage.contexts.first == 1 && coverage.contexts.last == 4096)
    #expect(coverage.contexts == coverage.contexts.sorted())
    #expect(coverage.linearTokens.contains(256) && coverage.windows.contains(2048))
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
