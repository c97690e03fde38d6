import KernelStudies
import Kernels
import TestSupport
import Testing

/// The Vulkan kernels on whatever device there is, if only llvmpipe; CI installs one.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"))
struct VulkanCheckTests {
  @Test("Held against float64 and the CPU, without a word of the validation layer")
  func smallPlan() throws {
    let device = try VulkanBackend(.any, validates: true)
    let plan = CheckPlan(seed: 11, extent: .quick(rounds: 3))
    let suite = CheckSuite(
      plan: plan, backends: [device], writer: try CPUBackend(path: .scalar),
      peer: try CPUBackend())
    // llvmpipe takes seconds for each combination of sizes, and cases that share one stand
    // together; `make test-vulkan` runs the whole plan.
    let caches = plan.cases.filter { $0.operators.contains(.decode) }.prefix(24)
    let layers = plan.cases.filter { $0.operators == [.linear] }.prefix(24)
    var cases = 0, compared = 0
    for each in caches + layers {
      let report = try suite.run(only: each.index)
      #expect(report.passed, "\(report.failures.prefix(3))")
      // Matrices of a GPU round queries and keys of prefill to halves.
      #expect(
        report.tallies.allSatisfy {
          $0.aboveAim == 0 || device.facts.isGPU && $0.kind == .prefill
        })
      cases += report.caseCount
      compared += report.comparedCount
    }
    print("kernels check on \(device.name): \(cases) cases")
    #expect(cases == 4 * 24 + 24 && compared == cases)
    let said = try #require(device.validation)
    #expect(said.count == 0, "\(said.first)")
  }
}
