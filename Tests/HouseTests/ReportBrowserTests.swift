import Foundation
import Testing

/// `kvsim report` as a reader sees it: headless Chromium opens the page.
///
/// The pictures in `Expected/report` show it in three widths, at a third of its size. After a
/// change that is meant to alter the page, `KVSIM_RECORD=1` writes them anew. They may differ in
/// one pixel of a hundred: letters are drawn a little differently by other versions of Chromium,
/// and figures are asserted as text.
@Suite("The report in a browser", .serialized)
struct ReportBrowserTests {
  private static let widths = [390, 820, 1280]
  private static let mostDifferentPixels = 0.01

  private let folder: ScratchFolder
  private var page: URL { folder.url.appendingPathComponent("trace.html") }

  /// The trace and the report that all tests look at, by the names of the files.
  private static let made = Result { try makeReport() }

  init() throws {
    folder = try ScratchFolder()
    for (name, bytes) in try ReportBrowserTests.made.get() {
      try bytes.write(to: folder.url.appendingPathComponent(name))
    }
  }

  /// Sixty-four clients, and a pool that is too small for them in FP16.
  private static func makeReport() throws -> [String: Data] {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    return try makeReport(
      of: "quickstart.yaml",
      with: [
        ("model: models/", "model: \(scenarios)/models/"),
        ("profile: devices/", "profile: \(scenarios)/devices/"),
        ("gpu_memory_utilization: 0.9", "gpu_memory_utilization: 0.53"),
        ("requests: 2000", "requests: 100\n  objectives: {ttft: 5 s, tpot: 100 ms}"),
        ("concurrency: 256", "concurrency: 64"),
      ])
  }

  /// The trace and the report of a shipped scenario with some text replaced.
  private static func makeReport(
    of scenario: String, with replacements: [(String, String)]
  ) throws -> [String: Data] {
    let folder = try ScratchFolder()
    let path = Repository.root.appendingPathComponent("Scenarios/\(scenario)").path
    var text = try String(contentsOfFile: path, encoding: .utf8)
    for (old, new) in replacements {
      #expect(text.contains(old), "\(old)")
      text = text.replacingOccurrences(of: old, with: new)
    }
    try folder.write("small.yaml", text)
    let run = try CommandLineRun(
      ["run", "small.yaml", "--trace", "trace.db"], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let report = try CommandLineRun(["report", "trace.db"], in: folder.url)
    #expect(report.status == 0 && report.errors.hasSuffix("trace.html\n"), "\(report.errors)")
    let names = ["trace.db", "trace.html"]
    let files = try names.map { try Data(contentsOf: folder.url.appendingPathComponent($0)) }
    return Dictionary(uniqueKeysWithValues: zip(names, files))
  }

  /// A small fleet that grows, turns requests away and loses a replica for a while.
  private static func makeFleetReport() throws -> [String: Data] {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    let (devices, sheets) = (scenarios + "/devices", scenarios + "/devices/data-sheets")
    return try makeReport(
      of: "changing-fleet.yaml",
      with: [
        ("model: models/", "model: \(scenarios)/models/"),
        ("profile: nvidia-h200}", "profile: \(devices)/nvidia-h200.json}"),
        ("from: nvidia-h200,", "from: \(devices)/nvidia-h200.json,"),
        ("source: nvidia-h200-sxm", "source: \(sheets)/nvidia-h200-sxm.json"),
        ("device: nvidia-a100-80gb-sxm", "device: \(sheets)/nvidia-a100-80gb-sxm.json"),
        ("max_num_seqs: 128", "max_num_seqs: 4, max_queued_requests: 0"),
        ("target_outstanding: 8", "target_outstanding: 3"), ("start_up: 30 s", "start_up: 10 s"),
        ("at: 2 min, recovers_after: 1 min", "at: 8 s, recovers_after: 9 s"),
        ("requests: 3000", "requests: 400"), ("{at: 0 s, rate: 2/s}", "{at: 0 s, rate: 15/s}"),
      ])
  }

  private func texts(_ value: Any?) throws -> [String] { try #require(value as? [String]) }

  @Test("At each width, in light and dark: nothing is loaded or reported, nothing is cut off")
  func layout() throws {
    let browser = try Browser()
    for width in ReportBrowserTests.widths {
      for isDark in [false, true] {
        try browser.show(page, width: width, isDark: isDark)
        let place: Comment = "\(width) wide, \(isDark ? "dark" : "light")"
        let reported = browser.events.filter {
          $0.method.hasPrefix("Log.") || $0.method == "Runtime.consoleAPICalled"
            || $0.method == "Runtime.exceptionThrown"
        }
        #expect(reported.isEmpty, "\(place) \(reported)")
        let loaded = browser.events.filter { $0.method == "Network.requestWillBeSent" }
        #expect(loaded.count == 1, place)
        #expect(try browser.evaluate("innerWidth") as? Int == width, place)
        #expect(try texts(browser.evaluate(PageScripts.cutOff)) == [], place)
        #expect(try texts(browser.evaluate(PageScripts.overlappingLabels)) == [], place)
        #expect(try texts(browser.evaluate(PageScripts.faintColours)) == [], place)
      }
    }
    // On paper it is black on white even where the screen is dark.
    try browser.setMedia("print", isDark: true)
    #expect(
      try browser.evaluate("getComputedStyle(document.body).backgroundColor") as? String
        == "rgb(255, 255, 255)")
    #expect(try texts(browser.evaluate(PageScripts.faintColours)) == [])
    #expect(try browser.pdf().starts(with: Array("%PDF".utf8)))
  }

  @Test("The page shows the figures of its trace, and the download has all of them")
  func figures() throws {
    let asked = try CommandLineRun(
      ["query", "trace.db", "metrics", "--format", "csv"], in: folder.url)
    let browser = try Browser()
    try browser.show(page, width: 1280, isDark: false)
    let csv = try #require(
      try browser.evaluate("atob(document.querySelector('a[download]').href.split(',')[1])")
        as? String)
    func body(_ csv: String) -> [[String]] {
      csv.split(separator: "\n").dropFirst().map { line in
        line.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
      }
    }
    #expect(csv.hasPrefix("figure,unit,fp16,int4,int4-rotated\n"))
    // The query has a row for each run, the download a column.
    let told = body(asked.output)
    let figures = told.filter { $0[2] == "1" }.map { row in
      row[..<2] + told.filter { $0[0] == row[0] }.map { $0[4] }
    }
    #expect(body(csv) == figures.map { Array($0) } && body(csv).count > 30)
    var values: [String: [Double]] = [:]
    for line in body(csv) { values[line[0]] = line.dropFirst(2).map { Double($0) ?? .nan } }
    let cells = try #require(
      try browser.evaluate(PageScripts.glance) as? [String: [String]])
    for (name, metric) in [
      ("output tokens/s", "output_tokens_per_s"), ("requests/s", "requests_per_s"),
      ("most requests held at once by a replica", "peak_running"), ("preemptions", "preemptions"),
    ] {
      let expected = try #require(values[metric])
      let shown = try #require(cells[name]).map {
        Double($0.replacingOccurrences(of: ",", with: "")) ?? .nan
      }
      #expect(shown.count == 3)
      for (value, text) in zip(expected, shown) {
        #expect(abs(text - value) <= 0.005 * value, "\(name): \(text) for \(value)")
      }
    }
    let answer = try #require(
      try browser.evaluate("document.querySelector('.answer').innerText") as? String)
    let shares = try #require(values["good_share"])
    #expect(shares[1] > 1.2 * shares[0], "the scenario is to tell formats apart")
    #expect(answer.hasPrefix("int4"), "\(answer)")
    #expect(answer.contains(String(format: "%.1f %%", 100 * shares[1])), "\(answer)")
  }

  @Test("Every chart has a name, says in words what it shows, and tells more where one points")
  func alternatives() throws {
    let browser = try Browser()
    try browser.show(page, width: 820, isDark: false)
    let charts = try #require(try browser.evaluate(PageScripts.charts) as? [[String: Any]])
    #expect(charts.count == 15, "\(charts.compactMap { $0["id"] })")
    for chart in charts {
      let (title, summary) = (chart["title"] as? String ?? "", chart["summary"] as? String ?? "")
      #expect(!title.isEmpty && summary.contains { $0.isNumber }, "\(chart)")
      for format in ["fp16", "int4", "int4-rotated"]
      where !title.hasPrefix("int4") && title != "fp16" {
        #expect(summary.contains(format), "\(title): \(summary)")
      }
      #expect((chart["tips"] as? Int ?? 0) > 2, "\(title)")
    }
    // What is under the pointer in the middle of a chart, which one sees as a tooltip.
    let tip = try browser.evaluate(
      """
      (() => {
        const svg = document.querySelector('#pool svg[role=img]');
        svg.scrollIntoView({block: 'center'});
        const box = svg.getBoundingClientRect();
        const under = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
        return under.querySelector('title').textContent;
      })()
      """)
    let lines = try #require(tip as? String).split(separator: "\n")
    #expect(lines.count == 4 && lines[0].hasPrefix("at ") && lines[1].hasPrefix("fp16: "))
  }

  @Test("Failures, rejections and a fleet that grows are told in a table, in words and in charts")
  func events() throws {
    for (name, bytes) in try ReportBrowserTests.makeFleetReport() {
      try bytes.write(to: folder.url.appendingPathComponent(name))
    }
    let asked = try CommandLineRun(
      ["query", "trace.db", "rejections", "--format", "csv"], in: folder.url)
    let rejected = try asked.output.split(separator: "\n").dropFirst().map { line in
      try #require(Int(line.split(separator: ",", omittingEmptySubsequences: false)[4]))
    }
    #expect(rejected.count == 3 && rejected.allSatisfy { $0 > 0 }, "\(asked.output)")
    let browser = try Browser()
    for (width, isDark) in zip(ReportBrowserTests.widths, [true, false, true]) {
      try browser.show(page, width: width, isDark: isDark)
      #expect(try texts(browser.evaluate(PageScripts.cutOff)) == [], "\(width)")
      #expect(try texts(browser.evaluate(PageScripts.overlappingLabels)) == [], "\(width)")
      #expect(try texts(browser.evaluate(PageScripts.faintColours)) == [], "\(width)")
    }
    let cells = try #require(
      try browser.evaluate(PageScripts.cells(of: "What happened")) as? [String: [String]])
    #expect(cells["rejected: the queue was full"] == rejected.map { "\($0)" })
    #expect(cells["replicas that failed"] == ["1", "1", "1"])
    #expect(cells["replicas that were ready"]?.allSatisfy { $0 != "0" } == true)
    let charts = try #require(try browser.evaluate(PageScripts.charts) as? [[String: Any]])
    for id in ["pool", "waiting", "running", "rejections", "replicas"] {
      let chart = try #require(charts.first { $0["id"] as? String == id }, "\(id)")
      #expect((chart["summary"] as? String ?? "").hasSuffix("replicas are marked at 8.00 s."))
    }
    let told = try browser.evaluate("document.body.innerText") as? String ?? ""
    #expect(told.contains("int4: replica 4 failed at 8.00 s and served again at 17.0 s."))
  }

  @Test("A sweep is drawn by the key that varies, and says where a smaller cache pays")
  func sweep() throws {
    let scenario = Repository.root.appendingPathComponent("Scenarios/two-cores.yaml").path
    let run = try CommandLineRun(
      [
        "sweep", scenario, "--vary", "workload.requests=60", "--vary", "engine.max_num_seqs=4,64",
        "--vary", "workload.arrivals.concurrency=1,4,16,64", "--vary", "seed=1,2", "--format",
        "csv", "-o", "trace.db", "--force",
      ], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    let report = try CommandLineRun(["report", "trace.db", "--force"], in: folder.url)
    #expect(report.status == 0, "\(report.errors)")
    let browser = try Browser()
    for width in ReportBrowserTests.widths {
      for isDark in [false, true] {
        try browser.show(page, width: width, isDark: isDark)
        #expect(try texts(browser.evaluate(PageScripts.cutOff)) == [], "\(width)")
        #expect(try texts(browser.evaluate(PageScripts.overlappingLabels)) == [], "\(width)")
        #expect(try texts(browser.evaluate(PageScripts.faintColours)) == [], "\(width)")
      }
    }
    let charts = try #require(try browser.evaluate(PageScripts.charts) as? [[String: Any]])
    #expect(
      charts.compactMap { $0["id"] as? String } == ["throughput", "tpot", "ttft", "held", "pareto"])
    for chart in charts {
      // Two settings of three formats, at four places.
      #expect(chart["tips"] as? Int == 24)
      let summary = chart["summary"] as? String ?? ""
      #expect(summary.contains("int4, engine.max_num_seqs=64: "), "\(summary)")
    }
    let told = try browser.evaluate("document.body.innerText") as? String ?? ""
    #expect(told.contains("int4, engine.max_num_seqs=64: at least 1 % more output tokens/s"))
    #expect(told.contains("means over 2 seeds"))
    let csv = try #require(
      try browser.evaluate("atob(document.querySelector('a[download]').href.split(',')[1])")
        as? String)
    // What the command printed, with more figures.
    let (rows, printed) = (csv.split(separator: "\n"), run.output.split(separator: "\n"))
    #expect(rows.count == 49 && printed.count == 49)
    let column = try #require(
      rows[0].split(separator: ",").firstIndex(of: "output_tokens_per_s"))
    for (row, line) in zip(rows, printed).dropFirst() {
      let (cells, own) = (row.split(separator: ","), line.split(separator: ","))
      #expect(cells[..<6] == own[..<6] && cells[column] == own[7], "\(row)")
    }
  }

  @Test("It looks as it did")
  func pictures() throws {
    let browser = try Browser()
    for width in ReportBrowserTests.widths {
      let picture = try picture(width: width, isDark: false, browser)
      let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Expected/report/\(width).png")
      if ProcessInfo.processInfo.environment["KVSIM_RECORD"] != nil { try picture.write(to: file) }
      let expected = try Data(contentsOf: file)
      let share = try browser.difference(of: picture, and: expected)
      #expect(share <= ReportBrowserTests.mostDifferentPixels, "\(width) wide")
      guard width == 390 else { continue }
      // The comparison sees what it is to see.
      let dark = try self.picture(width: width, isDark: true, browser)
      #expect(try browser.difference(of: dark, and: expected) > 0.5)
    }
  }

  private func picture(width: Int, isDark: Bool, _ browser: Browser) throws -> Data {
    try browser.show(page, width: width, isDark: isDark)
    // The same letters on every machine.
    _ = try browser.evaluate(PageScripts.plainFont)
    let height = try #require(
      try browser.evaluate("document.documentElement.scrollHeight") as? Int)
    return try browser.screenshot(height: height, width: width)
  }
}
