import Foundation
import Trace

/// The tables of a report.
struct ReportTables {
  let runs: [ReportRun]

  init(_ runs: [ReportRun]) {
    self.runs = runs
  }

  // MARK: At a glance

  /// The figures that decide, side by side.
  func writeGlance(to page: inout Markup) {
    page.element("section") { page in
      page.element("h2", text: "At a glance")
      writeTable(named: "The formats at a glance", glance, to: &page)
    }
  }

  private var glance: [(String, [String])] {
    var rows: [(String, [String])] = [
      row("KV bytes per token") { group($0) { Figures.count(Int($0.kvBytesPerToken)) } },
      row("tokens the pool of a replica holds") { group($0) { Figures.count(Int($0.poolTokens)) } },
      row("most \(runs.first?.heldNoun ?? "requests") held at once by a replica") {
        Figures.number($0["peak_running"])
      },
      row("devices") { Figures.number($0.devices) },
      row("output tokens/s") { Figures.number($0["output_tokens_per_s"]) },
      row("output tokens/s for each device") {
        Figures.number($0.tokensPerDeviceSecond)
      },
      row("requests/s") { Figures.number($0["requests_per_s"]) },
    ]
    for (name, metric) in [("TTFT", "ttft"), ("TPOT", "tpot"), ("end-to-end", "e2e")] {
      rows += ["p50", "p99"].map { percentile in
        row("\(name) \(percentile)") { Figures.time($0["\(metric)_\(percentile)_ns"]) }
      }
    }
    if runs.contains(where: { $0["good_share"] != nil }) {
      rows += [
        row("requests that met their objectives") {
          $0["good_share"].map(Figures.percent) ?? "–"
        },
        row("goodput, requests/s") { Figures.number($0["goodput"]) },
      ]
    }
    return rows + [
      row("preemptions") { Figures.number($0["preemptions"]) },
      row("rejected requests") { Figures.number($0["rejected_requests"]) },
      row("step time priced beyond measured points") {
        $0.stepShare("extrapolated_ns").map(Figures.percent) ?? "–"
      },
      row("step time derived and not measured") {
        $0.stepShare("derived_ns").map(Figures.percent) ?? "–"
      },
    ]
  }

  /// A row with a cell for each run.
  func row(_ name: String, _ cell: (ReportRun) -> String) -> (String, [String]) {
    (name, runs.map(cell))
  }

  /// A figure of each group of a run's replicas.
  private func group(_ run: ReportRun, _ figure: (GroupDescription) -> String) -> String {
    run.overview.run.description.groups.map(figure).joined(separator: " / ")
  }

  // MARK: Steps

  /// Where the time of a step goes, in figures.
  func writeSteps(to page: inout Markup) {
    let parts = StepTimes.Part.allCases.filter { part in
      runs.contains { $0.overview.stepTimes[part] > 0 }
    }
    guard !parts.isEmpty else { return }
    var rows = parts.map { part in
      row(part.name) { run in
        let times = run.overview.stepTimes
        guard times.busyNs > 0 else { return "–" }
        return Figures.percent(times[part] / times.busyNs)
      }
    }
    rows += [
      row("steps") { Figures.number($0.overview.stepTimes.steps) },
      row("mean step") { run in
        let times = run.overview.stepTimes
        return times.steps > 0 ? Figures.time(times.busyNs / times.steps) : "–"
      },
    ]
    writeTable(named: "Where the time of steps goes", rows, to: &page)
  }

  // MARK: All figures

  /// Every figure of the runs, and a link to take them along.
  func writeMetrics(to page: inout Markup) {
    page.element("section") { page in
      page.element("h2", text: "All figures")
      page.element("p", ["class": "download"]) { page in
        let bytes = Data(csv.utf8).base64EncodedString()
        page.element(
          "a", ["download": "kvsim.csv", "href": "data:text/csv;charset=utf-8;base64,\(bytes)"],
          text: "Download as CSV")
        page.add("with every digit.")
      }
      let rows = names.map { name, unit in
        let values = runs.map { $0[name] }
        return ReportTables.row(ReportRun.cut(name), unit: unit, values)
      }
      writeTable(named: "All figures of the runs", rows, to: &page)
    }
  }

  /// Names and units of all metrics, in the order of their names.
  private var names: [(name: String, unit: String)] {
    var units: [String: String] = [:]
    for metric in runs.flatMap(\.overview.metrics) { units[metric.name] = metric.unit }
    return units.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// A row in the unit that suits its largest value.
  private static func row(
    _ name: String, unit: String, _ values: [Double?]
  ) -> (String, [String]) {
    func cells(_ text: (Double) -> String) -> [String] { values.map { $0.map(text) ?? "–" } }
    switch unit {
    case "ns":
      let time = Figures.TimeUnit(largestNs: values.compactMap { $0 }.max() ?? 0)
      let name = name.hasSuffix("_ns") ? String(name.dropLast(3)) : name
      return ("\(name), \(time.name)", cells(time.text))
    case "share", "1": return (name, cells(Figures.percent))
    default:
      let unit = name.hasSuffix(unit) ? "" : ", \(ReportRun.cut(unit))"
      return ("\(name)\(unit)", cells(Figures.number))
    }
  }

  /// The same as comma-separated values.
  var csv: String {
    var result = QueryResult(columns: ["figure", "unit"] + runs.map(\.label), as: .csv)
    var text = result.beginning
    for (name, unit) in names {
      let values = runs.map { run -> QueryValue in run[name].map { .real($0) } ?? .null }
      text += result.add([.text(name), .text(unit)] + values)
    }
    return text + result.end()
  }

  // MARK: Where it is from

  /// What the page was made of.
  func writeSources(to page: inout Markup) {
    page.element("section") { page in
      page.element("h2", text: "Where this is from")
      page.element(
        "p", ["class": "dim"],
        text: "Runs with the same digest recorded the same requests and steps. Profiles say how "
          + "long a device takes; measured ones come from the kernels themselves.")
      let rows = [
        row("run") { "\($0.overview.run.id)" },
        row("device") { run in
          Figures.list(distinct(run.overview.profiles.map { ReportRun.cut($0.device) }))
        },
        row("profile") { run in
          Figures.list(
            distinct(run.overview.profiles.map { "\($0.provenance), \($0.checksum.prefix(12))" }))
        },
        row("row digest") {
          $0.overview.run.end.map { ReportRun.cut($0.rowDigest) } ?? "not ended"
        },
      ]
      writeTable(named: "Where this is from", rows, to: &page)
      for text in distinct(runs.map(\.overview.scenario.text)) {
        ReportTables.writeScenario(text, to: &page)
      }
    }
  }

  /// Each text once, in order.
  private func distinct(_ texts: [String]) -> [String] {
    texts.enumerated().filter { texts.firstIndex(of: $0.element) == $0.offset }.map(\.element)
  }

  /// Longest scenario that a page repeats, in characters.
  private static let scenarioCharacters = 50_000

  /// A scenario, to be opened by who wants to read it.
  static func writeScenario(_ text: String, to page: inout Markup) {
    let isShort = text.count <= scenarioCharacters
    page.element("details") { page in
      page.element("summary", text: "The scenario, as it was given")
      page.element(
        "pre",
        text: isShort
          ? text : text.prefix(scenarioCharacters) + "\n… (the trace has the rest)")
    }
  }

  // MARK: One table

  /// A table of the runs: a row for each figure, a column for each run.
  func writeTable(
    named name: String, _ rows: [(String, [String])], to page: inout Markup
  ) {
    page.element(
      "div", ["class": "scroll", "role": "region", "aria-label": name, "tabindex": "0"]
    ) { page in
      page.element("table") { page in
        page.element("thead") { page in
          page.element("tr") { page in
            page.element("th", ["scope": "col"], text: "")
            for run in runs { page.element("th", ["scope": "col"], text: run.label) }
          }
        }
        page.element("tbody") { page in
          for (name, cells) in rows {
            page.element("tr") { page in
              page.element("th", ["scope": "row"], text: name)
              for cell in cells { page.element("td", text: cell) }
            }
          }
        }
      }
    }
  }
}

extension StepTimes.Part {
  /// What tables call it.
  var name: String {
    switch self {
    case .linear: "linear"
    case .append: "append"
    case .decodeAttention: "decode attention"
    case .prefillAttention: "prefill attention"
    case .elementwise: "elementwise"
    case .collective: "collectives"
    case .host: "host"
    case .swap: "swapping"
    case .stageWait: "waiting for stages"
    }
  }
}
