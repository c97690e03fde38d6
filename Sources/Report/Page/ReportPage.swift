import Trace

/// A trace as one page of HTML that needs nothing beside it: no script, no network, no other file.
public struct ReportPage {
  private let overview: TraceOverview
  private let runs: [ReportRun]
  private let charts: ReportCharts
  private let tables: ReportTables

  /// The page of an overview.
  public init(_ overview: TraceOverview) {
    self.overview = overview
    runs = ReportRun.all(overview)
    charts = ReportCharts(overview, runs)
    tables = ReportTables(runs)
  }

  /// The page. The same trace gives the same bytes.
  public func rendered() -> String {
    ReportPage.document(title: "kvsim: \(scenarios)") { writeBody(to: &$0) }
  }

  /// A page of this title, around what `write` writes.
  static func document(title: String, _ write: (inout Markup) -> Void) -> String {
    var page = Markup()
    page.addOwn("<!DOCTYPE html>\n")
    page.element("html", ["lang": "en"]) { page in
      page.element("head") { writeHead(title: title, to: &$0) }
      page.element("body") { page in page.element("main") { write(&$0) } }
    }
    return page.text
  }

  /// Whatever the page may load or run: its own style, and nothing else.
  static let policy =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

  private var scenarios: String {
    var names: [String] = []
    for name in runs.map(\.overview.scenario.name) where !names.contains(name) {
      names.append(name)
    }
    return names.isEmpty ? "an empty trace" : Figures.list(names.map(ReportRun.cut))
  }

  private static func writeHead(title: String, to page: inout Markup) {
    page.void("meta", ["charset": "utf-8"])
    page.void("meta", ["http-equiv": "Content-Security-Policy", "content": ReportPage.policy])
    page.void("meta", ["name": "viewport", "content": "width=device-width, initial-scale=1"])
    page.void("meta", ["name": "color-scheme", "content": "light dark"])
    page.element("title", text: title)
    page.element("style") { $0.addOwn(PageStyle.sheet) }
  }

  private func writeBody(to page: inout Markup) {
    page.element("h1", text: "kvsim: \(scenarios)")
    page.element("p", ["class": "dim"], text: heading)
    page.element("div", ["class": "top"]) { page in
      page.element("section") { writeAnswer(to: &$0) }
      tables.writeGlance(to: &page)
    }
    section("Latency", ReportPage.latencyText, to: &page) { charts.writeLatencies(to: &$0) }
    section("Load", charts.loadText, to: &page) { charts.writeLoad(to: &$0) }
    section("Over time", ReportPage.timeText, to: &page) { charts.writeOverTime(to: &$0) }
    tables.writeEvents(to: &page)
    section("Where the time of steps goes", ReportPage.stepText, to: &page) {
      charts.writeSteps(to: &$0)
    }
    tables.writeSteps(to: &page)
    if overview.window != nil {
      section("Timeline", charts.timelineText, to: &page) { charts.writeTimelines(to: &$0) }
    }
    tables.writeMetrics(to: &page)
    tables.writeSources(to: &page)
  }

  private func writeAnswer(to page: inout Markup) {
    let answer = Answer(runs)
    page.element("p", ["class": "answer"], text: answer.headline)
    page.element("ul", ["class": "facts"]) { page in
      for sentence in answer.sentences { page.element("li", text: sentence) }
    }
    for note in notes { page.element("p", text: note) }
  }

  private var heading: String {
    let requests = runs.compactMap { $0.overview.run.end?.requests }.first
    var parts = ["\(Figures.count(runs.count, "run"))"]
    if let requests { parts.insert(Figures.count(Int(requests), "request"), at: 0) }
    if let run = runs.first?.overview.run.description {
      parts += ["seed \(run.seed)", "kvsim \(ReportRun.cut(run.kvsimVersion))"]
    }
    return parts.joined(separator: ", ")
  }

  /// What a reader must know before the figures.
  private var notes: [String] {
    var notes: [String] = []
    if overview.runsInFile > runs.count {
      notes.append(
        "The trace has \(Figures.count(overview.runsInFile)) runs; the first "
          + "\(Figures.count(runs.count)) are shown.")
    }
    let open = runs.filter { !$0.hasEnded }
    if !open.isEmpty {
      notes.append(
        "\(Figures.list(open.map(\.label))) had not ended: charts show what was recorded, "
          + "tables have no figures of it.")
    }
    return notes
  }

  private func section(
    _ title: String, _ text: String, to page: inout Markup, _ charts: (inout Markup) -> Void
  ) {
    page.element("section") { page in
      page.element("h2", text: title)
      page.element("p", ["class": "dim"], text: text)
      page.element("div", ["class": "charts"], charts)
    }
  }

  private static let latencyText = """
    The share of requests that had a latency or a shorter one, from their rows in the trace. A \
    curve further to the left is better.
    """
  private static let timeText = """
    Means over a hundredth of each run, all replicas together, from the rows of steps.
    """
  private static let stepText = """
    All steps of a run together, by what they were priced for.
    """
}
