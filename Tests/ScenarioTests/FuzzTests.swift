import Foundation
import TestSupport
import Testing

@testable import Scenario

/// Seeded mutations of good files: nothing crashes, and whatever does not parse says where.
@Suite struct FuzzTests {
  static let mutationsPerFile = 2_500 * testDepth

  @Test(
    "mutated scenarios parse or are refused at a place inside the file",
    arguments: zip(
      [
        Fixture.scenario, GoodWorkloadTests.everyKind, ClassesTests.shared, ClassesTests.apart,
      ], [1, 10, 11, 12] as [UInt64]))
  func scenarios(good: String, seed: UInt64) throws {
    let fixture = try ClassesTests.fixture(good)
    defer { fixture.remove() }
    try check(good, seed: seed) { bytes throws(ScenarioError) in
      _ = try ServingScenario.parse(
        SourceFile(path: fixture.folder + "scenario.yaml", bytes: bytes))
    }
  }

  @Test("mutated models parse or are refused at a place inside the file")
  func models() throws {
    try check(Fixture.model, seed: 2) { bytes throws(ScenarioError) in
      _ = try ModelFile.parse(SourceFile(path: "model.json", bytes: bytes))
    }
  }

  @Test("mutated models of experts with windows parse or are refused at a place inside the file")
  func modelsOfExperts() throws {
    try check(BadLayerTests.model, seed: 5) { bytes throws(ScenarioError) in
      _ = try ModelFile.parse(SourceFile(path: "model.json", bytes: bytes))
    }
  }

  @Test("mutated profiles parse or are refused at a place inside the file")
  func profiles() throws {
    try check(Fixture.profile, seed: 3) { bytes throws(ScenarioError) in
      // Signed anew, a mutated profile is judged by everything but its checksum.
      let text = String(validating: bytes, as: UTF8.self).map(BadProfileTests.signed)
      if let text {
        _ = try? ProfileFile.parse(SourceFile(path: "profile.json", bytes: Array(text.utf8)))
      }
      _ = try ProfileFile.parse(SourceFile(path: "profile.json", bytes: bytes))
    }
  }

  @Test("mutated data sheets parse or are refused at a place inside the file")
  func dataSheets() throws {
    try check(DerivedProfileTests.sheet, seed: 6) { bytes throws(ScenarioError) in
      _ = try DataSheetFile.parse(SourceFile(path: "sheet.json", bytes: bytes))
    }
  }

  @Test("mutated links parse or are refused at a place inside the file")
  func links() throws {
    try check(LinkFileTests.good, seed: 8) { bytes throws(ScenarioError) in
      _ = try LinkFile.parse(SourceFile(path: "link.json", bytes: bytes))
    }
  }

  @Test(
    "mutated request traces of every form parse or are refused at a place inside the file",
    arguments: zip(
      [
        Fixture.trace, PublishedTraceTests.burstGPT, PublishedTraceTests.vidur,
        PublishedTraceTests.mooncake, PublishedTraceTests.bailian, RecordedRunTests.request,
      ], [4, 9, 10, 11, 12, 13] as [UInt64]))
  func traces(good: String, seed: UInt64) throws {
    try check(good, seed: seed) { bytes throws(ScenarioError) in
      _ = try RequestTraceFile.parse(bytes, path: "trace")
    }
  }

  @Test("mutated files of lengths parse or are refused at a place inside the file")
  func lengths() throws {
    try check(Fixture.lengths, seed: 9) { bytes throws(ScenarioError) in
      _ = try EmpiricalLengthsFile.parse(SourceFile(path: "lengths.txt", bytes: bytes))
    }
  }

  @Test("mutated tables of results parse or are refused at a place inside the file")
  func publishedTables() throws {
    let good =
      PublishedTableTests.header + PublishedTableTests.row("bf16")
      + PublishedTableTests.row("int4-rotated")
    try check(good, seed: 7) { bytes throws(ScenarioError) in
      _ = try PublishedTableFile.parse(SourceFile(path: "table.csv", bytes: bytes))
    }
  }

  private func check(
    _ good: String, seed: UInt64, _ parse: ([UInt8]) throws(ScenarioError) -> Void
  ) throws {
    try parse(Array(good.utf8))
    var mutator = Mutator(seed: seed)
    var refused = 0
    for round in 0..<FuzzTests.mutationsPerFile {
      let bytes = mutator.mutated(Array(good.utf8))
      do throws(ScenarioError) {
        try parse(bytes)
      } catch {
        refused += 1
        let diagnostics = error.diagnostics
        try #require(!diagnostics.isEmpty, "round \(round)")
        for diagnostic in diagnostics {
          try #require(isInside(diagnostic, bytes), "round \(round): \(diagnostic)")
        }
      }
    }
    // A mutator that changes nothing, or a parser that takes anything, would pass too.
    #expect(refused > FuzzTests.mutationsPerFile / 4)
  }

  /// Whether the place is a character of the file or the end of one of its lines.
  private func isInside(_ diagnostic: Diagnostic, _ bytes: [UInt8]) -> Bool {
    let text = String(decoding: bytes, as: UTF8.self).unicodeScalars
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(\.count)
    return (1...lines.count).contains(diagnostic.line)
      && (1...lines[diagnostic.line - 1] + 1).contains(diagnostic.column)
  }
}

/// A source of changed copies, the same for the same seed.
private struct Mutator {
  private var random: SeededRandom

  init(seed: UInt64) {
    random = SeededRandom(seed)
  }

  private mutating func next(below bound: Int) -> Int {
    Int(random.next() % UInt64(bound))
  }

  /// Tokens that parsers treat in ways of their own.
  private static let tokens: [String] = [
    "{", "}", "[", "]", ":", ": ", ",", "\"", "'", "\\", "\\u", "\n", "\r", "\t", "- ", "? ", "&a ",
    "*a", "!!", "!x ", "#", "|", ">", "---\n", "...\n", "%", "@", "`", "~", "null", "true", "-1",
    "1e999", "99999999999999999999", "0", "0x1", "1_0", "\u{FEFF}", "\u{0}", "\u{85}", "\u{2028}",
    "é", "😀", "<<: ",
  ]

  mutating func mutated(_ good: [UInt8]) -> [UInt8] {
    var bytes = good
    for _ in 0...next(below: 3) {
      let at = next(below: bytes.count + 1)
      let end = min(bytes.count, at + 1 + next(below: 12))
      switch next(below: 6) {
      case 0: bytes.insert(UInt8(next(below: 256)), at: at)
      case 1: bytes.removeSubrange(at..<end)
      case 2: if at < bytes.count { bytes[at] ^= 1 << UInt8(next(below: 8)) }
      case 3: bytes.insert(contentsOf: bytes[at..<end], at: next(below: bytes.count + 1))
      case 4: bytes.removeSubrange(at...)
      default:
        let token = Mutator.tokens[next(below: Mutator.tokens.count)]
        bytes.insert(contentsOf: token.utf8, at: at)
      }
    }
    return bytes
  }
}
