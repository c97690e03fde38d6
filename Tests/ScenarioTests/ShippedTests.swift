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
    "a shipped model has the published number of parameters within 0.1 %",
    arguments: [
      ("Gemma-2-9B", 9.2417e9), ("Llama-3.1-8B", 8.0303e9), ("Llama-3.1-70B", 70.554e9),
      ("Mistral-7B-v0.3", 7.2480e9), ("Mixtral-8x7B-v0.1", 46.703e9), ("Phi-4", 14.6595e9),
      ("Qwen2.5-7B", 7.6156e9), ("Qwen2.5-7B-1M", 7.6156e9), ("Qwen3-0.6B", 0.59605e9),
      ("Qwen3-4B", 4.0225e9),
      ("Qwen3-8B", 8.1907e9), ("Qwen3-30B-A3B", 30.532e9), ("Qwen3-32B", 32.762e9),
    ])
  func parameters(name: String, published: Double) throws {
    let path = Shipped.folder + "models/\(name)/config.json"
    let model = try ModelFile.read(path: path).architecture
    #expect(model.name == name)
    #expect(model.heads.headDim == (name.hasPrefix("Gemma") ? 256 : 128))
    #expect(model.weightFormat == .sixteenBit && model.weightBytes == 2 * model.parameters)
    let error = Double(model.parameters) / published - 1
    #expect(abs(error) < 0.001, "\(model.parameters) parameters")
  }

  @Test("a token uses the published share of a shipped model of experts")
  func active() throws {
    let shipped = [("Mixtral-8x7B-v0.1", 12.9e9, 0.005), ("Qwen3-30B-A3B", 3.3e9, 0.02)]
    for (name, published, tolerance) in shipped {
      let model = try ModelFile.read(path: Shipped.folder + "models/\(name)/config.json")
      let error = Double(model.architecture.activeParameters) / published - 1
      #expect(abs(error) < tolerance, "\(name): \(error)")
    }
  }

  @Test("every shipped model is held against its published size")
  func everyModel() throws {
    let folders = try FileManager.default.contentsOfDirectory(atPath: Shipped.folder + "models")
    #expect(folders.count == 13)
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
