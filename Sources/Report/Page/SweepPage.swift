import Foundation
import Trace

/// A sweep as one page of HTML that needs nothing beside it, as ``ReportPage`` is of a trace.
public struct SweepPage {
  private let overview: SweepOverview
  private let curves: SweepCurves?
  /// What replicas hold several of at once: of several samples each is a sequence.
  private let heldNoun: String
  /// Whether requests of any run state what they want.
  private let hasObjectives: Bool

  /// Settings whose charts the page shows.
  static let mostFacets = 16
  /// Sentences about where a format pays, and about where objectives are met.
  static let mostSentences = 48
  /// Rows of the table that the page shows; its download has all.
  static let mostRows = 500

  /// The page of a sweep.
  public init(_ overview: SweepOverview) {
    self.overview = overview
    curves = SweepCurves(overview)
    let hasSamples = overview.points.contains { point in
      point.runs.contains { $0.metrics["samples"] != nil }
    }
    heldNoun = hasSamples ? "sequences" : "requests"
    hasObjectives = overview.points.contains { point in
      point.runs.contains { $0.metrics[SweepCurves.Point.goodShare] != nil }
    }
  }

  /// The page. The same database gives the same bytes.
  public func rendered() -> String {
    let title = "kvsim: \(ReportRun.cut(overview.sweep.scenario.name)), a sweep"
    return ReportPage.document(title: title) { page in
      page.element("h1", text: title)
      page.element("p", ["class": "dim"], text: heading)
      if let curves {
        writeAnswer(curves, to: &page)
        writeCharts(curves, to: &page)
      }
      writeFailures(to: &page)
      writeFigures(to: &page)
      writeSource(to: &page)
    }
  }

  private var heading: String {
    let sweep = overview.sweep
    let there = overview.points.count
    let points =
      there == sweep.points
      ? Figures.count(there, "point")
      : "\(Figures.count(there)) of \(Figures.count(sweep.points, "point"))"
    let share = sweep.shard == .whole ? "" : ", share \(sweep.shard.number) of \(sweep.shard.count)"
    let varied = sweep.axes.filter { $0.values.count > 1 }.map {
      "\(ReportRun.cut($0.path)) (\($0.values.count))"
    }
    let fixed = sweep.axes.filter { $0.values.count == 1 }.map {
      "\(ReportRun.cut($0.path))=\(ReportRun.cut($0.values[0]))"
    }
    return
      "\(points)\(share), seed \(sweep.seed), kvsim \(ReportRun.cut(sweep.kvsimVersion))"
      + (varied.isEmpty ? "" : "; varied: \(Figures.list(varied))")
      + (fixed.isEmpty ? "" : "; in all of them \(Figures.list(fixed))")
  }

  private func writeAnswer(_ curves: SweepCurves, to page: inout Markup) {
    writeFacts("Where a smaller cache pays", curves.comparisons, to: &page)
    writeFacts("Where requests meet their objectives", curves.objectives, to: &page)
  }

  private func writeFacts(_ heading: String, _ sentences: [String], to page: inout Markup) {
    guard !sentences.isEmpty else { return }
    page.element("section") { page in
      page.element("h2", text: heading)
      page.element("ul", ["class": "facts"]) { page in
        for sentence in sentences.prefix(SweepPage.mostSentences) {
          page.element("li", text: sentence)
        }
      }
    }
  }

  // MARK: Charts

  private func writeCharts(_ curves: SweepCurves, to page: inout Markup) {
    page.element("section") { page in
      page.element("h2", text: "By \(curves.path)")
      var text = "Whole runs, prompts and idle time counted."
      if curves.seeds > 1 { text += " Points are means over \(curves.seeds) seeds." }
      let facets = curves.facets
      let drawn = facets.prefix(SweepPage.mostFacets).reduce(0) { $0 + $1.curves.count }
      if drawn < curves.curves.count {
        text += " Of \(curves.curves.count) curves the first \(drawn) are drawn."
      }
      page.element("p", ["class": "dim"], text: text)
      for (number, facet) in facets.prefix(SweepPage.mostFacets).enumerated() {
        if !facet.setting.isEmpty {
          page.element("h3", text: String(facet.setting.prefix(200)))
        }
        let suffix = number == 0 ? "" : "-\(number + 1)"
        page.element("div", ["class": "charts"]) { page in
          write(facet.curves, of: curves, suffix: suffix, to: &page)
        }
      }
    }
  }

  private func write(
    _ drawn: [SweepCurves.Curve], of curves: SweepCurves, suffix: String, to page: inout Markup
  ) {
    let charts: [(id: String, title: String, unit: String, metric: String, scale: Double)] = [
      ("throughput", "Output tokens/s", "tokens/s", "output_tokens_per_s", 1),
      ("tpot", "TPOT p50, ms", "ms", "tpot_p50_ns", 1e6),
      ("ttft", "TTFT p99, ms", "ms", "ttft_p99_ns", 1e6),
      ("held", "Most \(heldNoun) held at once", heldNoun, "peak_running", 1),
      ("good", "Requests within objectives, %", "%", SweepCurves.Point.goodShare, 0.01),
    ]
    for chart in charts {
      write(
        chart.id + suffix, chart.title, chart.unit, chart.metric, scale: chart.scale, drawn,
        of: curves, to: &page)
    }
    writePareto("pareto" + suffix, drawn, of: curves, to: &page)
  }

  private func write(
    _ id: String, _ title: String, _ unit: String, _ metric: String, scale: Double,
    _ facet: [SweepCurves.Curve], of curves: SweepCurves, to page: inout Markup
  ) {
    let drawn = facet.map { curve in
      (
        curve,
        curve.points.compactMap { point in
          point[metric].map { (x: point.x, y: $0 / scale) }
        }
      )
    }.filter { !$0.1.isEmpty }
    guard !drawn.isEmpty else { return }
    let places = drawn.flatMap { $0.1.map(\.x) }
    let x = curves.unit.isEmpty ? curves.name : "\(curves.name), \(curves.unit)"
    XYChart(
      frame: ChartFrame(
        id: id, title: title,
        summary: "\(title) by \(curves.path). "
          + drawn.map { curve, points in
            let (first, last) = (points[0], points[points.count - 1])
            return "\(curve.label): \(Figures.decimal(first.y)) at \(curves.text(first.x)), "
              + "\(Figures.decimal(last.y)) at \(curves.text(last.x))."
          }.joined(separator: " ")),
      x: curves.isLogarithmic ? Axis(x, ratiosOf: places) : Axis(x, upTo: places),
      y: Axis(unit, upTo: drawn.flatMap { $0.1.map(\.y) }),
      series: drawn.map { curve, points in
        XYChart.Series(
          name: curve.label, style: curve.style, form: .markedLine, points: points,
          tips: points.map {
            "\(curve.label)\n\(curves.text($0.x))\n\(Figures.decimal($0.y)) \(unit)"
          })
      }
    ).write(to: &page)
  }

  /// Throughput for each device against the speed that the median user sees.
  private func writePareto(
    _ id: String, _ facet: [SweepCurves.Curve], of curves: SweepCurves, to page: inout Markup
  ) {
    let drawn = facet.map { curve in
      (
        curve,
        curve.points.compactMap { point -> (place: Double, x: Double, y: Double)? in
          guard let tpot = point["tpot_p50_ns"], tpot > 0,
            let rate = point[SweepCurves.Point.perDevice]
          else { return nil }
          return (point.x, 1e9 / tpot, rate)
        }
      )
    }.filter { !$0.1.isEmpty }
    guard !drawn.isEmpty else { return }
    XYChart(
      frame: ChartFrame(
        id: id, title: "Throughput of a device against the speed of a user",
        summary: "Output tokens a second of each device against tokens a second of the median "
          + "request. "
          + drawn.map { curve, points in
            let most = points.max { $0.y < $1.y }!
            return "\(curve.label): at most \(Figures.decimal(most.y)) tokens/s of a device, at "
              + "\(Figures.decimal(most.x)) of a user."
          }.joined(separator: " "),
        note: "Lines follow \(curves.path)."),
      x: Axis("tokens/s of one user", upTo: drawn.flatMap { $0.1.map(\.x) }),
      y: Axis("tokens/s of a device", upTo: drawn.flatMap { $0.1.map(\.y) }),
      series: drawn.map { curve, points in
        XYChart.Series(
          name: curve.label, style: curve.style, form: .markedLine,
          points: points.map { ($0.x, $0.y) },
          tips: points.map {
            "\(curve.label)\n\(curves.text($0.place))\n\(Figures.decimal($0.x)) tokens/s of one "
              + "user\n\(Figures.decimal($0.y)) tokens/s of a device"
          })
      }
    ).write(to: &page)
  }

  // MARK: Tables

  private func writeFailures(to page: inout Markup) {
    let failed = overview.points.filter { $0.reason != nil }
    guard !failed.isEmpty else { return }
    page.element("section") { page in
      page.element("h2", text: "\(Figures.count(failed.count, "point")) failed")
      page.element("ul", ["class": "facts"]) { page in
        for point in failed.prefix(20) {
          page.element("li", text: "\(settings(of: point)): \(ReportRun.cut(point.reason ?? ""))")
        }
      }
    }
  }

  private func settings(of point: SweepOverview.Point) -> String {
    zip(overview.sweep.axes, point.values).map { "\($0.path)=\(ReportRun.cut($1))" }
      .joined(separator: ", ")
  }

  private var columns: [(name: String, metric: String, scale: Double)] {
    [
      ("output tokens/s", "output_tokens_per_s", 1), ("requests/s", "requests_per_s", 1),
      ("TTFT p50, ms", "ttft_p50_ns", 1e6), ("TTFT p99, ms", "ttft_p99_ns", 1e6),
      ("TPOT p50, ms", "tpot_p50_ns", 1e6), ("TPOT p99, ms", "tpot_p99_ns", 1e6),
      ("end-to-end p99, ms", "e2e_p99_ns", 1e6), ("\(heldNoun) at once", "peak_running", 1),
      ("preemptions", "preemptions", 1),
    ] + (hasObjectives ? [("within objectives, %", SweepCurves.Point.goodShare, 0.01)] : [])
  }

  private func writeFigures(to page: inout Markup) {
    let rows = overview.points.flatMap { point in point.runs.map { (point, $0) } }
    page.element("section") { page in
      page.element("h2", text: "All figures")
      page.element("p", ["class": "download"]) { page in
        let bytes = Data(csv(rows).utf8).base64EncodedString()
        page.element(
          "a",
          ["download": "kvsim-sweep.csv", "href": "data:text/csv;charset=utf-8;base64,\(bytes)"],
          text: "Download as CSV")
        page.add("with every metric and every digit.")
        if rows.count > SweepPage.mostRows {
          page.add(" The first \(SweepPage.mostRows) of \(Figures.count(rows.count)) rows:")
        }
      }
      page.element(
        "div",
        ["class": "scroll", "role": "region", "aria-label": "All figures", "tabindex": "0"]
      ) { page in
        page.element("table") { page in
          page.element("thead") { page in
            page.element("tr") { page in
              let names = ["point"] + told.map { overview.sweep.axes[$0].path } + ["format"]
              for name in names + columns.map(\.name) {
                page.element("th", ["scope": "col"], text: ReportRun.cut(name))
              }
            }
          }
          page.element("tbody") { page in
            for (point, run) in rows.prefix(SweepPage.mostRows) {
              write(point, run, to: &page)
            }
          }
        }
      }
    }
  }

  private func write(
    _ point: SweepOverview.Point, _ run: SweepOverview.Run, to page: inout Markup
  ) {
    page.element("tr") { page in
      page.element("th", ["scope": "row"], text: "\(point.id)")
      for text in told.map({ ReportRun.cut(point.values[$0]) }) + [ReportRun.cut(run.format)] {
        page.element("td", text: text)
      }
      for column in columns {
        page.element(
          "td", text: Figures.number(run.metrics[column.metric].map { $0 / column.scale }))
      }
    }
  }

  /// The axes that the table has columns of: the format of a run has one in any case.
  private var told: [Int] {
    overview.sweep.axes.indices.filter { overview.sweep.axes[$0].path != "kv_cache.format" }
  }

  /// A row for each run, with all metrics that any run has.
  private func csv(_ rows: [(SweepOverview.Point, SweepOverview.Run)]) -> String {
    let metrics = Set(rows.flatMap(\.1.metrics.keys)).sorted()
    var result = QueryResult(
      columns: ["point"] + overview.sweep.axes.map(\.path) + ["format"] + metrics, as: .csv)
    var text = result.beginning
    for (point, run) in rows {
      text += result.add(
        [.integer(Int64(point.id))] + (point.values + [run.format]).map { .text($0) }
          + metrics.map { run.metrics[$0].map { .real($0) } ?? .null })
    }
    return text + result.end()
  }

  private func writeSource(to page: inout Markup) {
    page.element("section") { page in
      page.element("h2", text: "Where this is from")
      page.element(
        "p", ["class": "dim"],
        text: "The scenario before anything is varied, with a profile of the checksum "
          + "\(ReportRun.cut(overview.sweep.profileChecksum)).")
      ReportTables.writeScenario(overview.sweep.scenario.text, to: &page)
    }
  }
}
