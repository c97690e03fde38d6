import Operators
import Testing

@testable import Calibration

@Suite("The grids of a GPU's small operators")
struct GPUSmallOperatorGridTests {
  /// Rows and width of a group's points.
  private func sizes(_ group: ExperimentGroup, heldOut: Bool) -> [(rows: Int, width: Int)] {
    group.points.filter { $0.isHeldOut == heldOut }.map(\.shape).compactMap { shape in
      guard case .elementwise(_, let rows, let width) = shape else { return nil }
      return (rows, width)
    }
  }

  @Test("Each point that judges lies between two rows and two widths of the fit")
  func between() {
    for group in GPUGrid.smallOperators() {
      let fit = sizes(group, heldOut: false), judging = sizes(group, heldOut: true)
      let (rows, widths) = (Set(fit.map(\.rows)), Set(fit.map(\.width)))
      #expect(fit.count == rows.count * widths.count && rows.max() == 8192)
      for point in judging where !rows.contains(point.rows) {
        #expect(rows.contains { $0 < point.rows } && rows.contains { $0 > point.rows })
      }
      for point in judging {
        #expect(!widths.contains(point.width))
        #expect(widths.contains { $0 < point.width } && widths.contains { $0 > point.width })
      }
    }
  }

  @Test("From 1,024 rows on, where a cache overflows, a point has at most half as many rows again")
  func fineRows() {
    for group in GPUGrid.smallOperators() {
      let rows = Set(sizes(group, heldOut: false).map(\.rows)).filter { $0 >= 1024 }.sorted()
      #expect(rows.count > 4)
      #expect(zip(rows, rows.dropFirst()).allSatisfy { 2 * $1 <= 3 * $0 })
    }
  }

  @Test("So many points judge that one of them may err beyond the 95th percentile")
  func judges() {
    for group in GPUGrid.smallOperators() {
      #expect(sizes(group, heldOut: true).count >= 20)
    }
  }
}
