import Scenario

/// How far simulations are from published results, over the rows of several scenarios.
public struct PublishedErrors: Sendable {
  /// The errors of one figure.
  public struct Entry: Sendable {
    /// The figure.
    public let figure: ServingFigure
    /// Rows that state it.
    public let rows: Int
    /// The mean over these rows of |simulated − published| / published.
    public let meanAbsoluteError: Double
  }

  /// The figures that any row states, in the order of ``ServingFigure``.
  public let entries: [Entry]

  /// The mean errors over rows, each of which counts alike.
  public init(_ rows: [PublishedValidation.Row]) {
    entries = ServingFigure.allCases.compactMap { figure in
      let errors = rows.compactMap { $0.error(of: figure) }
      guard !errors.isEmpty else { return nil }
      let sum = errors.reduce(0) { $0 + abs($1) }
      return Entry(
        figure: figure, rows: errors.count, meanAbsoluteError: sum / Double(errors.count))
    }
  }
}
