import CostModel
import Operators
import Scenario

/// Two profiles beside each other, as a table for terminals: how their times compare, operator by
/// operator.
public struct ProfileComparisonTable {
  private let first: Profile
  private let second: Profile
  private let comparison: ProfileComparison

  /// The table of two profiles, of which the first is what the second is compared with.
  public init(_ first: Profile, _ second: Profile) {
    self.first = first
    self.second = second
    comparison = ProfileComparison(first, second)
  }

  /// The table, with what both profiles are and what its columns mean.
  public func rendered() -> String {
    var table = TextTable()
    table.add([
      "time B / time A", "format", "equal", "predicted", "missing", "p5", "p50", "p95", "total",
    ])
    table.addRule()
    for row in comparison.rows {
      table.add(
        [row.kind.name, CalibrationTable.format(row.kind, row.format)]
          + [row.equalShapes, row.predicted, row.missing].map(Figures.count)
          + ProfileComparisonTable.cells(row.ratios))
    }
    if comparison.rows.count > 1 {
      func sum(_ count: (ProfileComparison.Row) -> Int) -> String {
        Figures.count(comparison.rows.map(count).reduce(0, +))
      }
      table.addRule()
      table.add(
        ["all", "", sum(\.equalShapes), sum(\.predicted), sum(\.missing)]
          + ProfileComparisonTable.cells(comparison.all))
    }
    return """
      A: \(first.heading)
      B: \(second.heading)

      \(table.rendered())
      equal: points of B whose shape A has too; predicted: other points of B, by the fit of A
      missing: points of B that A has no operator or format for, and mixed launches of other shapes
      total: all time of B over all of A at these points; it is the largest points' above all

      """
  }

  private static func cells(_ ratios: ProfileComparison.Ratios?) -> [String] {
    guard let ratios else { return ["", "", "", ""] }
    return [ratios.p5, ratios.median, ratios.p95, ratios.total].map(Figures.decimal)
  }
}
