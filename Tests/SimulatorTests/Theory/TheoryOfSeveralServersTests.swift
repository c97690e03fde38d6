import CostModel
import Testing

@testable import Simulator

/// The engine as queues that serve several requests at once. Outputs of hundreds or thousands of
/// tokens in steps of a microsecond: a step's length is what separates them from the closed forms.
@Suite("Theory: several servers")
struct TheoryOfSeveralServersTests {
  /// An engine of so many seats.
  private func played(_ workload: Workload, seats: Int, pricer: SyntheticPricer) -> Played {
    Played(
      workload, maxNumSeqs: seats, blockSize: 64, poolBlocks: 1 << 24, maxPositions: 1 << 24,
      checks: false, pricer: pricer)
  }

  /// From 1 to 1000 tokens, 500.5 in the mean.
  private func uniform(_ draw: Double) -> Int32 { 1 + Int32(draw * 999.999) }

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

  @Test(
    "M/M/c: c seats and one queue wait C(c, a)/(cμ − λ), C(c, a)ρ/(1 − ρ) are waiting (Erlang C)",
    arguments: [1, 3, 8])
  func erlangWaits(servers: Int) {
    let (meanTokens, share) = (2000.0, 0.7)
    let load = share * Double(servers)
    let played = played(
      poissonReplay(
        120_000, requestsPerSecond: load / (meanTokens * 1e-6), seed: UInt64(40 + servers),
        output: exponentialTokens(mean: meanTokens)),
      seats: servers, pricer: SyntheticPricer(perStepNs: 1000))
    let waits = erlangC(servers: servers, load: load)
    BatchMeans(played.waitsUs).expect(
      "M/M/\(servers) at 0.7, wait in µs",
      closedForm: waits * meanTokens / (Double(servers) - load), widest: 0.16)
    BatchMeans(played.waitingAtArrivals).expect(
      "M/M/\(servers) at 0.7, waiting", closedForm: waits * share / (1 - share), widest: 0.16)
  }

  @Test(
    "M/G/c/c: seats and no queue lose B(c, a), whatever the service (Erlang B)",
    arguments: [2.0, 4])
  func erlangLosses(load: Double) {
    let seats = 4
    // A token a microsecond, and 1 to 999 of them: 500 µs in the mean.
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: load / 500e-6), promptTokens: .fixed(1),
      outputTokens: .uniform(1...999), requests: 30_000)
    let played = Played(
      workload, seed: 5, maxNumSeqs: seats, maxQueuedRequests: 0,
      checks: false, pricer: SyntheticPricer(perStepNs: 1000))
    // B(0) = 1, B(k) = ρB(k − 1)/(k + ρB(k − 1)).
    let expected = (1...seats).reduce(1.0) { blocked, seat in
      load * blocked / (Double(seat) + load * blocked)
    }
    // A seat is also held for the rest of the step in which its request came, a thousandth of its
    // time. So the load is so much larger, and the share that is lost by at most four times as
    // much: it grows like the fourth power or less.
    BatchMeans(played.requestsById.map { $0.outcome == .rejected ? 1 : 0 }).expect(
      "M/G/4/4 of \(load) Erlang, share lost", closedForm: expected, widest: 0.1, bias: 0.004)
  }

  @Test("M/G/1 processor sharing: sojourns are E[S]/(1 − ρ) where a step's time is its batch's")
  func processorSharing() {
    let load = 0.7
    let played = played(
      poissonReplay(
        60_000, requestsPerSecond: load / 500.5e-6, seed: 77, output: uniform),
      seats: 2000, pricer: SyntheticPricer(perPromptTokenNs: 1000, perDecodeNs: 1000))
    BatchMeans(played.requestsById.map { Double($0.e2eNs!) * 1e-3 }).expect(
      "M/G/1-PS at 0.7, sojourn in µs", closedForm: 500.5 / (1 - load), widest: 0.07)
  }

  @Test("M/G/∞: as many are in the system as λE[S] where a step's time does not depend on them")
  func infiniteServers() {
    let perUs = 0.02
    let played = played(
      poissonReplay(60_000, requestsPerSecond: perUs * 1e6, seed: 78, output: uniform),
      seats: 2000, pricer: SyntheticPricer(perStepNs: 1000))
    // Nearly all of them first wait for the end of a step under way: half a step in the mean.
    let sojourns = played.requestsById.map { Double($0.e2eNs!) * 1e-3 - 0.5 }
    BatchMeans(sojourns.map { $0 * perUs }).expect(
      "M/G/∞, in the system", closedForm: perUs * 500.5, widest: 0.02)
  }
}
