import Operators
import Testing

@testable import CostModel

@Suite("Measured experts")
struct MeasuredExpertsTests {
  private let layer = ExpertShape(perToken: 2, inputs: 4096, width: 1024)
  private let model = ModelArchitecture(
    name: "m", hiddenSize: 4096,
    layerGroups: [
      LayerGroup(
        count: 3,
        feedForward: .experts(
          count: 8, perToken: 2, intermediateSize: 1024, sharedIntermediateSize: 0))
    ],
    heads: SyntheticProfile.heads, vocabSize: 1000, maxPositions: 4096, tiesEmbeddings: false)

  /// The usual points, and experts by the same law; with a router's times of its own if asked for.
  private func profile(withRouter: Bool = false) -> Profile {
    var shapes: [OperatorShape] = []
    for active in [2, 4, 8] {
      shapes += [1, 16, 256].map { .experts(tokens: $0, active: active, layer: layer) }
    }
    if withRouter { shapes += [1, 1024].map { .linear(tokens: $0, outputs: 8, inputs: 4096) } }
    let base = SyntheticProfile.profile()
    return base.with(
      measurements: base.measurements
        + shapes.map {
          Measurement(
            shape: $0, isHeldOut: false, timesNs: [Int64(SyntheticProfile.time($0).rounded())])
        })
  }

  @Test("They take the times of the experts that random routing reaches, and nothing is derived")
  func prices() throws {
    let prices = try LinearPrices(model: model, profile: profile())
    for tokens in [1, 2, 5, 100] {
      let part = try #require(prices.parts(tokens: tokens).first { $0.name == "experts" })
      let active = LinearPrices.activeExperts(count: 8, perToken: 2, tokens: tokens)
      let law = 8_000 + 0.1 * active * Double(layer.weights) + 50 * Double(tokens)
      #expect(abs(part.prediction.ns / law - 1) < 1e-4 && part.count == 3)
      #expect(part.prediction.basis == .interpolated)
      #expect(!prices.parts(tokens: tokens).contains { $0.name == "router" })
    }
  }

  @Test("A router that was measured by itself is charged beside them")
  func router() throws {
    let prices = try LinearPrices(model: model, profile: profile(withRouter: true))
    #expect(prices.parts(tokens: 16).map(\.name) == ["qkv", "output", "router", "experts"])
  }

  @Test("Their activation is theirs: no small operator is charged for it")
  func activation() throws {
    let batch = BatchShape(decodeSequences: 4, contextTokens: 400)
    let names = try StepBreakdown(of: batch, model: model, format: .fp16, profile: profile())
      .parts.map(\.name)
    #expect(!names.contains("activation") && names.contains("experts"))
    let derived = try StepBreakdown(
      of: batch, model: model, format: .fp16, profile: SyntheticProfile.profile()
    ).parts.map(\.name)
    #expect(derived.contains("activation") && derived.contains("experts: down"))
  }
}
