import Operators
import TestSupport
import Testing

@testable import CostModel

@Suite("Steps in stages")
struct StagePricesTests {
  private let model = SyntheticProfile.model
  private let link = Link(bytesPerSecond: 100_000_000_000, latencyNs: 3000)

  private func pricer(
    _ model: ModelArchitecture, devices: Int = 1, stages: Int = 1, host: HostOverhead = .none
  ) throws -> StepPricer {
    try StepPricer(
      model: model, format: .fp16, profile: SyntheticProfile.profile(ragged: true),
      maxSequences: 64, maxTokens: 256,
      parallelism: Parallelism(
        tensorParallelSize: devices, pipelineParallelSize: stages, link: link),
      host: host)
  }

  private func model(layers: Int) -> ModelArchitecture {
    ModelArchitecture(
      name: "m", hiddenSize: 4096, intermediateSize: 12288, layers: layers,
      heads: SyntheticProfile.heads, vocabSize: 151_936, maxPositions: 40_960,
      tiesEmbeddings: false)
  }

  @Test("Layers are spread as vLLM spreads them")
  func layers() {
    for (layers, stages, expected) in [
      (36, 4, [9, 9, 9, 9]), (32, 3, [11, 11, 10]), (10, 4, [2, 3, 3, 2]),
      (61, 4, [15, 15, 16, 15]), (5, 2, [3, 2]), (11, 4, [3, 3, 3, 2]),
      (7, 7, [1, 1, 1, 1, 1, 1, 1]),
      (7, 1, [7]),
    ] {
      #expect(model(layers: layers).layersByStage(stages) == expected)
    }
  }

  @Test("The weights of all stages are the model's; a shared embedding stands in two of them")
  func weights() {
    for stages in 1...7 {
      let whole = model(layers: 36)
      let parts = whole.stages(stages)
      // Each rounds its share of the layers up to a byte.
      let excess = parts.reduce(0) { $0 + $1.weightBytes } - whole.weightBytes
      #expect((0..<stages).contains(excess))
      #expect(parts.map(\.hasHead) == Array(repeating: false, count: stages - 1) + [true])
    }
    let tied = ModelArchitecture(
      name: "m", hiddenSize: 64, intermediateSize: 128, layers: 2,
      heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16), vocabSize: 1000,
      maxPositions: 10, tiesEmbeddings: true)
    let embedding = 2 * 1000 * 64
    #expect(tied.stages(2).reduce(0) { $0 + $1.weightBytes } == tied.weightBytes + embedding)
  }

  @Test("Stages and sends add up to the price of a step, to the nanosecond")
  func sum() throws {
    var random = SeededRandom(3)
    for (devices, stages) in [(1, 2), (2, 2), (1, 3), (4, 5), (8, 36)] {
      let pricer = try pricer(
        model, devices: devices, stages: stages,
        host: HostOverhead(perStepNs: 1234, perSequenceNs: 17))
      var times = StageTimes(stages: stages)
      for _ in 0..<50 {
        var batch = BatchShape()
        batch.decodeSequences = Int.random(in: 0...64, using: &random)
        batch.contextTokens = batch.decodeSequences * Int.random(in: 1...9000, using: &random)
        batch.longestContext =
          batch.decodeSequences > 0 ? batch.contextTokens / batch.decodeSequences : 0
        if batch.decodeSequences == 0 || Bool.random(using: &random) {
          batch.chunks = [
            PrefillChunk(
              tokens: Int.random(in: 1...192, using: &random),
              prefix: Int.random(in: 0...5000, using: &random),
              endsPrompt: Bool.random(using: &random))
          ]
        }
        let cost = pricer.cost(of: batch)
        pricer.spread(cost, of: batch, over: &times)
        #expect(times.totalNs == cost.totalNs && times.hostNs == cost.hostNs)
        #expect(times.sendNs > 0 && times.stageNs.allSatisfy { $0 > 0 })
        // Layers beside the embedding, or beside the head, are never less than layers alone.
        if stages == 3 { #expect(times.stageNs[1] <= times.stageNs[0]) }
      }
    }
  }

  @Test("A stage has its layers, and the first and the last what stands before and behind them")
  func stages() throws {
    let batch = BatchShape(
      decodeSequences: 16, contextTokens: 16 * 128, longestContext: 128)
    func ns(_ layers: Int, devices: Int = 1) throws -> Int64 {
      try pricer(model(layers: layers), devices: devices).cost(of: batch).totalNs
    }
    func times(devices: Int) throws -> StageTimes {
      let pricer = try pricer(model, devices: devices, stages: 4)
      var times = StageTimes(stages: 4)
      pricer.spread(pricer.cost(of: batch), of: batch, over: &times)
      return times
    }
    let one = try times(devices: 1)
    // Nine layers are what 36 take beyond 27; a model of nine has what is at both ends too.
    let (nine, ends) = (try ns(36) - ns(27), try ns(9))
    #expect(abs(one.stageNs[1] - nine) <= 8 && abs(one.stageNs[2] - nine) <= 8)
    #expect(abs(one.stageNs[0] + one.stageNs[3] - nine - ends) <= 16)
    #expect(one.stageNs[3] > one.stageNs[0] && one.stageNs[0] > one.stageNs[1])
    // Two tensors of 16 · 4,096 · 2 bytes.
    #expect(abs(one.sendNs - 2 * (3000 + 1311)) <= 1)
    // Of two devices each sends a half, and what came is put together by those who work on.
    let two = try times(devices: 2)
    let nineOfTwo = try ns(36, devices: 2) - ns(27, devices: 2)
    #expect(abs(two.sendNs - 2 * (3000 + 655)) <= 1)
    #expect(abs(two.stageNs[1] - nineOfTwo - 2 * (3000 + 655)) <= 12)
    #expect(two.stageNs[1] == two.stageNs[2])
  }
}
