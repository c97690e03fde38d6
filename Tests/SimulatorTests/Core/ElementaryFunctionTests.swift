import Foundation
import TestSupport
import Testing

@testable import Simulator

@Suite("Functions of samplers")
struct ElementaryFunctionTests {
  @Test("The exponential is the library's within two units in the last place")
  func exponential() {
    var random = SeededRandom(8)
    var worst = 0.0
    for _ in 0..<100_000 {
      for x in [
        Double.random(in: -708...709.7, using: &random), Double.random(in: -1...1, using: &random),
      ] {
        let library = Foundation.exp(x)
        worst = max(worst, abs(naturalExp(x) - library) / library.ulp)
      }
    }
    #expect(worst <= 2, "\(worst) units")
    #expect(naturalExp(0) == 1)
    #expect(naturalExp(-0x1p-60) == 1)
  }

  @Test("Beyond what a double holds the exponential is infinite, or zero by way of small numbers")
  func exponentialEnds() {
    #expect(naturalExp(709.79) == .infinity && naturalExp(.infinity) == .infinity)
    #expect(naturalExp(-745.2) == 0 && naturalExp(-.infinity) == 0)
    #expect(abs(naturalExp(-740) - Foundation.exp(-740)) <= 2 * Double.leastNonzeroMagnitude)
  }

  @Test(
    "The normal quantile has its known values to one part in 10^15",
    arguments: [
      // Of these AS 241 publishes 0.25, 0.001 and 1e-20 to twelve digits; by mpmath to twenty.
      (0.25, -0.6744897501960817432), (0.001, -3.0902323061678135354),
      (1e-20, -9.2623400897984075796), (0.025, -1.9599639845400542118),
      (0.075, -1.4395314709384559349), (1e-100, -21.273453560965324294),
      (1e-300, -37.047096299361199237), (0.9, 1.2815515655446005935),
    ])
  func quantile(probability: Double, expected: Double) {
    #expect(
      abs(NormalDistribution.quantile(probability) - expected) <= 1e-15 * abs(expected))
  }

  @Test("The normal quantile is odd about a half, where it is zero")
  func quantileSymmetry() {
    #expect(NormalDistribution.quantile(0.5) == 0)
    for power in 2...50 {
      let share = Double(sign: .plus, exponent: -power, significand: 1)
      #expect(NormalDistribution.quantile(1 - share) == -NormalDistribution.quantile(share))
    }
  }

  @Test("The normal distribution's shares are the library's to 10^-15, and undo the quantile")
  func cumulative() {
    for step in -900...900 {
      let x = Double(step) / 100
      let library = 0.5 * Foundation.erfc(-x / 2.0.squareRoot())
      #expect(abs(NormalDistribution.cumulative(x) - library) <= 1e-15, "\(x)")
    }
    for step in 1..<1000 {
      let share = Double(step) / 1000
      let again = NormalDistribution.cumulative(NormalDistribution.quantile(share))
      #expect(abs(again - share) <= 1e-15)
    }
  }
}
