import Planning

/// How far simulations are from published results over all, as a table for terminals.
public struct PublishedErrorsTable {
  private let errors: PublishedErrors

  /// The table of the errors.
  public init(_ errors: PublishedErrors) {
    self.errors = errors
  }

  /// The table, with what its rows are the means of.
  public func rendered() -> String {
    var table = TextTable()
    table.add(["mean over published rows", "rows", "|error|"])
    table.addRule()
    for entry in errors.entries {
      table.add([
        entry.figure.name, Figures.count(entry.rows), Figures.percent(entry.meanAbsoluteError),
      ])
    }
    return table.rendered()
  }
}
