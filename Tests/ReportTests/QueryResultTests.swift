import Foundation
import Testing
import Trace

@testable import Report

@Suite("Results of queries")
struct QueryResultTests {
  private let columns = ["name", "count", "share"]
  private let rows: [[QueryValue]] = [
    [.text("a|b, \"c\"\nd"), .integer(12_345), .real(0.123456)],
    [.null, .integer(-1), .real(1234.5)],
  ]

  private func printed(_ form: QueryResult.Form, _ rows: [[QueryValue]]) -> String {
    var result = QueryResult(columns: columns, as: form)
    var text = result.beginning
    for row in rows { text += result.add(row) }
    return text + result.end()
  }

  @Test("A table has text to the left, numbers to the right and three digits of them")
  func table() {
    #expect(
      printed(.table, rows) == """
        name        count  share
        ────────────────────────
        a|b, "c" d  12345  0.123
        –              -1  1,235

        """)
    #expect(printed(.table, []) == "no rows\n")
  }

  @Test("CSV quotes what needs it and keeps every digit")
  func csv() {
    #expect(
      printed(.csv, rows) == """
        name,count,share
        "a|b, ""c""
        d",12345,0.123456
        ,-1,1234.5

        """)
    #expect(printed(.csv, []) == "name,count,share\n")
  }

  @Test("JSON is an array of objects, in the order of the columns")
  func json() throws {
    let text = printed(.json, rows + [[.text("/ü\u{1}"), .integer(.max), .real(.infinity)]])
    let objects = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [[String: Any]])
    #expect(objects.count == 3)
    #expect(objects[0]["name"] as? String == "a|b, \"c\"\nd")
    #expect(objects[1]["name"] is NSNull && objects[2]["share"] is NSNull)
    #expect(objects[2]["count"] as? Int64 == .max && objects[2]["name"] as? String == "/ü\u{1}")
    #expect(text.contains("\"count\": 12345, \"share\": 0.123456}"))
    #expect(printed(.json, []) == "[]\n")
  }

  @Test("Control characters of a trace are printed by their numbers, but in CSV")
  func controls() {
    let rows: [[QueryValue]] = [[.text("\u{1b}[31m\u{7f}\u{9b}"), .null, .null]]
    for form in [QueryResult.Form.table, .markdown] {
      #expect(printed(form, rows).contains("\\u{1B}[31m\\u{7F}\\u{9B}"))
    }
    #expect(printed(.json, rows).contains(#""\u001b[31m\u007f\u009b""#))
    #expect(printed(.csv, rows).hasSuffix("\u{1b}[31m\u{7f}\u{9b},,\n"))
  }

  @Test("Tables keep so many rows and bytes and say when there are more; CSV passes all on")
  func limits() {
    func isTooLong(_ form: QueryResult.Form, _ rows: Int, _ text: String) -> Bool {
      var result = QueryResult(columns: ["a"], as: form)
      for _ in 0..<rows { _ = result.add([.text(text)]) }
      return result.isTooLong
    }
    let long = String(repeating: "a", count: 1 << 20)
    for form in [QueryResult.Form.table, .markdown] {
      #expect(!isTooLong(form, 100_000, "a") && isTooLong(form, 100_001, "a"))
      #expect(!isTooLong(form, 60, long) && isTooLong(form, 65, long))
    }
    #expect(!isTooLong(.csv, 100_001, "a") && !isTooLong(.json, 65, long))
  }

  @Test("Markdown keeps each row on its line and bars in their cells")
  func markdown() {
    #expect(
      printed(.markdown, rows) == """
        | name | count | share |
        | --- | --: | --: |
        | a\\|b, "c" d | 12345 | 0.123 |
        | – | -1 | 1,235 |

        """)
  }
}
