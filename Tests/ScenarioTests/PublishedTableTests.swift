import Testing

@testable import Scenario

@Suite("Tables of published results")
struct PublishedTableTests {
  static let header =
    "input_tokens,output_tokens,kv_format,concurrency,output_tokens_per_s,"
    + "mean_output_tps_per_request,mean_ttft_ms,e2e_mean_s,requests\n"

  /// A row of that header; the figures are the same in all.
  static func row(
    _ format: String, input: Int = 16, output: Int = 30, concurrency: Int = 8, requests: Int = 100
  ) -> String {
    "\(input),\(output),\(format),\(concurrency),1000,125,20.5,0.25,\(requests)\n"
  }

  static let figures: [ServingFigure: Double] = [
    .outputTokensPerSecond: 1000, .tpot: 8_000_000, .meanTTFT: 20_500_000,
    .meanLatency: 250_000_000,
  ]

  /// All rows of a table.
  private static func parse(_ text: String) throws(ScenarioError) -> [PublishedTableFile.Row] {
    let table = try PublishedTableFile.parse(SourceFile(path: "t.csv", bytes: Array(text.utf8)))
    return try table.rows(of: table.entries)
  }

  @Test("Formats have any case and either dash; `tp` is another name of tensor_parallel_size")
  func spellings() throws {
    let words = ["BF16", "FP16", "Int4", "int4_rotated", "INT4-Rotated"]
    let rows = try Self.parse(Self.header + words.map { Self.row($0) }.joined())
    #expect(rows.map(\.format) == ["fp16", "fp16", "int4", "int4-rotated", "int4-rotated"])
    let header = Self.header.replacing("\n", with: ",tp\n")
    let shared = try Self.parse(header + Self.row("int4").replacing("\n", with: ",4\n"))
    #expect(shared.map(\.load.tensorParallelSize) == [4])
  }

  @Test("Formats and figures of rows that nobody asks for are not judged")
  func otherRows() throws {
    let text =
      Self.header + Self.row("fp8_e5m2", input: 17) + Self.row("int4")
      + Self.row("int4", input: 18).replacing("1000", with: "")
    let table = try PublishedTableFile.parse(SourceFile(path: "t.csv", bytes: Array(text.utf8)))
    #expect(table.entries.map(\.load.inputTokens) == [17, 16, 18])
    #expect(try table.rows(of: [table.entries[1]]).map(\.format) == ["int4"])
    #expect(throws: ScenarioError.self) { try table.rows(of: [table.entries[2]]) }
  }

  @Test("Rows have their load and their figures in nanoseconds and tokens per second")
  func good() throws {
    let rows = try Self.parse(Self.header + Self.row("bf16") + "\n" + Self.row("int4-rotated"))
    #expect(rows.map(\.format) == ["fp16", "int4-rotated"])
    #expect(rows.map(\.line) == [2, 4])
    #expect(rows.map(\.requests) == [100, 100])
    #expect(
      rows[0].load
        == PublishedResults.Load(
          inputTokens: 16, outputTokens: 30, concurrency: 8, tensorParallelSize: 1))
    #expect(rows[0].figures == Self.figures)
  }

  @Test("Columns stand in any order; optional ones may be blank, unknown ones are passed over")
  func columns() throws {
    let rows = try Self.parse(
      """
      model,e2e_p90_s,requests,e2e_mean_s,tensor_parallel_size,mean_ttft_ms,kv_format,\
      mean_output_tps_per_request,output_tokens_per_s,e2e_p75_s,concurrency,output_tokens,\
      input_tokens\r
      any text,0.5,100,0.25,2,20.5,fp16,125,1000,0.3,8,30,16\r
      ,,100,0.25,,20.5,int4,125,1000,,8,30,16
      """)
    #expect(rows.map(\.load.tensorParallelSize) == [2, 1])
    #expect(
      rows[0].figures
        == Self.figures.merging([.p75Latency: 300_000_000, .p90Latency: 500_000_000]) { $1 })
    #expect(rows[1].figures == Self.figures)
  }

  @Test(
    "A malformed table is refused at its place",
    arguments: [
      ("", ["1:1: error: the header lacks `input_tokens`, `output_tokens`, `kv_format`"]),
      (header, ["1:1: error: the file has a header but no rows"]),
      (
        header.replacing("mean_ttft_ms", with: "ttft"),
        ["1:1: error: the header lacks `mean_ttft_ms`; accepted: columns `input_tokens`"]
      ),
      (header + row("int4") + "16,30\n", ["3:1: error: 2 fields; accepted: 9"]),
      (
        header + row("fp8"),
        ["2:7: error: kv_format: `fp8` is not accepted here; accepted: fp16, int4"]
      ),
      (
        header + row("int4", output: 1) + row("int4", input: 0, concurrency: -1, requests: 0),
        [
          "2:4: error: output_tokens: `1` is not accepted here; accepted: a whole number from 2",
          "3:1: error: input_tokens: `0`", "3:11: error: concurrency: `-1`",
          "3:33: error: requests: `0`",
        ]
      ),
      (
        header + row("int4").replacing("1000", with: "0"),
        ["2:14: error: output_tokens_per_s: `0` is not accepted here; accepted: a number from"]
      ),
      (
        header + row("int4").replacing("20.5", with: ""),
        ["2:23: error: mean_ttft_ms: `` is not accepted here"]
      ),
      (
        header.replacing("\n", with: ",e2e_p90_s,tensor_parallel_size\n")
          + row("int4").replacing("\n", with: ",fast,0\n"),
        ["2:42: error: tensor_parallel_size: `0` is not accepted here"]
      ),
      (
        header.replacing("\n", with: ",e2e_p90_s\n")
          + row("int4").replacing("\n", with: ",fast\n"),
        ["2:37: error: e2e_p90_s: `fast` is not accepted here"]
      ),
      (
        header.replacing("\n", with: ",tp,tensor_parallel_size\n")
          + row("int4").replacing("\n", with: ",1,1\n"),
        ["1:1: error: the header has `tensor_parallel_size` and `tp`, two names of one column"]
      ),
    ])
  func malformed(text: String, says: [String]) {
    do throws(ScenarioError) {
      _ = try Self.parse(text)
      Issue.record("it was read")
    } catch {
      let errors = error.diagnostics.map(\.description)
      #expect(errors.count == says.count, "\(errors)")
      for (error, start) in zip(errors, says) {
        #expect(error.hasPrefix("t.csv:\(start)"), "\(error)")
      }
    }
  }
}
