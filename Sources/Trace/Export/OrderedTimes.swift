/// Statistics of a column of a run as NumPy computes them, which is what `vllm bench serve` does:
/// percentiles between two values are interpolated, and the standard deviation is of the whole
/// population.
struct OrderedTimes {
  /// The mean; nil without a value, as is everything here.
  private(set) var mean: Double?
  /// The standard deviation.
  private(set) var deviation: Double?
  /// The percentiles that were asked for.
  private(set) var percentiles: [Double?]

  /// - Parameters:
  ///   - expression: of the columns of `request`, for finished requests; rows without it are left
  ///     out.
  ///   - ranks: percentiles, 0 to 100, rising.
  init(
    _ expression: String, of run: StoredRun, percentiles ranks: [Double], on connection: Connection
  ) throws(TraceError) {
    try self.init(
      values: """
        SELECT CAST(\(expression) AS REAL) AS value FROM request
        WHERE seq >= ?1 AND seq < ?2 AND outcome = 'finished' AND (\(expression)) IS NOT NULL
        """, of: run, percentiles: ranks, on: connection)
  }

  /// - Parameter values: a query of the column `value`, whose first two parameters are the first
  ///   `seq` of the run and the one behind its last.
  init(
    values: String, of run: StoredRun, percentiles ranks: [Double], on connection: Connection
  ) throws(TraceError) {
    percentiles = ranks.map { _ in nil }
    let count = try OrderedTimes.prepare("SELECT count(*) FROM (\(values))", run, on: connection)
    guard try count.step(), count.integer(0) > 0 else { return }
    let last = Double(count.integer(0) - 1)
    let row = try OrderedTimes.prepare(
      "SELECT value FROM (\(values)) ORDER BY value", run, on: connection)
    var (place, next) = (0, 0)
    var (before, mean, squares) = (0.0, 0.0, 0.0)
    while try row.step() {
      let value = row.optionalDouble(0) ?? 0
      // The two values that a percentile lies between are this one and the one before, or this one.
      while next < ranks.count, ranks[next] / 100 * last <= Double(place) {
        let rest = Double(place) - ranks[next] / 100 * last
        percentiles[next] = rest == 0 ? value : value + (before - value) * rest
        next += 1
      }
      // Welford's sums (Technometrics 4, 1962), which lose no digits to large means.
      let difference = value - mean
      mean += difference / Double(place + 1)
      squares += difference * (value - mean)
      before = value
      place += 1
    }
    self.mean = mean
    deviation = (squares / Double(place)).squareRoot()
  }

  private static func prepare(
    _ sql: String, _ run: StoredRun, on connection: Connection
  ) throws(TraceError) -> Statement {
    let statement = try connection.prepare(sql)
    try statement.bind(1, run.sequence.lowerBound)
    try statement.bind(2, run.sequence.upperBound)
    return statement
  }
}
