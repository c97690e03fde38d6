import Operators
import Testing

@testable import CostModel

@Suite("Several devices and the host")
struct ParallelismTests {
  private let model = SyntheticProfile.model
  private let link = Link(bytesPerSecond: 100_000_000_000, latencyNs: 3000)

  @Test("The shares of all devices are the model, norms and nothing else on each")
  func sharesAddUp() {
    for degree in [1, 2, 4, 8] {
      let rank = model.rank(ofDegree: degree)
      let norms = (2 * 36 + 1) * 4096
      #expect(degree * (rank.parameters - norms) == model.parameters - norms)
      #expect(degree * rank.kvBytesPerToken(.int4) == model.kvBytesPerToken(.int4))
    }
    // Eight KV heads for sixteen devices: each has one, twice over.
    let sixteenth = model.rank(ofDegree: 16)
    #expect(sixteenth.heads == HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 128))
    #expect(16 * sixteenth.kvBytesPerToken(.fp16) == 2 * model.kvBytesPerToken(.fp16))
  }

  @Test("What cannot be shared evenly is named")
  func obstacles() {
    #expect(model.obstacle(toDegree: 3)?.contains("32 query heads") == true)
    #expect(model.obstacle(toDegree: 8) == nil)
    let odd = ModelArchitecture(
      name: "m", hiddenSize: 64, intermediateSize: 101, layers: 1,
      heads: HeadGeometry(queryHeads: 6, kvHeads: 3, headDim: 16), vocabSize: 10,
      maxPositions: 10, tiesEmbeddings: true)
    #expect(odd.obstacle(toDegree: 2)?.contains("3 KV heads") == true)
    #expect(odd.obstacle(toDegree: 3)?.contains("width, 101") == true)
  }

  @Test("An all-reduce takes the faster of both ways, worked out by hand")
  func allReduce() {
    // 100 GB/s are 100 bytes a nanosecond.
    func ns(_ bytes: Int, _ degree: Int) -> Double {
      ExchangeModel(.allReduce, devices: degree, link: link).predict(bytes: bytes).ns
    }
    // Two devices: one message each, 3 µs and its bytes.
    #expect(ns(1_000_000, 2) == 13_000.0)
    // Eight: short ones go to each at once, 3 µs and seven times 10 ns; long ones around the ring,
    // 14 times 3 µs and 14 eighths of a millisecond.
    #expect(ns(1000, 8) == 3_070.0)
    #expect(ns(100_000_000, 8) == 1_792_000.0)
  }

  @Test("A step of several devices is their shares and what they exchange, worked out by hand")
  func steps() throws {
    let profile = SyntheticProfile.profile()
    let pricer = try StepPricer(
      model: model, format: .fp16, profile: profile, maxSequences: 64, maxTokens: 64,
      parallelism: Parallelism(tensorParallelSize: 2, link: link),
      host: HostOverhead(perStepNs: 200_000, perSequenceNs: 1_000))
    let share = try StepPricer(
      model: model.rank(ofDegree: 2), format: .fp16, profile: profile, maxSequences: 64,
      maxTokens: 64)
    let batch = BatchShape(decodeSequences: 16, contextTokens: 16 * 500)
    let (cost, own) = (pricer.cost(of: batch), share.cost(of: batch))
    #expect(cost.linearNs == own.linearNs && cost.decodeAttentionNs == own.decodeAttentionNs)
    // 73 all-reduces of 16 · 4,096 · 2 bytes; logits of 16 · 151,936 · 2 bytes, half from afar.
    let reduces: Double = 73 * (3000 + 1310.72)
    let logits: Double = 3000 + 24_309.76
    #expect(abs(Double(cost.collectiveNs) - (reduces + logits)) <= 2)
    #expect(cost.hostNs == 200_000 + 16 * 1_000)
    // Sampling needs all logits.
    let sampling: Double = 16 * 4 * 75_968 / 40
    #expect(abs(Double(cost.elementwiseNs - own.elementwiseNs) - sampling) <= 2)
    let breakdown = try StepBreakdown(
      of: batch, model: model, format: .fp16, profile: profile,
      parallelism: Parallelism(tensorParallelSize: 2, link: link))
    #expect(abs(breakdown.ns - Double(cost.totalNs - cost.hostNs)) < 5000)
  }

  @Test("A step through stages passes hidden states and residual between them, worked out by hand")
  func stages() throws {
    let profile = SyntheticProfile.profile()
    let batch = BatchShape(decodeSequences: 16, contextTokens: 16 * 500)
    func breakdown(_ devices: Int, _ stages: Int) throws -> StepBreakdown {
      try StepBreakdown(
        of: batch, model: model, format: .fp16, profile: profile,
        parallelism: Parallelism(
          tensorParallelSize: devices, pipelineParallelSize: stages, link: link))
    }
    // Four stages have three hops of two tensors, each of 16 · 4,096 · 2 bytes.
    let hops: Double = 3 * 2 * (3000 + 1310.72)
    #expect(abs(try breakdown(1, 4).ns - breakdown(1, 1).ns - hops) < 1e-3)
    // Two devices a stage send a half each, and put both halves together where they arrive.
    let halves: Double = 3 * 2 * (3000 + 655.36) * 2
    #expect(abs(try breakdown(2, 4).ns - breakdown(2, 1).ns - halves) < 1e-3)
    let names = try breakdown(2, 4).parts.suffix(4).map(\.name)
    #expect(names == ["all-reduce", "send to next stage", "gather in stage", "gather logits"])
    #expect(Parallelism(tensorParallelSize: 2, pipelineParallelSize: 4, link: link).devices == 8)
    #expect(model.obstacle(toStages: 36) == nil)
    #expect(model.obstacle(toStages: 37)?.contains("36 layers") == true)
  }
}
