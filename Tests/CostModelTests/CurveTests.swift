import Testing

@testable import CostModel

@Suite("Curves")
struct CurveTests {
  private func value(_ curve: Curve, _ x: Double) -> Double { curve.piece(at: x).value(at: x) }

  @Test("A curve goes through its points and is straight between them")
  func interpolation() {
    let curve = Curve(points: [(4, 40), (1, 10), (2, 30)])
    #expect(value(curve, 1) == 10 && value(curve, 2) == 30 && value(curve, 4) == 40)
    #expect(value(curve, 1.5) == 20 && value(curve, 3) == 35)
    #expect(!curve.piece(at: 4).isExtrapolated)
  }

  @Test("Before the first point it is level; beyond the last it grows in proportion")
  func outside() {
    let curve = Curve(points: [(2, 30), (4, 40)])
    #expect(value(curve, 0.5) == 30)
    #expect(value(curve, 8) == 80)
    #expect(curve.piece(at: 8).isExtrapolated)
  }

  @Test("Noise that falls is levelled to the closest sequence that does not")
  func isotonic() {
    #expect(Curve.isotonic([1, 3, 2, 4]) == [1, 2.5, 2.5, 4])
    #expect(Curve.isotonic([3, 2, 1]) == [2, 2, 2])
    #expect(Curve.isotonic([1, 2, 3]) == [1, 2, 3])
  }

  @Test("No curve falls, whatever its samples")
  func neverFalls() {
    var state: UInt64 = 1
    for _ in 0..<200 {
      let points = (1...20).map { index in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (x: Double(index * index), ns: 1 + Double(state >> 40) / 1000)
      }
      let curve = Curve(points: points)
      var last = 0.0
      for x in stride(from: 0.5, to: 600, by: 3.7) {
        let now = value(curve, x)
        #expect(now >= last - 1e-9)
        last = now
      }
    }
  }
}
