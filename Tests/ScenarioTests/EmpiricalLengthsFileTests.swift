import Simulator
import Testing

@testable import Scenario

@Suite struct EmpiricalLengthsFileTests {
  private func parse(_ text: String) throws(ScenarioError) -> EmpiricalLengths {
    try EmpiricalLengthsFile.parse(SourceFile(path: "l", bytes: Array(text.utf8)))
  }

  private func errors(_ text: String) -> [String] {
    do throws(ScenarioError) {
      _ = try parse(text)
      return []
    } catch {
      return error.diagnostics.map(\.description)
    }
  }

  @Test("rows are equally likely or have weights, whatever ends them and whatever their order")
  func good() throws {
    let plain = EmpiricalLengths([(5, 2), (7, 1)])
    for text in [
      "5\n7\n5\n", "5\r\n5\r\n7", "7\n5\n5", "\u{FEFF}5\n5\n7", "5,2\n7,1", "7,1\n5,2.0\n",
    ] {
      #expect(try parse(text) == plain, "\(text)")
    }
    #expect(try parse("16777216,1e12\n1,1e-12").range == 1...(1 << 24))
  }

  @Test(
    "a malformed row is refused at its place",
    arguments: [
      ("", "1:1", "the file is empty"), ("\u{FEFF}", "1:1", "the file is empty"),
      ("\n", "1:1", "`` is not accepted"), ("5\n\n7\n", "2:1", "whole number of tokens from 1"),
      ("tokens\n5\n", "1:1", "`tokens` is not accepted"), ("0\n", "1:1", "from 1 to 16777216"),
      ("5\n16777217\n", "2:1", "`16777217`"), ("5\n-3\n", "2:1", "`-3`"),
      ("5\n 6\n", "2:1", "` 6`"), ("5.0\n", "1:1", "`5.0`"), ("nan\n", "1:1", "`nan`"),
      ("5\n6,1\n", "2:1", "2 fields; accepted: 1, tokens, as the first row has"),
      ("5,1\n6\n", "2:1", "1 fields; accepted: 2, tokens and weight"),
      ("5,1,2\n", "1:1", "3 fields; accepted: 2"), ("5,1\n6,0\n", "2:3", "`0`"),
      ("5,1\n600,-1\n", "2:5", "a weight from 1e-12 to"), ("5,nan\n", "1:3", "`nan`"),
      ("5,\n", "1:3", "`` is not accepted"), ("5,1e13\n", "1:3", "`1e13`"),
      ("5\u{0}\n", "1:2", "U+0"), ("99999999999999999999\n", "1:1", "from 1 to 16777216"),
    ])
  func malformed(text: String, place: String, says: String) throws {
    let errors = errors(text)
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("l:\(place): error: "), "\(errors[0])")
    #expect(errors[0].contains(says), "\(errors[0])")
  }

  @Test("of many malformed rows twenty are shown and the rest counted")
  func many() {
    let errors = errors(String(repeating: "x\n", count: 1000))
    #expect(errors.count == 21)
    #expect(errors.last!.contains("980 more malformed rows"))
  }
}
