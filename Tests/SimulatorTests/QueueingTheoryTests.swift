import CostModel
import Testing

@testable import Simulator

/// The engine as queues whose waits are known in closed form. One request at a time, one output
/// token: service is the prompt's step.
@Suite("Queueing theory")
struct QueueingTheoryTests {
  /// Mean wait and its 99 % interval by batch means, after a tenth of the requests.
  private func wait(
    prompts: Workload.Lengths, perTokenNs: Int64, load: Double, meanServiceNs: Double
  ) -> (mean: Double, halfWidth: Double) {
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: load / (meanServiceNs * 1e-9)),
      promptTokens: prompts, outputTokens: .fixed(1), requests: 400_000)
    var recorder = MemoryRecorder()
    _ = simulate(
      workload, seed: 11,
      configuration: EngineConfiguration(
        options: EngineOptions(
          maxNumSeqs: 1, maxNumBatchedTokens: 4096, blockSize: 16,
          enablePrefixCaching: true, kvCacheMemory: .bytes(0)),
        poolBlocks: 4096, maxPositions: 8192),
      pricer: SyntheticPricer(perPromptTokenNs: perTokenNs), recorder: &recorder)
    let waits = recorder.requests.dropFirst(40_000).map { Double($0.queueNs!) }
    let batches = 40
    let size = waits.count / batches
    let means = (0..<batches).map { batch in
      waits[(batch * size)..<((batch + 1) * size)].reduce(0, +) / Double(size)
    }
    let mean = means.reduce(0, +) / Double(batches)
    let variance =
      means.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(batches - 1)
    // Student's t with 39 degrees of freedom, 99 %: 2.708.
    return (mean, 2.708 * (variance / Double(batches)).squareRoot())
  }

  @Test("M/D/1: constant service waits ρ/(2μ(1−ρ))", arguments: [0.5, 0.8])
  func constantService(load: Double) {
    let serviceNs = 1_000_000.0
    let observed = wait(
      prompts: .fixed(1000), perTokenNs: 1000, load: load, meanServiceNs: serviceNs)
    let expected = load * serviceNs / (2 * (1 - load))
    #expect(abs(observed.mean - expected) < observed.halfWidth)
    #expect(observed.halfWidth < 0.05 * expected, "the interval says something")
  }

  @Test("M/G/1: uniform service waits λE[S²]/(2(1−ρ)) (Pollaczek–Khinchine)")
  func uniformService() {
    // Prompts 1...1999: E[n] = 1000, E[n²] = Σn²/1999 = 2000·3999/6.
    let (load, perTokenNs) = (0.7, 1000.0)
    let observed = wait(
      prompts: .uniform(1...1999), perTokenNs: 1000, load: load, meanServiceNs: 1_000_000)
    let secondMoment = 2000.0 * 3999 / 6 * perTokenNs * perTokenNs
    let expected = load / 1_000_000 * secondMoment / (2 * (1 - load))
    #expect(abs(observed.mean - expected) < observed.halfWidth)
    #expect(observed.halfWidth < 0.05 * expected, "the interval says something")
  }

  @Test("Poisson arrivals come at the asked rate")
  func rate() {
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 250), promptTokens: .fixed(1),
      outputTokens: .fixed(1), requests: 100_000)
    let played = Played(workload, pricer: SyntheticPricer(perStepNs: 1))
    let seconds = Double(played.requestsById.last!.arrivalNs) * 1e-9
    // The sum of n exponentials: relative sd 1/√n.
    #expect(abs(seconds * 250 / 100_000 - 1) < 4 / 100_000.0.squareRoot())
  }
}
