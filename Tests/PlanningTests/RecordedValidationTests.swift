import CostModel
import Foundation
import Operators
import Scenario
import Simulator
import Testing

@testable import Planning

@Suite("Comparison with recorded runs")
struct RecordedValidationTests {
  private static func scenario(_ name: String) throws -> ServingScenario {
    let root = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    return try ServingScenario.load(
      path: root.appendingPathComponent("Scenarios/\(name).yaml").path)
  }

  @Test("Vllm's run on a short pool: means and medians within what docs/validation.md states")
  func vllm() throws {
    let plan = try ValidationPlan(Self.scenario("validation/vllm-rtx4090"))
    guard case .recorded(let comparison, let run) = plan else {
      Issue.record("\(plan)")
      return
    }
    let validation = try RecordedValidation(playing: comparison, against: run)
    #expect(validation.metrics.map(\.name) == ["TTFT", "TPOT", "latency"])
    func error(_ metric: Int, _ value: Int) -> Double {
      let metric = validation.metrics[metric]
      return metric.simulated.valuesNs[value] / metric.real.valuesNs[value] - 1
    }
    // The mean of each, and the medians of TTFT and TPOT.
    for (metric, value, limit) in [
      (0, 0, 0.02), (1, 0, 0.01), (2, 0, 0.015), (0, 1, 0.01), (1, 1, 0.01),
    ] {
      #expect(abs(error(metric, value)) < limit, "\(metric) \(value): \(error(metric, value))")
    }
    // The published real figures, in milliseconds.
    let means = validation.metrics.map { $0.real.valuesNs[0] * 1e-6 }
    #expect(abs(means[0] - 65_456.6) < 0.1 && abs(means[2] - 86_578.3) < 0.1)
    #expect(abs(means[1] - 32.4) < 0.05)
    #expect(validation.courses.count == 3)
    #expect(validation.courses[0].meanDifference < 2.5)
  }
}
