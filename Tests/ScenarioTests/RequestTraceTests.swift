import Foundation
import Simulator
import Testing

@testable import Scenario

@Suite struct RequestTraceTests {
  static let header = CSVTraceForm.azure.header + "\n"

  static func errors(_ text: String) -> [String] {
    do throws(ScenarioError) {
      _ = try RequestTraceFile.parse(Array(text.utf8), path: "t")
      return []
    } catch {
      return error.diagnostics.map(\.description)
    }
  }

  @Test(
    "a malformed row is refused at its place",
    arguments: [
      ("", "1:1", "the file is empty"),
      ("\u{FEFF}", "1:1", "the file is empty"),
      (CSVTraceForm.azure.header, "1:1", "no rows"),
      (header, "1:1", "no rows"),
      ("timestamp,prompt,output\n", "1:1", "accepted: `TIMESTAMP,ContextTokens,GeneratedTokens`"),
      (header + "2023-11-16 18:15:46,374\n", "2:1", "2 columns"),
      (header + "2023-11-16 18:15:46,374,44,1\n", "2:1", "4 columns"),
      (header + "2023-11-16 18:15:46,3,4\n\n2023-11-16 18:15:46,3,4", "3:1", "0 columns"),
      (header + "16.11.2023 18:15,374,44\n", "2:1", "`16.11.2023 18:15` is no time"),
      (header + "2023-13-16 18:15:46,374,44\n", "2:1", "is no time"),
      (header + "2023-02-29 18:15:46,374,44\n", "2:1", "is no time"),
      (header + "2023-11-16 24:00:00,374,44\n", "2:1", "is no time"),
      (header + "2023-11-16 18:15:60,374,44\n", "2:1", "is no time"),
      (header + "2023-11-16 18:15:46.,374,44\n", "2:1", "is no time"),
      (header + "2023-11-16 18:15:46.1234567890,374,44\n", "2:1", "up to nine decimals"),
      (header + "2023-11-16T18:15:46,374,44\n", "2:1", "is no time"),
      (header + "2023-11-16 18:15:46,0,44\n", "2:21", "`0` is not accepted",),
      (header + "2023-11-16 18:15:46,-3,44\r\n", "2:21", "`-3`"),
      (header + "2023-11-16 18:15:46,374,\r\n", "2:25", "whole number of tokens from 1"),
      (header + "2023-11-16 18:15:46,374,4.5\r\n", "2:25", "`4.5`"),
      (header + "2023-11-16 18:15:46,374, 4\n", "2:25", "` 4`"),
      (header + "2023-11-16 18:15:46,374,99999999999999999999\n", "2:25", "from 1 to 16777216"),
      (header + "2023-11-16 18:15:46,374,\u{1B}[1m\n", "2:25", "`\\u{1B}[1m`"),
      (
        header + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:45.9,1,1\n", "3:1",
        "order of their times"
      ),
      (header + "2023-11-16 18:15:46,1,1\n2133-11-16 18:15:46,1,1\n", "3:1", "hundred years"),
      (header + "9999-11-16 18:15:46,1,1\n0000-01-01 18:15:46,1,1\n", "3:1", "earlier"),
    ])
  func malformed(text: String, place: String, says: String) throws {
    try BadInput("malformed", "", "", place, says)
      .expectAlone(in: RequestTraceTests.errors(text), of: "t")
  }

  @Test("of many malformed rows twenty are shown and the rest counted")
  func many() {
    let rows = String(repeating: "x,1,1\n", count: 45)
    let errors = RequestTraceTests.errors(RequestTraceTests.header + rows)
    #expect(errors.count == 21)
    #expect(errors[0].hasPrefix("t:2:1: "))
    #expect(errors[19].hasPrefix("t:21:1: "))
    #expect(errors[20] == "t:21:1: error: … and 25 more malformed rows")
  }

  @Test(
    "times are exact over midnight, the ends of months and leap days",
    arguments: [
      ("2023-11-16 23:59:59.9999999", "2023-11-17 00:00:00", 100),
      ("2023-11-30 23:59:59", "2023-12-01 00:00:00.000000001", 1_000_000_001),
      ("2023-12-31 23:59:59", "2024-01-01 00:00:00", 1_000_000_000),
      ("2024-02-28 00:00:00", "2024-03-01 00:00:00", 172_800_000_000_000),
      ("2023-02-28 00:00:00", "2023-03-01 00:00:00", 86_400_000_000_000),
      ("1900-02-28 00:00:00", "1900-03-01 00:00:00", 86_400_000_000_000),
      ("2000-02-28 00:00:00", "2000-03-01 00:00:00", 172_800_000_000_000),
      ("1969-12-31 23:59:59.5", "1970-01-01 00:00:00.25", 750_000_000),
      ("2023-11-16 18:15:46.6805900", "2023-11-16 18:15:50.9951690", 4_314_579_000),
    ])
  func times(from: String, to: String, nanoseconds: Int64) throws {
    let text = RequestTraceTests.header + "\(from),1,1\n\(to),2,3\n"
    let trace = try RequestTraceFile.parse(Array(text.utf8), path: "t")
    #expect(trace.arrivalNs == [0, nanoseconds])
    #expect(trace.promptTokens == [1, 2])
    #expect(trace.outputTokens == [1, 3])
  }

  @Test("CRLF, LF, a byte order mark and a last line without end read alike")
  func lineEnds() throws {
    let crlf = try RequestTraceFile.parse(Array(Fixture.trace.utf8), path: "t")
    let lf = Fixture.trace.replacingOccurrences(of: "\r\n", with: "\n")
    #expect(try RequestTraceFile.parse(Array(lf.utf8), path: "t") == crlf)
    #expect(try RequestTraceFile.parse(Array((lf + "\n").utf8), path: "t") == crlf)
    #expect(try RequestTraceFile.parse(Array(("\u{FEFF}" + lf).utf8), path: "t") == crlf)
    #expect(crlf.count == 3)
  }

  @Test("Azure's conversation trace has the counts that its README states")
  func azure() throws {
    let path = Shipped.folder + "traces/azure-conversation.csv"
    let trace = try RequestTraceFile.read(path: path)
    #expect(trace.count == 19_366)
    #expect(trace.arrivalNs.last == 3_501_721_937_000)
    let seconds = Double(trace.arrivalNs[trace.count - 1]) / 1e9
    #expect(abs(Double(trace.count - 1) / seconds - 5.53) < 0.005)
    func percentiles(_ values: [Int32]) -> [Int32] {
      let sorted = values.sorted()
      return [50, 90, 99].map { sorted[(sorted.count - 1) * $0 / 100] }
    }
    #expect(percentiles(trace.promptTokens) == [1_020, 2_734, 4_142])
    #expect(percentiles(trace.outputTokens) == [129, 424, 601])
    #expect(trace.promptTokens.reduce(0) { $0 + Int($1) } == 22_361_870)
    #expect(trace.outputTokens.reduce(0) { $0 + Int($1) } == 4_088_665)
  }
}
