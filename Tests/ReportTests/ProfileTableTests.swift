import CostModel
import Operators
import Testing

@testable import Report

@Suite("The tables of a profile")
struct ProfileTableTests {
  /// Decode attention of 1 and 4 sequences in 10 and 40 µs; held out are 2 sequences, which the fit
  /// puts at 20 µs, and 3, at 30.
  private func profile(heldOutNs: [Int64]) -> Profile {
    let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
    func point(_ sequences: Int, _ ns: Int64, isHeldOut: Bool = false) -> Measurement {
      Measurement(
        shape: .decodeAttention(sequences: sequences, context: 1000, heads: heads, format: .fp16),
        isHeldOut: isHeldOut, timesNs: [ns])
    }
    return Profile(
      provenance: .measured,
      device: Device(
        name: "made up", kind: "vulkan", kernelPath: "none", threads: 10, memoryBytes: 64 << 30,
        lastLevelCacheBytes: 0, driver: "drives 1.2", kernelVersion: "kernels 3"),
      measuredAtUTC: "2026-11-28T00:00:00Z", blockSize: 16,
      // Four sequences read 4 * (1,000 * 4,096 + 32,768) bytes in 40 µs: 413 GB/s.
      readBytesPerSecond: 826_000_000_000,
      measurements: [point(1, 10_000), point(4, 40_000)]
        + heldOutNs.enumerated().map { point($0.offset + 2, $0.element, isHeldOut: true) })
  }

  @Test("Device, origin, errors, grid and the points that err most stand in the tables")
  func tables() throws {
    let text = try ProfileTable(profile(heldOutNs: [25_000, 24_000]), worst: 1).rendered()
    let lines = text.split(separator: "\n").map(String.init)
    func line(_ start: String, _ part: String) -> String? {
      lines.first { $0.hasPrefix(start) && $0.contains(part) }
    }
    #expect(lines[0] == "made up, 10 multiprocessors, none kernels, memory 64.00 GiB")
    #expect(
      lines[2]
        == "measured 2026-11-28T00:00:00Z, kernels 3, driver drives 1.2, "
        + "16 tokens per page, 4 points"
    )
    // Errors are -20 and +25 %; the nearest rank of two gives the smaller one as the median.
    let errors = try #require(line("decode_attention", "GB/s"))
    #expect(errors.contains("20.0 %") && errors.contains("25.0 %"))
    let grid = try #require(line("decode_attention", "32/8 x 128       2"))
    #expect(grid.contains("1-4 sequences (2) x 1,000 context"))
    #expect(grid.contains("413") && grid.contains("50.0 %"))
    #expect(lines.contains("the 1 of 2 held-out points with the largest errors"))
    let worst = try #require(line("decode_attention", "3 x 1,000"))
    #expect(worst.contains("24.0") && worst.contains("30.0") && worst.contains("+25.0 %"))
    #expect(line("decode_attention", "2 x 1,000") == nil)
  }

  @Test("Derived times show from what they come and how uncertain they are; others do not")
  func derived() throws {
    func sheet(_ gigabytes: Int) -> DataSheet {
      DataSheet(
        name: "sheet", memoryBytes: 1 << 34, bytesPerSecond: gigabytes * 1_000_000_000,
        flopsPerSecond: 1_000_000_000_000_000, source: "made up")
    }
    let measured = profile(heldOutNs: [25_000])
    let derived = measured.derived(from: sheet(900), to: sheet(450))
    let lines = try ProfileTable(derived, worst: 0).rendered().split(separator: "\n")
    #expect(lines[0] == "sheet, none kernels, memory 16.00 GiB")
    #expect(
      lines[2].hasPrefix("derived from made up, measured 2026-11-28T00:00:00Z, kernels 3, 16"))
    #expect(lines[3] == "uncertainty of the derived times")
    // All points have half their time from memory: they stay nearly as they are, and could double.
    #expect(lines[6].hasPrefix("decode_attention    fp16       3") && lines[6].contains(" %"))
    #expect(lines.contains { $0.hasPrefix("width: between all time scaled") })
    let plain = try ProfileTable(measured, worst: 0).rendered()
    #expect(!plain.contains("uncertainty") && !plain.contains("derived"))
  }

  @Test("All points come in their order, none where none is asked for or held out")
  func points() throws {
    let held = profile(heldOutNs: [25_000, 24_000])
    let all = try ProfileTable(held, worst: nil).rendered()
    let (second, third) = (
      try #require(all.range(of: "2 x 1,000")), try #require(all.range(of: "3 x 1,000"))
    )
    #expect(second.lowerBound < third.lowerBound)
    #expect(all.contains("\nheld-out points\n"))
    #expect(try !ProfileTable(held, worst: 0).rendered().contains("held-out points"))
    let none = try ProfileTable(profile(heldOutNs: []), worst: nil).rendered()
    #expect(!none.contains("held-out points") && none.contains("1-4 sequences"))
  }
}
