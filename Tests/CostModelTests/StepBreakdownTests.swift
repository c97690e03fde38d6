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
    }
  }
}
