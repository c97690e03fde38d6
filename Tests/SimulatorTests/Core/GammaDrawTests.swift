import Foundation
import Testing

@testable import Simulator

@Suite("Gamma draws")
struct GammaDrawTests {
  @Test(
    "Gamma draws follow their law (Kolmogorov-Smirnov), with the mean and variance of their shape",
    arguments: [0.05, 0.3, 1, 4, 1000])
  func law(shape: Double) {
    let count = 100_000
    let stream = RandomStream(seed: 5)
    let draws = (0..<count).map { stream.gamma(shape: shape, .arrivalGap, entity: Int64($0)) }
    let distance = KolmogorovSmirnov.statistic(draws) {
      KolmogorovSmirnov.gammaShare($0 * shape, shape: shape)
    }
    #expect(distance < 1.95, "\(distance)")
    // Of mean 1 the variance is 1/shape, and that of the squares' mean (2 + 6/shape)/shape².
    let mean = draws.reduce(0, +) / Double(count)
    let variance = draws.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(count)
    #expect(abs(mean - 1) < 4 / (shape * Double(count)).squareRoot())
    #expect(
      abs(variance * shape - 1) < 4 * ((2 + 6 / shape) / Double(count)).squareRoot())
  }

  @Test("The test's own distribution is the exponential where the shape is 1, and Erlang's at 4")
  func ownDistribution() {
    for step in 1...200 {
      let x = Double(step) / 10
      #expect(abs(KolmogorovSmirnov.gammaShare(x, shape: 1) - (1 - exp(-x))) < 1e-13)
      let erlang = 1 - exp(-x) * (1 + x + x * x / 2 + x * x * x / 6)
      #expect(abs(KolmogorovSmirnov.gammaShare(x, shape: 4) - erlang) < 1e-13)
    }
  }

  @Test("The ends of shapes give numbers that are not negative")
  func ends() {
    let stream = RandomStream(seed: 6)
    for entity in Int64(0)..<1000 {
      for shape in [1e-3, 1 - 0x1p-53, 1e6] {
        let draw = stream.gamma(shape: shape, .arrivalGap, entity: entity)
        #expect(draw >= 0 && draw.isFinite)
      }
    }
  }
}
