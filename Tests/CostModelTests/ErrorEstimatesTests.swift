import Operators
import Testing

@testable import CostModel

@Suite("Error estimates")
struct ErrorEstimatesTests {
  /// A dense layer of one size whose fit is `ns = 1000 · tokens`, and points held out of it that
  /// take so many times as long as it says.
  private static func profile(
    heldOut ratios: [Double], derivation: Derivation? = nil
  ) -> Profile {
    func point(_ tokens: Int, _ ns: Double, isHeldOut: Bool) -> Measurement {
      Measurement(
        shape: .linear(tokens: tokens, outputs: 64, inputs: 64), isHeldOut: isHeldOut,
        timesNs: [Int64(ns.rounded())])
    }
    let fit = [1, 1000].map { point($0, Double($0) * 1000, isHeldOut: false) }
    let others = ratios.enumerated().map { index, ratio in
      point(100 + index, Double(100 + index) * 1000 * ratio, isHeldOut: true)
    }
    return Profile(
      provenance: derivation == nil ? .measured : .derived, device: SyntheticProfile.device,
      measuredAtUTC: "2026-01-01T00:00:00Z", blockSize: 16, readBytesPerSecond: 1_000_000_000,
      measurements: fit + others, derivation: derivation)
  }

  @Test("Two of three points that were held out err by no more than the estimate")
  func twoOfThree() throws {
    // |predicted − measured| / measured is |1 / ratio − 1|: 0, 0.25, 1 and 0.6.
    let estimates = ErrorEstimates(Self.profile(heldOut: [1, 0.8, 0.5, 2.5]))
    let error = try #require(estimates.error(of: .linear, in: nil))
    #expect(abs(error - 0.6) < 1e-6)
    #expect(estimates.error(of: .append, in: .fp16) == nil)
  }

  @Test("Half the width of a derivation's bounds adds in quadrature")
  func derived() throws {
    let derivation = Derivation(
      from: "elsewhere",
      uncertainties: [
        Derivation.Uncertainty(
          kind: .linear, format: nil, points: 6, medianWidth: 1.6, largestWidth: 2)
      ])
    let estimates = ErrorEstimates(
      Self.profile(heldOut: [1, 0.8, 0.5, 2.5], derivation: derivation))
    // 0.6 and 0.8.
    let error = try #require(estimates.error(of: .linear, in: nil))
    #expect(abs(error - 1) < 1e-6)
  }

  @Test("Operators err independently of each other, and time without an estimate does not count")
  func ofACost() throws {
    let profile = SyntheticProfile.profile { index in index % 7 == 0 ? 1.3 : 1 }
    let estimates = ErrorEstimates(profile)
    let linear = try #require(estimates.error(of: .linear, in: nil))
    let decode = try #require(estimates.error(of: .decodeAttention, in: .int4))
    #expect(linear > 0 && decode > 0)
    let cost = StepCost(
      linearNs: 3_000, decodeAttentionNs: 4_000, elementwiseNs: 5_000, hostNs: 6_000)
    let error = try #require(estimates.error(of: cost, in: .int4))
    let square = (3 * linear) * (3 * linear) + (4 * decode) * (4 * decode)
    #expect(abs(error - square.squareRoot() / 7) < 1e-12)
    #expect(estimates.error(of: StepCost(hostNs: 5), in: .int4) == nil)
  }

  @Test("Without points held out, each is left out in its turn")
  func leftOut() throws {
    let base = SyntheticProfile.profile()
    let all = base.with(
      measurements: base.measurements.map {
        Measurement(shape: $0.shape, isHeldOut: false, timesNs: $0.timesNs)
      })
    // The laws are straight lines, which the fits of the others meet but for rounding.
    let error = try #require(ErrorEstimates(all).error(of: .linear, in: nil))
    #expect(error < 0.01)
  }
}
