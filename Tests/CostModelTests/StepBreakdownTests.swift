import Operators
import TestSupport
import Testing

@testable import CostModel

@Suite("Breakdown of a step")
struct StepBreakdownTests {
  private static let models = [
    [LayerGroup(count: 4, feedForward: .dense(intermediateSize: 12288, isGated: true))],
    [
      LayerGroup(
        count: 2, feedForward: .dense(intermediateSize: 4096, isGated: true), attentionWindow: 512),
      LayerGroup(
        count: 2,
        feedForward: .experts(
          count: 8, perToken: 2, intermediateSize: 1024, sharedIntermediateSize: 512)),
    ],
  ]

  @Test("Its parts add up to what the pricer charges", arguments: models)
  func partsAddUp(groups: [LayerGroup]) throws {
    let model = ModelArchitecture(
      name: "m", hiddenSize: 4096, layerGroups: groups, heads: SyntheticProfile.heads,
      vocabSize: 1000, maxPositions: 40_960, tiesEmbeddings: false)
    let profile = SyntheticProfile.profile()
    let pricer = try StepPricer(
      model: model, format: .int4, profile: profile, maxSequences: 64, maxTokens: 1024)
    var random = SeededRandom(7)
    for _ in 0..<100 {
      let sequences = Int.random(in: 0...40, using: &random)
      let chunks = (0..<Int.random(in: sequences == 0 ? 1...3 : 0...3, using: &random)).map { _ in
        PrefillChunk(
          tokens: Int.random(in: 1...300, using: &random),
          prefix: Int.random(in: 0...3000, using: &random), endsPrompt: Bool.random(using: &random))
      }
      let batch = BatchShape(
        chunks: chunks, decodeSequences: sequences,
        contextTokens: sequences * Int.random(in: 1...5000, using: &random))
      let breakdown = try StepBreakdown(of: batch, model: model, format: .int4, profile: profile)
      let cost = pricer.cost(of: batch)
      // Straight pieces of decode attention are rounded to a nanosecond a token of context.
      #expect(abs(breakdown.ns - Double(cost.totalNs)) < 5000 + 10)
      #expect(abs(breakdown.ns / Double(cost.totalNs) - 1) < 1e-3)
      let derived = breakdown.parts.reduce(0) { $1.prediction.basis == .derived ? $0 + $1.ns : $0 }
      #expect(abs(derived - Double(cost.derivedNs)) < 10)
      #expect(abs(breakdown.cost.totalNs - cost.totalNs) < 5000 + 10)
      #expect(abs(breakdown.cost.linearNs - cost.linearNs) <= 2)
      #expect(breakdown.cost.appendNs == cost.appendNs)
      #expect(breakdown.cost.prefillAttentionNs == cost.prefillAttentionNs)
    }
  }

  @Test(
    "Projections move the bytes of their own weights, and the activations of any",
    arguments: [WeightFormat.eightBit, .int4(groupSize: 128, isSymmetric: false)], models)
  func weightBytes(format: WeightFormat, groups: [LayerGroup]) throws {
    func breakdown(_ format: WeightFormat) throws -> (ModelArchitecture, [String: StepPart]) {
      let model = ModelArchitecture(
        name: "m", hiddenSize: 4096, layerGroups: groups, heads: SyntheticProfile.heads,
        vocabSize: 1000, maxPositions: 40_960, tiesEmbeddings: false, weightFormat: format)
      let parts = try StepBreakdown(
        of: BatchShape(decodeSequences: 64, contextTokens: 64_000), model: model, format: .fp16,
        profile: SyntheticProfile.profile()
      ).parts
      // Windows have attention twice.
      return (model, Dictionary(parts.map { ($0.name, $0) }) { first, _ in first })
    }
    let (model, narrow) = try breakdown(format)
    let (_, wide) = try breakdown(.sixteenBit)
    let qkv = model.projections(of: groups[0])[0]
    #expect(
      narrow["qkv"]!.bytesEach == format.bytes(of: qkv) + 4 * 64 * (qkv.inputs + qkv.outputs))
    for name in ["head", "router", "append", "norm"] {
      #expect(narrow[name]?.bytesEach == wide[name]?.bytesEach, "\(name)")
    }
    guard let expert = model.expertProjections(of: groups.last!).first else { return }
    let name = "experts: gate and up"
    // All eight have work: 64 tokens leave none out but by chance.
    let saved = wide[name]!.bytesEach - narrow[name]!.bytesEach
    let whole = 8 * (2 * expert.weights - format.bytes(of: expert))
    #expect(abs(Double(saved) / Double(whole) - 1) < 1e-3)
  }
}
