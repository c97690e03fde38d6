import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite struct BadProfileTests {
  @Test("one mistake gives one error at its place", arguments: mistakes)
  func oneMistake(_ input: BadInput) throws {
    let text = BadProfileTests.signed(input.applied(to: Fixture.profile))
    let errors = try Fixture.errors("profile.json", text)
    try input.expectAlone(in: errors, of: "profile.json")
  }

  /// `text` with the checksum that it should have.
  static func signed(_ text: String) -> String {
    guard let line = text.range(of: "  \"checksum\": \"", options: .backwards) else { return text }
    let covered = text[..<line.lowerBound]
    return covered + "  \"checksum\": \"\(FNV1a.digits(covered.utf8))\"\n}\n"
  }

  static let mistakes: [BadInput] = [
    BadInput(
      "newer version", "profile\": 1", "profile\": 2", "2:20", "version 2", "reads version 1"),
    BadInput("version missing", "  \"kvsim_profile\": 1,\n", "", "1:1", "kvsim_profile: missing"),
    BadInput("unknown key", "\"provenance\"", "\"note\": 1, \"provenance\"", "3:3", "unknown key"),
    BadInput("provenance", "\"measured\"", "\"guessed\"", "3:17", "accepted: `measured`"),
    BadInput("date", "23T21", "23 21", "4:22", "a date and time in UTC"),
    BadInput("no such day", "2026-11-23", "2026-11-31", "4:22", "a date and time in UTC"),
    BadInput("device kind", "\"cpu\"", "\"cpus\"", "7:13", "mean `cpu`?", "`vulkan`"),
    BadInput("empty path", "\"scalar\"", "\"\"", "8:20", "empty text is not accepted"),
    BadInput("no threads", "threads\": 2", "threads\": -1", "9:16", "threads from 0"),
    BadInput(
      "plan for nothing", "    \"threads\"",
      "    \"layer_plan_multiprocessors\": 0,\n    \"threads\"", "9:35", "multiprocessors from 1"),
    BadInput("block size", "block_size\": 16", "block_size\": -16", "13:17", "out of range"),
    BadInput(
      "bandwidth missing", "  \"read_bytes_per_second\": 42000000000,\n", "", "1:1",
      "read_bytes_per_second: missing"),
    BadInput("time of nothing", "[100007,", "[0,", "16:106", "nanoseconds from 1"),
    BadInput("negative time", "[100007,", "[-5,", "16:106", "times_ns[0]", "out of range"),
    BadInput("fraction of a time", "[100007,", "[1.5,", "16:106", "digits only"),
    BadInput("no times", "[100007, 100014, 100021]", "[]", "16:105", "0 times"),
    BadInput(
      "unknown operator", "\"linear\", \"tokens\"", "\"liner\", \"tokens\"", "16:18",
      "mean `linear`?"),
    BadInput("foreign key", "\"outputs\"", "\"context\": 3, \"outputs\"", "16:41", "unknown key"),
    BadInput("operator's key missing", "\"inputs\": 4096, ", "", "16:5", "inputs: missing"),
    BadInput(
      "held_out is text", "4096, \"held_out\": false", "4096, \"held_out\": \"no\"", "16:86",
      "true or false"),
    BadInput(
      "product of sizes", "\"tokens\": 1, \"outputs\": 4096, \"inputs\": 4096",
      "\"tokens\": 16777216, \"outputs\": 16777216, \"inputs\": 16777216", "16:5", "64 bits"),
    BadInput(
      "KV heads",
      "\"kv_heads\": 8, \"head_dim\": 128, \"format\": \"fp16\", \"held_out\": "
        + "false, \"times_ns\": [200007",
      "\"kv_heads\": 5, \"head_dim\": 128, \"format\": \"fp16\", "
        + "\"held_out\": false, \"times_ns\": [200007", "17:72", "5 does not divide"),
    BadInput(
      "no linear", "false, \"times_ns\": [100007", "true, \"times_ns\": [100007", "15:19",
      "no measurement of `linear` with `held_out`: false"),
    BadInput(
      "a format in one operator only", "false, \"times_ns\": [200007",
      "true, \"times_ns\": [200007", "15:19", "no measurement of `append` in `fp16`"),
    BadInput("residual's key", "\"points\": 1", "\"point\": 1", "28:46", "mean `points`?"),
    BadInput("residual's kind", "0.500000", "\"much\"", "28:98", "a share"),
  ]

  @Test("any byte changed before the checksum is noticed")
  func damage() throws {
    let good = Array(Fixture.profile.utf8)
    let checksum = try #require(Fixture.profile.range(of: "  \"checksum\""))
    let end = Fixture.profile.utf8.distance(
      from: Fixture.profile.startIndex, to: checksum.lowerBound)
    for index in stride(from: 0, to: end, by: 97) {
      var bytes = good
      bytes[index] ^= 1
      #expect(throws: ScenarioError.self) {
        _ = try ProfileFile.parse(SourceFile(path: "p", bytes: bytes))
      }
    }
    let edited = Fixture.profile.replacingOccurrences(of: "100007", with: "100008")
    let errors = try Fixture.errors("profile.json", edited)
    #expect(errors.count == 1)
    #expect(errors[0].hasPrefix("profile.json:31:15: error: checksum: "))
    #expect(errors[0].contains("edited or damaged"))
  }

  @Test("the checksum comes last and covers the lines before it")
  func checksumComesLast() throws {
    let moved = "{\"kvsim_profile\": 1, \"checksum\": \"0000000000000000\",\n\"provenance\": 1}"
    let errors = try Fixture.errors("profile.json", moved)
    #expect(errors.contains { $0.contains("1:22") && $0.contains("it comes last") }, "\(errors)")
    let oneLine = Fixture.profile.replacingOccurrences(of: "  ],\n  \"check", with: "  ], \"check")
    #expect(try Fixture.errors("profile.json", oneLine).count == 1)
    let absent = Fixture.profile.replacingOccurrences(of: "\"checksum\"", with: "\"cheksum\"")
    let misspelt = try Fixture.errors("profile.json", absent)
    #expect(misspelt.count == 1 && misspelt[0].contains("mean `checksum`?"), "\(misspelt)")
  }

  @Test("mixed launches whose points are no grid are refused before they fill the memory")
  func noGrid() throws {
    let measured = Fixture.syntheticProfile
    let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16)
    let scattered = (1...40).map {
      Measurement(
        shape: .mixedAttention(
          tokens: $0, prefix: $0, sequences: $0, context: $0, heads: heads, format: .fp16),
        isHeldOut: false, timesNs: [1000])
    }
    // 40 to the fourth are 2,560,000 cells; 20 to the fourth are 160,000.
    for (count, isRefused) in [(40, true), (20, false)] {
      let profile = Profile(
        provenance: .measured, device: measured.device, measuredAtUTC: measured.measuredAtUTC,
        blockSize: 16, readBytesPerSecond: 1,
        measurements: measured.measurements + scattered.prefix(count))
      let errors = try Fixture.errors("profile.json", ProfileFile.encode(profile))
      #expect(errors.contains { $0.contains("span more than 1048576 cells") } == isRefused)
    }
  }

  @Test("a format that was not measured is refused where the scenario names it")
  func unmeasuredFormat() throws {
    let measured = Fixture.syntheticProfile
    let profile = Profile(
      provenance: .measured, device: measured.device, measuredAtUTC: measured.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: 1,
      measurements: Array(measured.measurements.prefix(4)))
    let errors = try Fixture.errors("profile.json", ProfileFile.encode(profile))
    #expect(errors.count == 1)
    #expect(errors[0].hasPrefix("scenario.yaml:9:11: error: kv_cache.format: `int4` was not"))
    #expect(errors[0].hasSuffix("accepted: fp16"))
  }
}
