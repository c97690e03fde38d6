import Kernels
import TestSupport
import Testing

@testable import KernelStudies

/// The small operators on whatever Vulkan device there is, if only llvmpipe; CI installs one.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"))
struct VulkanSmallOperatorCheckTests {
  @Test("Held against float64 in the quick plan, without a word of the validation layer")
  func quickPlan() throws {
    let device = try VulkanBackend(.any, validates: true)
    let plan = CheckPlan(seed: 12, extent: .quick(rounds: 2 * testDepth))
    let suite = CheckSuite(
      plan: plan, backends: [device], writer: try CPUBackend(path: .scalar))
    var cases = 0
    for each in plan.cases {
      guard case .small = each.operand else { continue }
      let report = try suite.run(only: each.index)
      #expect(report.passed, "\(report.failures.prefix(3))")
      #expect(report.aboveAim == 0, "\(report.remarks.prefix(3))")
      cases += report.caseCount
    }
    print("small operators on \(device.name): \(cases) cases")
    #expect(cases >= 4 * 24 + 5)
    let said = try #require(device.validation)
    #expect(said.count == 0, "\(said.first)")
  }
}
