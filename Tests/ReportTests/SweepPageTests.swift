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

  /// What is said of INT4 that gives so many times as many tokens at places of `axis`; at those
  /// of nil, FP16 fails.
  private func comparison(_ axis: (String, [String]), _ ratios: [Double?]) throws -> [String] {
    let page = overview([axis]) { values, format in
      let place = axis.1.firstIndex(of: values[0])!
      if format == "int4" { return ["output_tokens_per_s": 100 * (ratios[place] ?? 1)] }
      return ratios[place].map { _ in ["output_tokens_per_s": 100] }
    }
    return try #require(SweepCurves(page)).comparisons
  }

  @Test("It says at which places a format serves more, wherever they lie, and how much at most")
  func comparisons() throws {
    let page = overview([("workload.arrivals.concurrency", ["8", "16", "32", "64"])], clients)
    let curves = try #require(SweepCurves(page))
    #expect(
      curves.comparisons == [
        "int4: at least 1 % more output tokens/s than fp16 from concurrency 32 on; at most 2.00 "
          + "times as many, at concurrency 32."
      ])
    let rates = ("workload.arrivals.rate", ["1/s", "2/s"])
    #expect(
      try comparison(rates, [0.9, 0.9]) == [
        "int4: nowhere at least 1 % more output tokens/s than fp16; at most 0.900 times as many, "
          + "at rate 1/s."
      ])
    let links = (
      "cluster.kv_transfer.bandwidth", ["4 GB/s", "1 GB/s", "2 GB/s", "8 GB/s", "16 GB/s"]
    )
    for (ratios, places) in [
      ([1.5, 2.78, 2, 1, 1], "at bandwidth 1 to 4 GB/s"),
      ([1, 2.78, 1, 1.01, 1], "at bandwidth 1 GB/s and 8 GB/s"),
      ([1.2, 2.78, 1, 1.0099, 1.3], "at bandwidth 1 GB/s, 4 GB/s and from 16 GB/s on"),
      ([1.2, 2.78, nil, 1.2, 1], "at bandwidth 1 GB/s and 4 to 8 GB/s"),
      ([1.2, 2.78, 1.2, 1.2, 1.2], "from bandwidth 1 GB/s on"),
    ] as [([Double?], String)] {
      #expect(
        try comparison(links, ratios) == [
          "int4: at least 1 % more output tokens/s than fp16 \(places); at most 2.78 times as "
            + "many, at bandwidth 1 GB/s."
        ])
    }
    let many = (0..<41).map(String.init)
    let odd = try comparison(
      ("engine.max_num_seqs", many), (0..<41).map { $0.isMultiple(of: 2) ? 1 : 2 })
    #expect(odd[0].contains(" at max_num_seqs 1, 3, 5, 7, 9, 11 and 14 more; "), "\(odd)")
  }

  @Test("It says where requests meet their objectives and draws them, where any are stated")
  func objectives() throws {
    let page = overview([("cluster.replicas", ["1", "2", "3", "4"])]) { values, format in
      let shares = format == "fp16" ? [0.2, 0.99, 0.98, 1] : [0.1, 0.5, 0.98999, 0.7]
      return ["good_share": shares[Int(values[0])! - 1]]
    }
    let said = [
      "fp16: at least 99 % of requests meet their objectives at replicas 2 and from 4 on.",
      "int4: nowhere do 99 % of requests meet their objectives; at most 98.9 %, at replicas 3.",
    ]
    #expect(try #require(SweepCurves(page)).objectives == said)
    let html = SweepPage(page).rendered()
    #expect(said.allSatisfy(html.contains) && html.contains("Requests within objectives, %"))
    #expect(html.contains(">within objectives, %</th>") && html.contains("<td>99.0</td>"))
    let without = SweepPage(overview([("cluster.replicas", ["1", "2"])], clients)).rendered()
    #expect(!without.contains("objectives"))
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
