import CostModel
import Operators
import Testing

@testable import Report

@Suite("The table of two profiles")
struct ProfileComparisonTableTests {
  private func profile(_ name: String, _ points: [(OperatorShape, Int64)]) -> Profile {
    Profile(
      provenance: .measured,
      device: Device(
        name: name, kind: "gpu", kernelPath: "some", threads: 0, memoryBytes: 1,
        lastLevelCacheBytes: 0),
      measuredAtUTC: "2026-11-28T00:00:00Z", blockSize: 16, readBytesPerSecond: 1,
      measurements: points.map { Measurement(shape: $0.0, isHeldOut: false, timesNs: [$0.1]) })
  }

  @Test("Both profiles, a row an operator and one for all stand in the table")
  func table() {
    let linear = OperatorShape.linear(tokens: 1, outputs: 64, inputs: 64)
    let heads = HeadGeometry(queryHeads: 8, kvHeads: 8, headDim: 64)
    func append(_ tokens: Int) -> OperatorShape {
      .append(tokens: tokens, heads: heads, format: .int4)
    }
    let first = profile("one", [(linear, 1000), (append(1), 100)])
    let second = profile(
      "two\u{1B}",
      [
        (linear, 1500), (append(1), 50), (append(2), 100),
        (.elementwise(.norm, rows: 1, width: 8), 10),
      ])
    let text = ProfileComparisonTable(first, second).rendered()
    let expected = """
      A: one, some kernels, measured 2026-11-28T00:00:00Z
      B: two\\u{1B}, some kernels, measured 2026-11-28T00:00:00Z

      time B / time A        format  equal  predicted  missing     p5    p50    p95  total
      ────────────────────────────────────────────────────────────────────────────────────
      linear           fp16 weights      1          0        0   1.50   1.50   1.50   1.50
      append                   int4      1          1        0  0.500  0.500  0.500  0.500
      norm                               0          0        1
      ────────────────────────────────────────────────────────────────────────────────────
      all                                2          1        1  0.500  0.500   1.50   1.27

      equal: points of B
      """
    #expect(text.hasPrefix(expected), "\(text)")
  }

  @Test("One operator has no row for all")
  func one() {
    let own = profile("one", [(.linear(tokens: 1, outputs: 64, inputs: 64), 1000)])
    let text = ProfileComparisonTable(own, own).rendered()
    #expect(text.contains("1.00") && !text.contains("\nall "))
  }
}
