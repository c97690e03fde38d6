import CostModel
import Operators
import Testing

@testable import Scenario

@Suite("Plausibility of a profile's times")
struct ProfilePlausibilityTests {
  private static func linear(_ tokens: Int, _ ns: Int64, outputs: Int = 64) -> Measurement {
    Measurement(
      shape: .linear(tokens: tokens, outputs: outputs, inputs: 64), isHeldOut: false,
      timesNs: [ns])
  }

  @Test("Times may fall to a quarter as the work grows, and no further")
  func quarter() {
    let fine = [Self.linear(1, 1000), Self.linear(2, 400), Self.linear(4, 250)]
    #expect(ProfilePlausibility(fine).findings.isEmpty)
    let wrong = fine + [Self.linear(8, 249)]
    let findings = ProfilePlausibility(wrong).findings
    #expect(findings.map(\.index) == [3])
    #expect(findings[0].message.hasPrefix("takes 249 ns with 8, but 1000 ns with 1 of the same"))
  }

  @Test("Each curve is judged by itself, and has one finding, whatever order its points have")
  func curves() {
    let points = [
      Self.linear(16, 10), Self.linear(8, 20), Self.linear(1, 1000),
      Self.linear(1, 100_000, outputs: 128),
      Self.linear(2, 90_000, outputs: 128),
    ]
    // Of the first layer, 8 tokens come first in the order of sizes.
    #expect(ProfilePlausibility(points).findings.map(\.index) == [1])
  }

  @Test("A profile with such times is refused at the point's place")
  func refused() throws {
    var points = Fixture.measurements(repeats: 1)
    points.append(
      Measurement(
        shape: .linear(tokens: 2, outputs: 4096, inputs: 4096), isHeldOut: false, timesNs: [100]))
    let good = Fixture.syntheticProfile
    let profile = Profile(
      provenance: .measured, device: good.device, measuredAtUTC: good.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: 1, measurements: points)
    let errors = try Fixture.errors("profile.json", ProfileFile.encode(profile))
    #expect(errors.count == 1)
    #expect(
      errors[0].hasPrefix(
        "profile.json:26:5: error: measurements[10]: takes 100 ns with 2, but 100007 ns with 1"),
      "\(errors)")
  }
}
