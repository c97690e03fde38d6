import Foundation
import KernelStudies
import Operators
import Scenario

/// What `kvsim kernels check` found, as tables for terminals.
public struct KernelCheckTable {
  private let report: CheckReport
  private let skippedPaths: [String]
  private let repeatCommand: (String) -> String
  /// More failures than these, or more cases above the aim, help nobody.
  private static let failuresShown = 20

  /// - Parameters:
  ///   - skippedPaths: kernels that this machine does not run.
  ///   - repeatCommand: the command line that gives the cases of one path again.
  public init(
    _ report: CheckReport, skippedPaths: [String], repeatCommand: @escaping (String) -> String
  ) {
    self.report = report
    self.skippedPaths = skippedPaths
    self.repeatCommand = repeatCommand
  }

  /// Sizes, errors by operator and format, counts by operator and path, properties, cases above the
  /// aim, failures.
  public func rendered() -> String {
    let skipped = skippedPaths.isEmpty ? "none" : skippedPaths.joined(separator: ", ")
    return """
      seed \(report.seed); \(Escaping.escaped(report.device)); \
      paths: \(report.paths.joined(separator: ", ")); \
      skipped, as this machine does not run them (\(skippedPaths.count)): \(skipped)

      \(coverage())
      largest error
      \(errors())
      append: error of a stored element over what it may be (half a step and the rounding of scale \
      and zero), at most 1; every byte of the pool as the scalar kernels leave it
      others: normalised mean squared error against float64, aim \
      \(KernelCheckTable.error(CheckReport.aim)), gate \(KernelCheckTable.error(CheckReport.gate))

      cases (failed)
      \(counts())
      \(comparisons())\(properties())\(remarks())\(failures())\(conclusion())

      """
  }

  /// A line for each size, of those that the cases have.
  private func coverage() -> String {
    let covered = report.coverage
    let sizes = [
      ("head sizes", covered.headDims), ("query heads per KV head", covered.groupSizes),
      ("tokens per page", covered.blockSizes), ("contexts", covered.contexts),
      ("windows", covered.windows), ("tokens of linear", covered.linearTokens),
      ("widths of RMS norm", covered.normWidths), ("positions up to", covered.largestPositions),
    ]
    return sizes.filter { !$0.1.isEmpty }.map { name, values in
      "\(name): \(values.map(Figures.count).joined(separator: " "))\n"
    }.joined()
  }

  private func errors() -> String {
    var table = TextTable()
    table.add(["operator", "format", "cases a path"] + report.paths)
    var last: CheckOperator?
    for row in report.tallies where row.path == report.paths.first {
      if row.kind != last { table.addRule() }
      last = row.kind
      let own = report.tallies.filter { $0.kind == row.kind && $0.format == row.format }
      table.add(
        [row.kind.rawValue, row.format?.name ?? row.kind.numbers, Figures.count(row.cases)]
          + report.paths.map { path in
            own.first { $0.path == path }.map { KernelCheckTable.error($0.worst) } ?? "-"
          })
    }
    return table.rendered()
  }

  private func counts() -> String {
    var table = TextTable()
    table.add(["operator"] + report.paths)
    table.addRule()
    for kind in CheckOperator.allCases {
      table.add(
        [kind.rawValue]
          + report.paths.map { path in
            cell(report.tallies.filter { $0.kind == kind && $0.path == path })
          })
    }
    table.addRule()
    table.add(
      ["all"] + report.paths.map { path in cell(report.tallies.filter { $0.path == path }) })
    return table.rendered()
  }

  private func cell(_ tallies: [CheckReport.Tally]) -> String {
    let failed = tallies.reduce(0) { $0 + $1.failed }
    return Figures.count(tallies.reduce(0) { $0 + $1.cases })
      + (failed == 0 ? "" : " (\(Figures.count(failed)))")
  }

  /// Only where there was another device to compare with.
  private func comparisons() -> String {
    guard let peer = report.peer else { return "" }
    var table = TextTable()
    table.add(["operator"] + report.paths)
    table.addRule()
    for kind in CheckOperator.allCases where report.comparisons.contains(where: { $0.kind == kind })
    {
      table.add(
        [kind.rawValue]
          + report.paths.map { path in
            guard let each = report.comparisons.first(where: { $0.kind == kind && $0.path == path })
            else { return "-" }
            return KernelCheckTable.counted(each.cases, each.worst, failed: each.failed)
          })
    }
    return "against the \(peer) kernels of the CPU: cases, largest difference\n"
      + "\(table.rendered())\n"
  }

  /// How many were tried, the worst of them, and how many failed.
  private static func counted(_ count: Int, _ worst: Double, failed: Int) -> String {
    Figures.count(count) + ", " + error(worst) + (failed == 0 ? "" : " (\(Figures.count(failed)))")
  }

  /// One case alone tries no properties.
  private func properties() -> String {
    guard !report.properties.isEmpty else { return "" }
    var table = TextTable()
    table.add(["property", "limit"] + report.paths)
    table.addRule()
    for row in report.properties where row.path == report.paths.first {
      let own = report.properties.filter { $0.name == row.name }
      table.add(
        [row.name, KernelCheckTable.error(row.limit)]
          + report.paths.map { path in
            guard let each = own.first(where: { $0.path == path }) else { return "-" }
            return KernelCheckTable.counted(each.checks, each.worst, failed: each.failed)
          })
    }
    return "properties: times tried, largest deviation\n\(table.rendered())\n"
  }

  private func remarks() -> String {
    var text = ""
    for remark in report.remarks.prefix(KernelCheckTable.failuresShown) {
      text += """
        above the aim: \(remark.kind.rawValue) on \(remark.path), seed \(report.seed), \
        case \(remark.index): error \(KernelCheckTable.error(remark.error))
          \(remark.shape)
          repeat: \(repeatCommand(remark.path)) --case \(remark.index)

        """
    }
    let more = report.remarks.count - KernelCheckTable.failuresShown
    return more > 0 ? text + "and \(Figures.count(more)) more above the aim\n" : text
  }

  private func failures() -> String {
    var text = ""
    for failure in report.failures.prefix(KernelCheckTable.failuresShown) {
      let only = failure.index.map { " --case \($0)" } ?? ""
      text += """
        FAILED \(failure.subject) on \(failure.path): \(failure.reason)
          \(failure.shape)
          repeat: \(repeatCommand(failure.path))\(only)

        """
    }
    let more = report.failures.count - KernelCheckTable.failuresShown
    return more > 0 ? text + "and \(Figures.count(more)) more failures\n" : text
  }

  private func conclusion() -> String {
    var cases =
      "\(Figures.count(report.caseCount)) cases, \(Figures.count(report.aboveAim)) above the aim"
    if let peer = report.peer {
      cases += "; \(Figures.count(report.comparedCount)) compared with \(peer)"
    }
    let laws = Figures.count(report.properties.reduce(0) { $0 + $1.checks })
    let failed = Figures.count(report.failures.count)
    return report.passed
      ? "passed: \(cases); \(laws) trials of properties"
      : "FAILED: \(failed) failures; \(cases); \(laws) trials of properties"
  }

  /// Two significant digits.
  private static func error(_ value: Double) -> String {
    if value == 0 || value.isNaN { return value.isNaN ? "NaN" : "0" }
    return value >= 0.01 ? String(format: "%.2f", value) : String(format: "%.1e", value)
  }
}
