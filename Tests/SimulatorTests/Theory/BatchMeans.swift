import Testing

@testable import Simulator

/// The mean of a long run's values, one after the other, and its 99 % interval by the means of
/// forty batches, after a tenth of the values.
struct BatchMeans: CustomStringConvertible {
  let mean: Double
  let halfWidth: Double

  init(_ all: [Double]) {
    let values = all.dropFirst(all.count / 10)
    let batches = 40
    let size = values.count / batches
    let means = (0..<batches).map { batch in
      values.dropFirst(batch * size).prefix(size).reduce(0, +) / Double(size)
    }
    let mean = means.reduce(0, +) / Double(batches)
    let variance = means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(batches - 1)
    self.mean = mean
    // Student's t with 39 degrees of freedom, 99 %: 2.708.
    halfWidth = 2.708 * (variance / Double(batches)).squareRoot()
  }

  var description: String { "\(BatchMeans.short(mean)) ± \(BatchMeans.short(halfWidth))" }

  /// Prints both, and expects the closed form within the interval.
  /// - Parameters:
  ///   - widest: the share of the closed form that the interval may reach: a wide one says nothing.
  ///   - bias: the share of it by which the engine differs from the textbook's system.
  func expect(_ what: String, closedForm: Double, widest: Double, bias: Double = 0) {
    print("\(what): \(self), closed form \(BatchMeans.short(closedForm))")
    #expect(abs(mean - closedForm) < halfWidth + bias * closedForm, "\(what)")
    #expect(halfWidth < widest * closedForm, "\(what): the interval says something")
  }

  /// Five digits at least, none behind the fourth place.
  private static func short(_ value: Double) -> String {
    "\((value * 10_000).rounded() / 10_000)"
  }
}

extension Played {
  /// How long each request waited, in microseconds, in the order of arrival.
  var waitsUs: [Double] { requestsById.map { Double($0.queueNs!) * 1e-3 } }

  /// How many waited when each request came, those that came before it. With Poisson arrivals that
  /// is what an outside observer sees at any time (Wolff 1982, PASTA), and it is counted without
  /// Little's law.
  /// - Precondition: who comes first starts first.
  var waitingAtArrivals: [Double] {
    let requests = requestsById
    var started = 0
    return requests.indices.map { index in
      while started < index, requests[started].scheduledNs <= requests[index].arrivalNs {
        started += 1
      }
      return Double(index - started)
    }
  }
}

/// Poisson arrivals of a rate per second, each with a prompt and an output drawn from a unit draw.
func poissonReplay(
  _ requests: Int, requestsPerSecond: Double, seed: UInt64,
  prompt: (Double) -> Int32 = { _ in 1 }, output: (Double) -> Int32 = { _ in 1 }
) -> Workload {
  let stream = RandomStream(seed: seed)
  var now = 0.0
  var rows: [(Int64, Int32, Int32)] = []
  for index in 0..<Int64(requests) {
    now += stream.exponential(.arrivalGap, entity: index) / requestsPerSecond * 1e9
    rows.append(
      (
        Int64(now), prompt(stream.unit(.promptTokens, entity: index)),
        output(stream.unit(.outputTokens, entity: index))
      ))
  }
  return replay(rows)
}

/// An exponential number of tokens of this mean, rounded to whole ones.
func exponentialTokens(mean: Double) -> (Double) -> Int32 {
  { max(1, Int32((-naturalLog($0) * mean).rounded())) }
}
