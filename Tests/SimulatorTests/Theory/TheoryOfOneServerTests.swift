import CostModel
import Foundation
import Testing

@testable import Simulator

/// The engine as a queue with one server: one request at a time, one output token, so that service
/// is the prompt's step, a microsecond a token.
@Suite("Theory: one server")
struct TheoryOfOneServerTests {
  /// 400,000 Poisson arrivals at such a load of a server whose service takes a millisecond in the
  /// mean.
  private func played(load: Double, seed: UInt64, prompt: (Double) -> Int32) -> Played {
    Played(
      poissonReplay(400_000, requestsPerSecond: load * 1000, seed: seed, prompt: prompt),
      maxNumSeqs: 1, maxNumBatchedTokens: 1 << 20, checks: false,
      pricer: SyntheticPricer(perPromptTokenNs: 1000))
  }

  @Test("M/M/1: requests wait ρ/(μ(1−ρ)), and ρ²/(1−ρ) are waiting")
  func exponentialService() {
    let load = 0.7
    let played = played(load: load, seed: 12, prompt: exponentialTokens(mean: 1000))
    BatchMeans(played.waitsUs).expect(
      "M/M/1 at 0.7, wait in µs", closedForm: load * 1000 / (1 - load), widest: 0.05)
    BatchMeans(played.waitingAtArrivals).expect(
      "M/M/1 at 0.7, waiting", closedForm: load * load / (1 - load), widest: 0.05)
  }

  @Test("M/D/1: requests wait ρ/(2μ(1−ρ)), and ρ²/(2(1−ρ)) are waiting", arguments: [0.5, 0.8])
  func constantService(load: Double) {
    let played = played(load: load, seed: 11) { _ in 1000 }
    BatchMeans(played.waitsUs).expect(
      "M/D/1 at \(load), wait in µs", closedForm: load * 1000 / (2 * (1 - load)), widest: 0.05)
    BatchMeans(played.waitingAtArrivals).expect(
      "M/D/1 at \(load), waiting", closedForm: load * load / (2 * (1 - load)), widest: 0.05)
  }

  @Test("M/G/1: uniform service waits λE[S²]/(2(1−ρ)) (Pollaczek–Khinchine)")
  func uniformService() {
    // Prompts 1...1999: E[n] = 1000, E[n²] = Σn²/1999 = 2000·3999/6.
    let load = 0.7
    let played = played(load: load, seed: 13) { 1 + Int32($0 * 1998.999) }
    let secondMoment = 2000.0 * 3999 / 6
    BatchMeans(played.waitsUs).expect(
      "M/G/1 at 0.7, wait in µs", closedForm: load / 1000 * secondMoment / (2 * (1 - load)),
      widest: 0.05)
    BatchMeans(played.waitingAtArrivals).expect(
      "M/G/1 at 0.7, waiting",
      closedForm: load * load / 1_000_000 * secondMoment / (2 * (1 - load)), widest: 0.05)
  }

  @Test("Machine repair with constant service: Takács's M/G/1//N", arguments: [1, 2, 4, 8])
  func machineRepair(clients: Int) {
    let (serviceNs, thinkNs) = (1_000_000.0, 4_000_000.0)
    let workload = Workload(
      arrivals: .closedLoop(
        concurrency: clients, thinkTime: .exponential(meanNs: Int64(thinkNs))),
      promptTokens: .fixed(10), outputTokens: .fixed(1), requests: 200_000)
    let played = Played(
      workload, maxNumSeqs: 1, checks: false, pricer: SyntheticPricer(perStepNs: Int64(serviceNs)))
    let finishes = played.requests.map { Double($0.finishNs) * 1e-3 }
    // Takács, "Introduction to the theory of queues", 1962, chapter 5: the server is idle with
    // 1/(1 + N·ρ·Σ C(N−1, n)·B(n)), B(n) = Π (1/φ(i/think) − 1), φ(s) = exp(−s·service).
    let ratio = serviceNs / thinkNs
    var (sum, term) = (0.0, 1.0)
    for n in 0..<clients {
      sum += term
      term *= Double(clients - 1 - n) / Double(n + 1) * (exp(Double(n + 1) * ratio) - 1)
    }
    let idle = 1 / (1 + Double(clients) * ratio * sum)
    BatchMeans(zip(finishes.dropFirst(), finishes).map { $0 - $1 }).expect(
      "M/D/1//\(clients), time between departures in µs",
      closedForm: serviceNs * 1e-3 / (1 - idle), widest: 0.01)
  }
}
