import Simulator

/// Which requests of a run tell how it goes on for ever: those behind its beginning, when the
/// system was empty, and before its end, when no more came.
struct SteadyState {
  /// What a run shows.
  enum Verdict: Equatable {
    /// These requests, in the order of their arrivals, saw a system that neither fills nor empties.
    case steady(Range<Int>)
    /// The system is filling still, or there are too few requests to tell.
    case unsettled
  }

  /// Values of a batch, whose mean stands for them, where the beginning is looked for.
  private static let batch = 5
  /// Stretches of the rest that are compared.
  private static let stretches = 16
  /// How many standard errors a slope may be above none.
  private static let slopeErrors = 3.0
  /// The growth from the first stretch to the last that matters, as a share of the mean.
  private static let growthThatMatters = 0.1

  /// Judges a run by a figure of each request that rises where the system fills: how many it found
  /// there, or how long it took.
  ///
  /// The beginning ends where, in the first half, the mean of the rest is known best, by the
  /// marginal standard error rule (MSER-5: White, "An effective truncation heuristic for bias
  /// reduction in simulation output", Simulation 69 (1997), 323–334). The rest fills still where a
  /// line through the means of its stretches rises by three standard errors, and by a tenth of
  /// their mean from end to end; so it does where the beginning reaches far beyond the middle.
  ///
  /// Linear in the number of values.
  /// - Parameters:
  ///   - values: in the order of arrivals.
  ///   - last: how many of the last requests saw the end, and are left out.
  static func verdict(on values: [Double], leavingOut last: Int) -> Verdict {
    let count = values.count - last
    guard count >= 4 * stretches else { return .unsettled }
    let start = beginning(values[..<count])
    return fills(values[start..<count]) ? .unsettled : .steady(start..<count)
  }

  /// Where the beginning ends, in the first half.
  private static func beginning(_ values: ArraySlice<Double>) -> Int {
    let batches = values.count / batch
    let means = (0..<batches).map { number in
      values[number * batch..<(number + 1) * batch].reduce(0, +) / Double(batch)
    }
    // Sums of what is left, taken from the end; a shift by some mean keeps them from cancelling.
    let shift = means.reduce(0, +) / Double(batches)
    var (sum, squares) = (0.0, 0.0)
    var best = (start: 0, error: Double.infinity)
    for start in means.indices.reversed() {
      let value = means[start] - shift
      sum += value
      squares += value * value
      let left = Double(batches - start)
      guard start * 2 <= batches else { continue }
      let error = max(0, squares - sum * sum / left) / (left * left)
      if error <= best.error { best = (start, error) }
    }
    return best.start * batch
  }

  private static func fills(_ values: ArraySlice<Double>) -> Bool {
    let length = values.count / stretches
    let means = (0..<stretches).map { number in
      let start = values.startIndex + number * length
      return values[start..<start + length].reduce(0, +) / Double(length)
    }
    let count = Double(stretches)
    let mean = means.reduce(0, +) / count
    let places = means.indices.map { Double($0) - (count - 1) / 2 }
    let spread = places.reduce(0) { $0 + $1 * $1 }
    let slope = zip(places, means).reduce(0) { $0 + $1.0 * $1.1 } / spread
    let rest = zip(places, means).reduce(0) { sum, point in
      let off = point.1 - mean - slope * point.0
      return sum + off * off
    }
    let error = (rest / (count - 2) / spread).squareRoot()
    return slope > slopeErrors * error && slope * count > growthThatMatters * mean
  }
}

extension SteadyState {
  /// How many requests each one found in the system when it arrived, those included that left just
  /// then. O(n log n).
  /// - Parameter records: in the order of arrivals.
  static func found(by records: [RequestRecord]) -> [Double] {
    let finishes = records.map(\.finishNs).sorted()
    var gone = 0
    return records.enumerated().map { place, record in
      while gone < finishes.count, finishes[gone] < record.arrivalNs { gone += 1 }
      return Double(place - gone)
    }
  }
}
