import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite struct ProfileRoundTripTests {
  @Test("what is written reads back equal, and writes the same bytes again")
  func roundTrip() throws {
    let bytes = Array(Fixture.profile.utf8)
    let loaded = try ProfileFile.parse(SourceFile(path: "p.json", bytes: bytes))
    #expect(loaded.profile == Fixture.syntheticProfile)
    #expect(loaded.text == Fixture.profile)
    #expect(ProfileFile.encode(loaded.profile) == ProfileFile.encode(Fixture.syntheticProfile))
  }

  @Test("the written form stays as it is")
  func writtenForm() {
    let lines = Fixture.profile.split(separator: "\n")
    #expect(lines[1] == "  \"kvsim_profile\": 1,")
    #expect(lines[5] == "    \"name\": \"Synthetic \\\"one\\\"\",")
    #expect(
      lines[15]
        == "    {\"operator\": \"linear\", \"tokens\": 1, \"outputs\": 4096, \"inputs\": 4096, "
        + "\"held_out\": false, \"times_ns\": [100007, 100014, 100021]},")
    #expect(
      lines[27]
        == "    {\"operator\": \"append\", \"format\": \"fp16\", \"points\": 1, "
        + "\"median_error\": 0.012500, \"p95_error\": 0.500000, \"median_spread\": 0.100000},")
    #expect(lines.last == "}")
    #expect(Fixture.profile.hasSuffix("\"\n}\n"))
  }

  @Test(
    "names with quotes, control characters and other scripts survive",
    arguments: [
      "plain", "a \"b\" \\ c", "tab\tand\u{1}", "Größe 規模 😀", "\u{2028}\u{FEFF}\u{7F}",
    ])
  func names(name: String) throws {
    let good = Fixture.syntheticProfile
    let device = Device(
      name: name, kind: "vulkan", kernelPath: "x", threads: 1, memoryBytes: 1,
      lastLevelCacheBytes: 5, driver: name, kernelVersion: name,
      layerPlan: DenseLayerPlan(multiprocessors: 132))
    let profile = Profile(
      provenance: .measured, device: device, measuredAtUTC: "2026-01-01T00:00:00.5Z",
      blockSize: 1, readBytesPerSecond: 420_000_000_000, measurements: good.measurements)
    let text = ProfileFile.encode(profile)
    let loaded = try ProfileFile.parse(SourceFile(path: "p", bytes: Array(text.utf8)))
    #expect(loaded.profile == profile)
  }

  private func withRagged(_ batch: RaggedBatch) -> String {
    let good = Fixture.syntheticProfile
    let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
    return ProfileFile.encode(
      Profile(
        provenance: .measured, device: good.device, measuredAtUTC: good.measuredAtUTC,
        blockSize: 16, readBytesPerSecond: 1,
        measurements: good.measurements + [
          Measurement(
            shape: .raggedDecode(batch, heads: heads, format: .fp16), isHeldOut: false,
            timesNs: [7000])
        ]))
  }

  @Test("batches of uneven contexts are written and read; contexts that cannot be are refused")
  func ragged() throws {
    let batch = RaggedBatch(sequences: 4, context: 100, longest: 250)
    let text = withRagged(batch)
    let loaded = try ProfileFile.parse(SourceFile(path: "p", bytes: Array(text.utf8)))
    #expect(loaded.text == text)
    #expect(
      loaded.profile.measurements.contains {
        if case .raggedDecode(batch, _, .fp16) = $0.shape { true } else { false }
      })
    let wrong = BadProfileTests.signed(
      text.replacingOccurrences(of: "\"longest\": 250", with: "\"longest\": 401"))
    let errors = try Fixture.errors("profile.json", wrong)
    #expect(errors.count == 1, "\(errors)")
    #expect(errors.allSatisfy { $0.contains("100 on average, cannot reach up to 401") })
  }

  @Test("a profile of 1,500 points is read whole")
  func large() throws {
    let good = Fixture.syntheticProfile
    let profile = Profile(
      provenance: .measured, device: good.device, measuredAtUTC: good.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: 1,
      measurements: Fixture.measurements(repeats: 20, copies: 150))
    let text = ProfileFile.encode(profile)
    let loaded = try ProfileFile.parse(SourceFile(path: "p", bytes: Array(text.utf8)))
    #expect(loaded.profile == profile)
  }
}
