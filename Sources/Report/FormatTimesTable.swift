import KernelStudies
import Operators
import Planning
import Scenario

/// What each KV cache format costs in time beside the error that it leaves, as a table for
/// terminals.
public struct FormatTimesTable {
  private let tradeOff: FormatTradeOff

  /// The table of a study that was timed.
  public init(_ tradeOff: FormatTradeOff) {
    self.tradeOff = tradeOff
  }

  /// The device, a row a format, and what the best rotation costs.
  public func rendered() -> String {
    let columns = self.columns.filter { column in
      tradeOff.rows.contains { column.cost($0) != nil }
    }
    var table = TextTable()
    table.add(
      ["KV cache format", "output error"]
        + columns.flatMap { ["\($0.title) \($0.unit)", "/ int4"] })
    table.addRule()
    for row in tradeOff.rows {
      if row.accuracy.format.rotation?.order == KVFormat.rotationOrders[0] { table.addRule() }
      table.add(
        [row.accuracy.format.name, AccuracyTable.error(row.accuracy.outputError)]
          + columns.flatMap { column in
            column.cost(row).map { cost in
              [
                Figures.decimal(cost.time_ns.median * column.scale),
                FormatTimesTable.ratio(cost.overINT4),
              ]
            } ?? ["–", "–"]
          })
    }
    let notes = tradeOff.times.skipped.map { "left out: \($0.label): \($0.reason)\n" }.joined()
    return """
      \(Escaping.escaped(tradeOff.times.machine.facts.name)), \
      \(tradeOff.times.machine.facts.kernelPath) kernels: \(shapes)

      \(table.rendered())
      µs, ns: median of rounds
      / int4: median of the rounds' own ratios to plain int4, ± half of their p10 to p90
      \(cacheNote)\(notes)\(tradeOff.verdict.map { $0 + "\n" } ?? "")
      """
  }

  private static func ratio(_ spread: SampleSpread) -> String {
    "\(Figures.ratio(spread.median)) ±\(Figures.ratio((spread.p90 - spread.p10) / 2))"
  }

  private struct Column {
    let title: String
    let unit: String
    /// Units in a nanosecond.
    let scale: Double
    let cost: (FormatTradeOff.Row) -> FormatTradeOff.Cost?
  }

  private let columns = [
    Column(title: "decode", unit: "µs", scale: 1e-3) { $0.decode },
    Column(title: "prefill", unit: "µs", scale: 1e-3) { $0.prefill },
    Column(title: "append", unit: "µs", scale: 1e-3) { $0.append },
    Column(title: "row in cache", unit: "ns", scale: 1) { $0.cachedAppend },
  ]

  /// The shapes, as far as they were measured.
  private var shapes: String {
    tradeOff.times.samples.map(\.group.label).joined(separator: ", ")
  }

  private var cacheNote: String {
    tradeOff.rows.contains { $0.cachedAppend != nil }
      ? "row in cache: append of a row that is in cache, on one thread\n" : ""
  }
}
