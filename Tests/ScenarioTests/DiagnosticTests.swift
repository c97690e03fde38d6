import Foundation
import Testing

@testable import Scenario

@Suite struct DiagnosticTests {
  @Test("five mistakes in a file are five errors, in the order of their places")
  func fiveMistakes() throws {
    let text = Fixture.scenario.replacingOccurrences(of: "seed: 7", with: "sede: 7")
      .replacingOccurrences(of: "int4]", with: "int3]")
      .replacingOccurrences(of: "seqs: 64", with: "seqs: -64")
      .replacingOccurrences(of: "2.5/s", with: "2.5")
      .replacingOccurrences(of: "  output_tokens: 30\n", with: "")
    let errors = try Fixture.errors("scenario.yaml", text)
    let places = errors.map { $0.components(separatedBy: ": error: ")[0] }
    #expect(
      places == [
        "scenario.yaml:4:1", "scenario.yaml:9:18", "scenario.yaml:11:17", "scenario.yaml:16:3",
        "scenario.yaml:19:11",
      ])
    #expect(
      errors[0]
        == "scenario.yaml:4:1: error: sede: unknown key; did you mean `seed`? accepted: `kvsim`, "
        + "`name`, `description`, `seed`, `model`, `device`, `kv_cache`, `engine`, `cluster`, "
        + "`workload`, `reference`, `plan`")
    #expect(
      errors[4]
        == "scenario.yaml:19:11: error: workload.arrivals.rate: `2.5` has no unit; accepted: a "
        + "positive number with a unit (/s, /min, /h), such as 2.5/s")
  }

  @Test("mistakes in all files come out together")
  func allFiles() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write(
      "scenario.yaml",
      Fixture.scenario.replacingOccurrences(
        of: "poisson\n    rate: 2.5/s", with: "replay\n    trace: trace.csv\n    rate: 1/s"))
    try fixture.write("model.json", "{}")
    try fixture.write("profile.json", "[")
    try fixture.write("trace.csv", CSVTraceForm.azure.header + "\nx,1,1\ny,1,1\n")
    let errors = fixture.errors()
    let files = errors.map { $0.components(separatedBy: ":")[0] }
    #expect(Set(files) == ["scenario.yaml", "model.json", "profile.json", "trace.csv"])
    #expect(files.filter { $0 == "trace.csv" }.count == 2)
    #expect(files == files.sorted())
    #expect(errors.contains { $0.hasPrefix("scenario.yaml:20:5: error: ") })
  }

  @Test(
    "a file that cannot be read gives one clear error",
    arguments: [
      ("no.yaml", "there is no such file"), (".", "is a directory"), ("", "not a path"),
      ("/dev/null", "not a regular file"),
    ])
  func unreadable(path: String, says: String) {
    do throws(ScenarioError) {
      _ = try ServingScenario.load(path: path)
      Issue.record("it was read")
    } catch {
      guard case .unreadable(path, let reason) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(reason.contains(says))
      #expect(error.diagnostics.count == 1)
    }
  }

  @Test("a file beyond its limit is refused unread")
  func limit() throws {
    let errors = try Fixture.errors(
      "model.json", String(repeating: " ", count: Limits.modelBytes + 1))
    #expect(errors.count == 1)
    #expect(errors[0].contains("has 1048577 bytes; the limit is 1048576 bytes"))
  }

  @Test(
    "bytes that are no text are refused at their place",
    arguments: [
      ([], "1:1", "the file is empty"),
      (Array("# a comment only\n".utf8), "1:1", "the file is empty"),
      (Array("kvsim".utf8), "1:1", "`kvsim` is not accepted here; accepted: a mapping of"),
      (Array("kvsim: 1\rname: x".utf8), "1:9", "a carriage return without"),
      ([0xFF, 0xFE, 0x6B, 0], "1:1", "UTF-16"),
      (Array("kvsim: 1\nname: ".utf8) + [0xC3, 0x28], "2:7", "not UTF-8"),
      (Array("kvsim: 1\nname: é\u{7}".utf8), "2:8", "U+7"),
      (Array("\u{FEFF}kvsim: 1\nname: \u{FEFF}x".utf8), "2:7", "U+FEFF"),
    ] as [([UInt8], String, String)])
  func noText(bytes: [UInt8], place: String, says: String) {
    let error = #expect(throws: ScenarioError.self) {
      _ = try ServingScenario.parse(SourceFile(path: "s", bytes: bytes))
    }
    let diagnostics = error?.diagnostics.map(\.description) ?? []
    #expect(diagnostics.count == 1)
    #expect(diagnostics.first?.hasPrefix("s:\(place): error: ") == true, "\(diagnostics)")
    #expect(diagnostics.first?.contains(says) == true, "\(diagnostics)")
  }

  @Test("of very many errors a thousand are shown and the rest counted")
  func veryMany() {
    let keys = (0..<5_000).map { "key-\($0): 1\n" }.joined()
    let error = #expect(throws: ScenarioError.self) {
      _ = try ServingScenario.parse(SourceFile(path: "s", bytes: Array(keys.utf8)))
    }
    #expect(error?.diagnostics.count == 1_001)
    #expect(error?.diagnostics.last?.message == "… and 4004 more errors")
  }

  @Test(
    "nesting of any depth is refused without running out of stack",
    arguments: [
      ("[", "]", 33), ("[", "]", 900), ("[", "]", 500_000), ("- ", "", 900), ("- ", "", 500_000),
      ("{a: ", "}", 900), ("? ", "", 900),
    ])
  func nesting(open: String, close: String, depth: Int) {
    let text = String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)
    let log = DiagnosticLog(file: "s", dialect: .yaml)
    #expect(YAMLSource.parse(text, into: log) == nil)
    #expect(log.diagnostics.count == 1)
    let json = DiagnosticLog(file: "s", dialect: .json)
    #expect(JSONSource.parse(text, into: json) == nil)
    #expect(json.diagnostics.count == 1)
  }

  @Test("aliases are refused, and a chain of them takes no time")
  func aliases() {
    var bomb = "a: &a0 [x, x]\n"
    for level in 1...40 { bomb += "b\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]\n" }
    bomb += "? *a40\n: 1\n"
    let log = DiagnosticLog(file: "s", dialect: .yaml)
    #expect(YAMLSource.parse(bomb, into: log) == nil)
    #expect(log.diagnostics[0].message.contains("more than 16 YAML aliases"))
    let few = DiagnosticLog(file: "s", dialect: .yaml)
    #expect(YAMLSource.parse("a: &a 1\nb: *a\n", into: few) == nil)
    #expect(few.diagnostics[0].description.hasPrefix("s:1:4: error: anchors"))
  }

  @Test(
    "10^12 requests are refused by name, whatever the process",
    arguments: [
      "poisson", "closed-loop", "replay", "nonsense",
    ])
  func manyRequests(process: String) throws {
    let text = Fixture.scenario.replacingOccurrences(of: "s: 100", with: "s: 1000000000000")
      .replacingOccurrences(of: "poisson", with: process)
    let errors = try Fixture.errors("scenario.yaml", text)
    #expect(errors.contains { $0.contains("16:13: error: workload.requests: `1000000000000`") })
  }

  @Test(
    "the nearest word is suggested, a far one is not",
    arguments: [
      ("max_num_sequences", "max_num_seqs"), ("blocksize", "block_size"),
      ("gpu-memory-utilization", "gpu_memory_utilization"), ("temperature", nil), ("x", nil),
    ] as [(String, String?)])
  func suggestions(word: String, suggestion: String?) {
    #expect(Spelling.suggestion(for: word, among: EngineKeys.form.names) == suggestion)
  }

  @Test(
    "edit distance counts insertions, deletions, replacements and swaps",
    arguments: [
      ("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("poisson", "possion", 2),
      ("ab", "ba", 1), ("flaw", "lawn", 2),
    ])
  func distances(left: String, right: String, edits: Int) {
    #expect(Spelling.distance(Array(left), Array(right)) == edits)
    #expect(Spelling.distance(Array(right), Array(left)) == edits)
  }

  @Test("messages hold no character that a terminal obeys")
  func escapes() {
    let diagnostic = Diagnostic(
      file: "a\u{7}", line: 1, column: 2, keyPath: "k\u{1B}[0m",
      message: "\u{202E}x\u{9B}\n" + Escaping.quoted(String(repeating: "é", count: 61)))
    #expect(
      diagnostic.description
        == "a\\u{7}:1:2: error: k\\u{1B}[0m: \\u{202E}x\\u{9B}\\u{A}`"
        + String(repeating: "é", count: 60) + "…`")
  }
}
