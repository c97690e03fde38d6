import Testing

@testable import Report
@testable import Trace

@Suite("The page of a sweep")
struct SweepPageTests {
  /// A sweep whose runs have the figures that `figures` gives to the values and the format.
  func overview(
    _ axes: [(String, [String])], formats: [String] = ["fp16", "int4"],
    scenario: String = "chat", _ figures: ([String], String) -> [String: Double]?
  ) -> SweepOverview {
    let sweep = SweepDescription(
      scenario: ScenarioDescription(
        name: scenario, sourcePath: nil, text: "kvsim: 1", modelJSON: "{}", linkJSON: nil,
        classes: []),
      seed: 7, profileChecksum: "0123", kvsimVersion: "9",
      axes: axes.map { SweepAxisDescription(path: $0, values: $1) }, shard: .whole)
    let points = (0..<sweep.points).map { id in
      let values = sweep.values(ofPoint: id)
      let runs = formats.compactMap { format in
        figures(values, format).map {
          SweepOverview.Run(format: format, devices: 1, metrics: $0)
        }
      }
      return SweepOverview.Point(
        id: id, values: values, reason: runs.isEmpty ? "it is `too` large" : nil, runs: runs)
    }
    return SweepOverview(sweep: sweep, points: points)
  }

  /// INT4 serves as much as FP16 up to 16 clients and twice as much from 32 on.
  func clients(_ values: [String], _ format: String) -> [String: Double]? {
    let clients = Double(values[0]) ?? .nan
    let most = format == "fp16" ? 16.0 : 32
    return ["output_tokens_per_s": 10 * min(clients, most), "tpot_p50_ns": 1e6 * clients]
  }

  @Test("It says from where on a format serves more, and how much at most")
  func comparisons() throws {
    let page = overview([("workload.arrivals.concurrency", ["8", "16", "32", "64"])], clients)
    let curves = try #require(SweepCurves(page))
    #expect(
      curves.comparisons == [
        "int4: at least 1 % more output tokens/s than fp16 from concurrency 32 on; at most 2.00 "
          + "times as many, at concurrency 32."
      ])
    let worse = overview([("workload.arrivals.rate", ["1/s", "2/s"])]) { _, format in
      ["output_tokens_per_s": format == "fp16" ? 100 : 90]
    }
    #expect(
      try #require(SweepCurves(worse)).comparisons == [
        "int4: no place from which on it gives 1 % more output tokens/s than fp16; at most 0.900 "
          + "times as many, at rate 1/s."
      ])
  }

  @Test("What is varied is told apart from what is set, and formats have one column")
  func axes() {
    let page = SweepPage(
      overview(
        [
          ("workload.requests", ["60"]), ("engine.max_num_seqs", ["4", "64"]),
          ("kv_cache.format", ["fp16"]),
        ], formats: ["fp16"]
      ) { _, _ in ["output_tokens_per_s": 8] }
    ).rendered()
    #expect(
      page.contains(
        "varied: engine.max_num_seqs (2); in all of them workload.requests=60 and "
          + "kv_cache.format=fp16"))
    #expect(page.contains(">format</th>") && !page.contains(">kv_cache.format</th>"))
  }

  @Test("What is held at once are sequences where requests have several samples")
  func samples() {
    func page(_ more: [String: Double]) -> String {
      let overview = overview([("workload.arrivals.rate", ["1/s", "2/s"])]) { _, _ in
        more.merging(["peak_running": 8]) { $1 }
      }
      return SweepPage(overview).rendered()
    }
    let (sampled, plain) = (page(["samples": 9]), page([:]))
    #expect(sampled.contains("Most sequences held at once") && !sampled.contains("requests at"))
    #expect(plain.contains("Most requests held at once") && plain.contains(">requests at once<"))
  }

  @Test("The axis is the key with the most numbers; other keys part curves, seeds are averaged")
  func curves() throws {
    let page = overview([
      ("seed", ["1", "2", "3"]), ("engine.max_num_seqs", ["8", "64"]),
      ("workload.arrivals.rate", ["4/s", "1/s", "2/s"]), ("workload.requests", ["5"]),
      ("kv_cache.format", ["fp16"]),
    ]) { values, _ in ["ttft_p99_ns": Double(values[0])!] }
    let curves = try #require(SweepCurves(page))
    #expect(curves.path == "workload.arrivals.rate" && curves.unit == "/s" && curves.seeds == 3)
    #expect(!curves.isLogarithmic)
    #expect(
      curves.curves.map(\.label) == [
        "fp16, engine.max_num_seqs=8", "int4, engine.max_num_seqs=8",
        "fp16, engine.max_num_seqs=64", "int4, engine.max_num_seqs=64",
      ])
    for curve in curves.curves {
      #expect(curve.points.map(\.x) == [1, 2, 4])
      #expect(curve.points.allSatisfy { $0["ttft_p99_ns"] == 2 && $0["none"] == nil })
    }
  }

  @Test("Without numbers along an axis there are tables alone, and failures are told")
  func words() throws {
    let page = overview([("engine.scheduler", ["vllm", "static"])]) { values, _ in
      values[0] == "vllm" ? ["output_tokens_per_s": 12] : nil
    }
    #expect(SweepCurves(page) == nil)
    let html = SweepPage(page).rendered()
    #expect(html.contains("1 point failed") && html.contains("engine.scheduler=static: it is"))
    #expect(!html.contains("<figure") && html.contains("All figures"))
  }

  @Test("Names from a database are text wherever they stand")
  func escaping() {
    let hostile = "<script>alert(1)</script>\u{202e}"
    let page = overview(
      [(hostile, ["1", "2"]), ("a" + hostile, [hostile, "b"])], formats: ["fp16", hostile],
      scenario: hostile
    ) { _, _ in ["output_tokens_per_s": .nan, hostile: .infinity] }
    let html = SweepPage(page).rendered()
    #expect(!html.contains("<script") && !html.contains("\u{202e}"))
  }

  @Test("Figures that are missing, zero, huge or no numbers leave a page all the same")
  func oddFigures() {
    for value in [0, -1, 1e300, .nan, .infinity] as [Double] {
      let page = overview([("workload.arrivals.concurrency", ["0", "1", "1000000"])]) { _, _ in
        [
          "output_tokens_per_s": value, "tpot_p50_ns": value, "device_ns": 1,
          "output_tokens": value,
        ]
      }
      let html = SweepPage(page).rendered()
      #expect(html.hasSuffix("</html>\n") && !html.contains("=\"nan") && !html.contains("=\"inf"))
    }
  }
}

extension SweepPageTests {
  private func charts(_ overview: SweepOverview, columns: Int, isUTF8: Bool = true) -> String {
    SweepCharts(overview).rendered(
      in: TerminalStyle(columns: columns, isUTF8: isUTF8, hasColour: false))
  }

  @Test("In a terminal, bars stand by place and format, on one scale")
  func terminal() {
    let page = overview([("workload.arrivals.concurrency", ["8", "32"])], clients)
    #expect(
      charts(page, columns: 40, isUTF8: false) == """

        output tokens/s, by concurrency
        8 fp16  #######                     80.0
        8 int4  #######                     80.0
        32 fp16 ##############               160
        32 int4 ###########################  320

        TPOT p50, ms, by concurrency
        8 fp16  #######                     8.00
        8 int4  #######                     8.00
        32 fp16 ########################### 32.0
        32 int4 ########################### 32.0

        """)
    #expect(charts(page, columns: 20).isEmpty)
    let words = overview([("engine.scheduler", ["vllm", "static"])], clients)
    #expect(charts(words, columns: 80).isEmpty)
  }

  @Test("No line is longer than the terminal's, whatever the figures")
  func terminalWidth() {
    for columns in [24, 40, 71, 72, 100, 300] {
      for value in [0, -1, 1e300, .nan, .infinity] as [Double] {
        let places = (1...50).map(String.init)
        let page = overview([
          ("workload.arrivals.concurrency", places), ("engine.max_num_seqs", ["8", "16"]),
        ]) { _, _ in ["output_tokens_per_s": value, "tpot_p50_ns": value] }
        let lines = charts(page, columns: columns).split(separator: "\n")
        #expect(lines.allSatisfy { $0.count <= columns } && lines.count > 40)
      }
    }
  }
}
