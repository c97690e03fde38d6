import Operators
import Testing

@testable import CostModel

@Suite("Points left out in turns")
struct LeftOutPointsTests {
  /// Dense layers by the law of ``SyntheticProfile``, at 40 numbers of tokens, none held out.
  private func profile(_ time: (Int) -> Double) -> Profile {
    let points = (1...40).map { step in
      Measurement(
        shape: .linear(tokens: 8 * step, outputs: 4096, inputs: 4096), isHeldOut: false,
        timesNs: [Int64(time(8 * step).rounded())])
    }
    return Profile(
      provenance: .imported, device: SyntheticProfile.device,
      measuredAtUTC: "2026-01-01T00:00:00Z", blockSize: 16, readBytesPerSecond: 1_000_000_000,
      measurements: points)
  }

  @Test("A law that is linear is met at every point but the ends")
  func linearLaw() {
    let points = profile { 10_000 + 37 * Double($0) }.leftOutPoints()
    // The first point's rest starts at 16 tokens, below which the curve is level.
    #expect(points.count >= 38 && points.count <= 39)
    #expect(points.filter { abs($0.error) > 1e-3 }.count <= 1)
  }

  @Test("A step between two points is an error at the points beside it")
  func stepLaw() {
    let points = profile { $0 <= 160 ? 10_000 : 20_000 }.leftOutPoints()
    let wrong = points.filter { abs($0.error) > 0.1 }
    #expect(
      Set(wrong.map(\.measurement.shape)).isSubset(of: [
        .linear(tokens: 160, outputs: 4096, inputs: 4096),
        .linear(tokens: 168, outputs: 4096, inputs: 4096),
      ]))
    #expect(!wrong.isEmpty)
  }
}
