import Foundation
import Kernels
import Testing

@testable import KernelStudies

@Suite struct SmallOperatorCheckTests {
  private func cases(_ plan: CheckPlan) -> [CheckCase] {
    plan.cases.filter { if case .small = $0.operand { true } else { false } }
  }

  @Test("A mistake in a small operator is found", arguments: SmallMistake.allCases)
  func canary(_ mistake: SmallMistake) throws {
    let plan = CheckPlan(seed: 2, extent: .quick(rounds: 1))
    let backend = try WrongBackend(nil)
    backend.smallMistake = mistake
    let suite = CheckSuite(
      plan: plan, backends: [backend], writer: try CPUBackend(path: .scalar, threads: 1))
    let found = try cases(plan).contains { each in
      !(try suite.run(only: each.index).passed)
    }
    #expect(found)
  }

  @Test(arguments: [0, 7])
  func everyWidthPositionAndKindOfDataIsTried(seed: UInt64) {
    var widths: Set<Int> = [], positions: Set<Int> = [], headDims: Set<Int> = []
    var data: Set<String> = []
    for each in cases(CheckPlan(seed: seed)) {
      guard case .small(let shape) = each.operand else { continue }
      data.insert("\(shape.kind) \(shape.description.split(separator: " ").last!)")
      switch shape {
      case .rmsNorm(_, let width, _, _): widths.insert(width)
      case .rotary(let own, _, let headDim, _, _):
        positions.formUnion(own)
        headDims.insert(headDim)
      case .siluMultiply(let count, _), .add(let count, _): widths.insert(count)
      }
    }
    #expect(widths.isSuperset(of: [1, 3, 17, 128, 1023, 4096, 5120, 100_001]))
    #expect(positions.isSuperset(of: [0, 1, 131_072, RotaryFrequencies.largestPosition]))
    #expect(headDims == Set(CheckPlan.rotaryHeadDims))
    #expect(data.count == 4 * SmallOperatorData.allCases.count)
  }

  @Test("The reference of RMS norm, by hand")
  func norm() {
    // Means of squares: (9 + 16) / 2 and (1 + 1) / 2.
    let rows = Reference.rmsNorm([3, 4, -1, 1], weight: [1, 2], epsilon: 0.5)
    let (first, second) = (13.0.squareRoot(), 1.5.squareRoot())
    for (made, wanted) in zip(rows, [3 / first, 8 / first, -1 / second, 2 / second]) {
      #expect(abs(made - wanted) < 1e-15)
    }
  }

  /// Position 3 of 16 elements and base 16: angles 3 · 16^(-i / 8).
  @Test("The reference of rotary embedding turns elements i and i + headDim / 2")
  func rotary() {
    for i in 0..<8 {
      var vector = [Float](repeating: 0, count: 32)
      vector[16 + i] = 1
      let turned = Reference.rotary(vector, positions: [8, 3], heads: 1, headDim: 16, theta: 16)
      let angle = 3 * pow(16, -Double(i) / 8)
      for (place, element) in turned.enumerated() {
        let wanted = place == 16 + i ? cos(angle) : place == 24 + i ? sin(angle) : 0
        #expect(abs(element - wanted) < 1e-15)
      }
    }
  }

  @Test("The reference of the gate, by hand")
  func gate() {
    let made = Reference.siluMultiply(gate: [0, 1, -1, -2000], up: [5, 2, 2, 1])
    let wanted: [Double] = [0, 2 / (1 + 1 / M_E), -2 / (1 + M_E), 0]
    for (element, wanted) in zip(made, wanted) {
      #expect(abs(element - wanted) < 1e-15)
    }
  }

  @Test("Large gates are far from where silu is as small as the least numbers of FP32")
  func gates() {
    var random = CheckRandom(seed: 5)
    for data in SmallOperatorData.allCases {
      let gates = data.drawGates(10_000, &random)
      #expect(!gates.contains { (70...999).contains($0.magnitude) })
      #expect(gates.contains { $0.magnitude >= 1000 } == (data == .large || data == .outliers))
    }
  }
}
