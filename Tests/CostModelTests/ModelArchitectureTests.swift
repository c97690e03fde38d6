import Operators
import Testing

@testable import CostModel

@Suite("Model architecture")
struct ModelArchitectureTests {
  private let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16)
  private let dense = FeedForward.dense(intermediateSize: 100, isGated: true)
  private let experts = FeedForward.experts(
    count: 8, perToken: 2, intermediateSize: 30, sharedIntermediateSize: 10)

  private func model(
    _ groups: [LayerGroup], ties: Bool = true, format: WeightFormat = .sixteenBit
  ) -> ModelArchitecture {
    ModelArchitecture(
      name: "m", hiddenSize: 64, layerGroups: groups, heads: heads, vocabSize: 1000,
      maxPositions: 512, tiesEmbeddings: ties, weightFormat: format)
  }

  /// 64 × (64 + 2 · 32) of Q, K and V, and 64 × 64 of the output.
  private let attention = 64 * 128 + 64 * 64

  @Test("Parameters and active parameters are those worked out by hand")
  func parameters() {
    let plain = model([LayerGroup(count: 3, feedForward: dense)])
    let mlp = 3 * 100 * 64
    #expect(plain.parameters == 3 * (attention + mlp + 128) + 64 + 64_000)
    #expect(plain.activeParameters == plain.parameters)
    let noGate = FeedForward.dense(intermediateSize: 100, isGated: false)
    let other = model([LayerGroup(count: 3, feedForward: noGate)], ties: false)
    #expect(other.parameters == plain.parameters - 3 * 100 * 64 + 64_000)
    let mixed = model([
      LayerGroup(count: 3, feedForward: dense), LayerGroup(count: 2, feedForward: experts),
    ])
    let expert = 3 * 30 * 64
    // Eight rows of the router and one of the shared expert's gate.
    let everyToken = attention + 3 * 10 * 64 + 9 * 64 + 128
    #expect(mixed.layers == 5)
    #expect(mixed.parameters == plain.parameters + 2 * (everyToken + 8 * expert))
    #expect(mixed.activeParameters == plain.parameters + 2 * (everyToken + 2 * expert))
  }

  @Test("A token that goes to every expert uses every parameter")
  func everyExpert() {
    let all = FeedForward.experts(
      count: 8, perToken: 8, intermediateSize: 30, sharedIntermediateSize: 0)
    let model = model([LayerGroup(count: 2, feedForward: all)])
    #expect(model.activeParameters == model.parameters)
  }

  @Test("How layers are grouped and which of them have windows changes no bytes")
  func grouping() {
    let one = model([LayerGroup(count: 6, feedForward: dense)])
    let two = model([
      LayerGroup(count: 5, feedForward: dense, attentionWindow: 128),
      LayerGroup(count: 1, feedForward: dense),
    ])
    #expect(one.parameters == two.parameters && one.layers == two.layers)
    #expect(one.weightBytes == two.weightBytes)
    #expect(one.kvBytesPerToken(.int4) == two.kvBytesPerToken(.int4))
  }

  @Test("Weights of a matrix take the bytes of their codes, scales and zeros")
  func weightFormats() {
    let matrix = ModelArchitecture.Projection(outputs: 10, inputs: 300)
    func bytes(_ format: WeightFormat) -> Int { format.bytes(of: matrix) }
    #expect(bytes(.sixteenBit) == 6000 && bytes(.eightBit) == 3000)
    // Three groups of a row of 300, the last of them short.
    #expect(bytes(.int4(groupSize: 128, isSymmetric: true)) == 1500 + 10 * 3 * 2)
    #expect(bytes(.int4(groupSize: 128, isSymmetric: false)) == 1500 + 10 * 3 * 2 + 15)
    #expect(bytes(.int4(groupSize: nil, isSymmetric: true)) == 1500 + 10 * 2)
    #expect(bytes(.int4(groupSize: 4096, isSymmetric: true)) == 1500 + 10 * 2)
    // 64 weights with 32 bits of scale: 5 groups a row.
    #expect(bytes(.int4(groupSize: 64, groupBits: 32)) == 1500 + 10 * 5 * 4)
  }

  @Test("A format narrows projections and experts; embedding, norms and routers keep two bytes")
  func weightBytes() {
    let groups = [LayerGroup(count: 2, feedForward: experts)]
    let wide = model(groups)
    let narrow = model(groups, format: .eightBit)
    #expect(wide.weightBytes == 2 * wide.parameters)
    let kept = 64_000 + 64 + 2 * (128 + 9 * 64)
    #expect(narrow.weightBytes == wide.parameters + kept)
  }

  @Test("Layers that are alike cost the same in one group and in two")
  func priceOfGroups() throws {
    let one = try price(model([LayerGroup(count: 6, feedForward: dense)]))
    let two = try price(
      model([
        LayerGroup(count: 2, feedForward: dense), LayerGroup(count: 4, feedForward: dense),
      ]))
    for tokens in 1...64 {
      let batch = BatchShape(
        chunks: [PrefillChunk(tokens: tokens, prefix: 0, endsPrompt: true)])
      let (a, b) = (one.cost(of: batch), two.cost(of: batch))
      #expect(abs(a.linearNs - b.linearNs) <= 1 && a.elementwiseNs == b.elementwiseNs)
    }
  }

  private func price(_ model: ModelArchitecture) throws -> StepPricer {
    try StepPricer(
      model: model, format: .fp16, profile: SyntheticProfile.profile(), maxSequences: 4,
      maxTokens: 64)
  }
}
