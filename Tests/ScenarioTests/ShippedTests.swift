import CostModel
import Foundation
import Simulator
import Testing

@testable import Scenario

/// The files that ship with kvsim.
enum Shipped {
  static let root =
    URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path + "/"
  static let folder = root + "Scenarios/"
}

@Suite struct ShippedTests {
  @Test(
    "a shipped model has the published number of parameters within 0.3 %",
    arguments: [
      ("Qwen3-0.6B", 0.596e9), ("Qwen3-4B", 4.02e9), ("Qwen3-8B", 8.19e9), ("Qwen3-32B", 32.8e9),
      ("Llama-3.1-8B", 8.03e9), ("Llama-3.1-70B", 70.6e9),
    ])
  func parameters(name: String, published: Double) throws {
    let path = Shipped.folder + "models/\(name)/config.json"
    let model = try ModelFile.read(path: path).architecture
    #expect(model.name == name)
    #expect(model.heads.headDim == 128)
    let error = Double(model.parameters) / published - 1
    #expect(abs(error) < 0.003, "\(model.parameters) parameters")
  }

  @Test("the quickstart asks what its comments say")
  func quickstart() throws {
    let scenario = try load("quickstart")
    #expect(scenario.name == "quickstart")
    #expect(scenario.seed == 1)
    #expect(scenario.model.name == "Qwen3-32B")
    #expect(scenario.formats.map(\.name) == ["fp16", "int4", "int4-rotated"])
    #expect(
      scenario.engine
        == EngineOptions(
          maxNumSeqs: 256, maxNumBatchedTokens: 8192, blockSize: 16,
          enablePrefixCaching: true, kvCacheMemory: .utilization(0.9)))
    #expect(
      scenario.workload
        == Workload(
          arrivals: .closedLoop(concurrency: 256), promptTokens: .uniform(256...1024),
          outputTokens: .uniform(1024...4096), requests: 2000))
  }

  @Test("The scenario of two cores asks what its comments say")
  func twoCores() throws {
    let scenario = try load("two-cores")
    #expect(scenario.name == "two-cores")
    #expect(scenario.model.name == "Qwen3-0.6B")
    #expect(
      scenario.engine
        == EngineOptions(
          maxNumSeqs: 64, maxNumBatchedTokens: 512, blockSize: 16,
          enablePrefixCaching: true, kvCacheMemory: .bytes(2 << 30)))
    #expect(
      scenario.workload
        == Workload(
          arrivals: .closedLoop(concurrency: 32), promptTokens: .uniform(512...1536),
          outputTokens: .uniform(128...384), requests: 400))
  }

  @Test("the replay of Azure's trace plays all of it at its own rate")
  func azure() throws {
    let scenario = try load("azure-conversation")
    #expect(scenario.model.name == "Qwen3-8B")
    #expect(scenario.engine.kvCacheMemory == .utilization(0.9))
    #expect(scenario.engine.maxNumBatchedTokens == 8192)
    #expect(scenario.workload.requests == 19_366)
    #expect(scenario.workload.promptTokens == .fromTrace)
    guard case .replay(let trace, let timeScale) = scenario.workload.arrivals else {
      Issue.record("not a replay")
      return
    }
    #expect(trace.count == 19_366 && timeScale == 1)
  }

  /// A shipped scenario with a synthetic profile in place of the measured one.
  private func load(_ name: String) throws -> ServingScenario {
    let fixture = try Fixture()
    defer { fixture.remove() }
    return try ServingScenario.load(
      path: Shipped.folder + "\(name).yaml", profileOverride: fixture.folder + "profile.json")
  }
}
