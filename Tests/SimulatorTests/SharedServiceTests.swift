import CostModel
import Testing

@testable import Simulator

/// The engine as queues that serve several requests at once. Outputs of thousands of tokens in
/// steps of a microsecond or less: a step's length is what separates them from the closed forms.
@Suite("Queueing theory, several at once")
struct SharedServiceTests {
  /// Poisson arrivals of a rate per second with outputs drawn by `tokens` from a unit draw.
  private func workload(
    _ requests: Int, requestsPerSecond: Double, seed: UInt64, tokens: (Double) -> Int32
  ) -> Workload {
    let stream = RandomStream(seed: seed)
    var now = 0.0
    var rows: [(Int64, Int32, Int32)] = []
    for index in 0..<Int64(requests) {
      now += stream.exponential(.arrivalGap, entity: index) / requestsPerSecond * 1e9
      rows.append((Int64(now), 1, tokens(stream.unit(.outputTokens, entity: index))))
    }
    return replay(rows)
  }

  /// An exponential number of tokens of this mean, rounded to whole ones.
  private func exponential(mean: Double) -> (Double) -> Int32 {
    { max(1, Int32((-naturalLog($0) * mean).rounded())) }
  }

  /// Mean and its 99 % interval by 40 batch means, after a tenth of the values.
  private func mean(_ all: [Double]) -> (mean: Double, halfWidth: Double) {
    let values = all.dropFirst(all.count / 10)
    let batches = 40
    let size = values.count / batches
    let means = (0..<batches).map { batch in
      values.dropFirst(batch * size).prefix(size).reduce(0, +) / Double(size)
    }
    let mean = means.reduce(0, +) / Double(batches)
    let variance =
      means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(batches - 1)
    // Student's t with 39 degrees of freedom, 99 %: 2.708.
    return (mean, 2.708 * (variance / Double(batches)).squareRoot())
  }

  private func expect(
    _ observed: (mean: Double, halfWidth: Double), _ expected: Double, widest: Double,
    _ what: String
  ) {
    print("\(what): \(observed.mean) ± \(observed.halfWidth), closed form \(expected)")
    #expect(abs(observed.mean - expected) < observed.halfWidth, "\(what)")
    #expect(observed.halfWidth < widest * expected, "the interval says something")
  }

  /// Erlang's C: the share of arrivals that wait in M/M/c with an offered load of `load` servers.
  private func erlangC(servers: Int, load: Double) -> Double {
    var (term, sum) = (1.0, 1.0)
    for count in 1..<max(2, servers) where count < servers {
      term *= load / Double(count)
      sum += term
    }
    let last = term * load / Double(servers) * Double(servers) / (Double(servers) - load)
    return last / (sum + last)
  }

  @Test("M/M/c: c seats and one queue wait C(c, a)/(cμ − λ) (Erlang C)", arguments: [1, 3, 8])
  func erlangWaits(servers: Int) {
    let (stepNs, meanTokens) = (1000.0, 2000.0)
    let serviceSeconds = stepNs * meanTokens * 1e-9
    let load = 0.7 * Double(servers)
    let played = Played(
      workload(
        120_000, requestsPerSecond: load / serviceSeconds, seed: UInt64(40 + servers),
        tokens: exponential(mean: meanTokens)),
      maxNumSeqs: servers, blockSize: 64, poolBlocks: 1 << 24, maxPositions: 1 << 24,
      pricer: SyntheticPricer(perStepNs: Int64(stepNs)))
    let expected =
      erlangC(servers: servers, load: load)
      / (Double(servers) / serviceSeconds - load / serviceSeconds) * 1e9
    let waits = played.requestsById.map { Double($0.queueNs!) }
    expect(mean(waits), expected, widest: 0.12, "M/M/\(servers) wait, ns")
  }

  @Test("M/G/1 processor sharing: sojourns are E[S]/(1 − ρ) where a step's time is its batch's")
  func processorSharing() {
    let (tokenNs, load) = (1000.0, 0.7)
    let meanTokens = 500.5
    let played = Played(
      workload(
        60_000, requestsPerSecond: load / (meanTokens * tokenNs * 1e-9), seed: 77,
        tokens: { 1 + Int32($0 * 999.999) }),
      maxNumSeqs: 2000, blockSize: 64, poolBlocks: 1 << 24, maxPositions: 1 << 24,
      pricer: SyntheticPricer(perPromptTokenNs: 1000, perDecodeNs: 1000))
    let sojourns = played.requestsById.map { Double($0.e2eNs!) }
    let expected = meanTokens * tokenNs / (1 - load)
    expect(mean(sojourns), expected, widest: 0.05, "M/G/1-PS sojourn, ns")
  }

  @Test("M/G/∞: as many are in the system as λE[S] where a step's time does not depend on them")
  func infiniteServers() {
    let (stepNs, meanTokens, rate) = (1000.0, 500.5, 20_000.0)
    let played = Played(
      workload(60_000, requestsPerSecond: rate, seed: 78, tokens: { 1 + Int32($0 * 999.999) }),
      maxNumSeqs: 2000, blockSize: 64, poolBlocks: 1 << 24, maxPositions: 1 << 24,
      pricer: SyntheticPricer(perStepNs: Int64(stepNs)))
    // Nearly all of them first wait for the end of a step under way: half a step in the mean.
    let sojourns = played.requestsById.map { Double($0.e2eNs!) - stepNs / 2 }
    let observed = mean(sojourns.map { $0 * 1e-9 * rate })
    expect(observed, rate * meanTokens * stepNs * 1e-9, widest: 0.02, "M/G/∞ in the system")
  }
}
