import Planning
import Scenario

/// Published results beside their simulation, as a table for terminals.
public struct PublishedValidationTable {
  private let validation: PublishedValidation
  private let beside: PublishedValidation?

  /// The table of a comparison.
  /// - Parameter beside: the same scenario simulated with another profile.
  public init(_ validation: PublishedValidation, beside: PublishedValidation? = nil) {
    self.validation = validation
    self.beside = beside
  }

  /// The table, with what was run and on what above it.
  public func rendered() -> String {
    let scenario = validation.scenario
    let results = validation.results
    let load = results.load
    let requests = Figures.count(scenario.workload.requests)
    let tokens = "\(Figures.count(load.inputTokens)) + \(Figures.count(load.outputTokens)) tokens"
    let overhead =
      results.runOverheadNs > 0
      ? "; runs take \(Figures.decimal(Double(results.runOverheadNs) * 1e-9)) s beside the requests"
      : ""
    let besideLine = beside.map { "beside it: \($0.scenario.devicesHeading)" } ?? ""
    return """
      \(scenario.name): \(requests) requests of \(tokens), \(Figures.count(load.concurrency)) \
      clients, \(Escaping.escaped(scenario.model.name))
      \(scenario.devicesHeading)\(besideLine)published: \(Escaping.escaped(results.path))\(overhead)

      \(table().rendered())\(note)
      """
  }

  /// Which rows the other profile could not play.
  private var note: String {
    guard let beside else { return "" }
    let missing = validation.rows.filter { other($0) == nil }.map(\.format.name)
    guard !missing.isEmpty else { return "" }
    let device = Escaping.escaped(beside.scenario.profile.device.name)
    return "–: not measured beside, on \(device): \(missing.joined(separator: ", "))\n"
  }

  /// The row beside one of the same format, whose pages may hold other metadata.
  private func other(_ row: PublishedValidation.Row) -> PublishedValidation.Row? {
    beside?.rows.first { $0.format.name == row.format.name }
  }

  private func table() -> TextTable {
    var table = TextTable()
    table.add(
      ["figure", "published", "simulated", "error"] + (beside == nil ? [] : ["beside", "change"]))
    let dash = beside == nil ? [] : ["–", ""]
    for row in validation.rows {
      table.addRule()
      let other = other(row)
      for figure in ServingFigure.allCases {
        guard let cells = cells(of: figure, row, other) else { continue }
        table.add(
          ["\(row.format.name) \(cells.name)"] + cells.values + (other == nil ? dash : []))
      }
      for (name, count) in [
        ("requests held at most", \PublishedValidation.Row.peakRunning),
        ("preemptions", \PublishedValidation.Row.preemptions),
      ] {
        let counts = ["", Figures.count(row[keyPath: count]), ""]
        let others = other.map { [Figures.count($0[keyPath: count]), ""] } ?? dash
        table.add(["\(row.format.name) \(name)"] + counts + others)
      }
    }
    return table
  }

  /// A figure's name with its unit, and its cells; nil where the published table lacks it.
  private func cells(
    of figure: ServingFigure, _ row: PublishedValidation.Row, _ other: PublishedValidation.Row?
  ) -> (name: String, values: [String])? {
    guard let published = row.published[figure], let simulated = row.simulated[figure] else {
      return nil
    }
    let otherValue = other?.simulated[figure]
    let unit = Figures.TimeUnit(largestNs: max(published, simulated, otherValue ?? 0))
    let isTime = figure != .outputTokensPerSecond
    let text = isTime ? unit.text : Figures.decimal
    let others = otherValue.map { [text($0), Figures.change($0 / simulated)] } ?? []
    return (
      isTime ? "\(figure.name), \(unit.name)" : figure.name,
      [text(published), text(simulated), Figures.change(simulated / published)] + others
    )
  }
}

extension ServingFigure {
  /// What tables call it.
  var name: String {
    switch self {
    case .outputTokensPerSecond: "output tokens/s"
    case .meanTTFT: "TTFT mean"
    case .tpot: "TPOT"
    case .meanLatency: "latency mean"
    case .p75Latency: "latency p75"
    case .p90Latency: "latency p90"
    }
  }
}
