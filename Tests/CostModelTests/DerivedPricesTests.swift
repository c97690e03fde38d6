import Operators
import TestSupport
import Testing

@testable import CostModel

/// Times of what no profile measures yet: experts, narrow weights, windows.
@Suite("Prices of experts, narrow weights and windows")
struct DerivedPricesTests {
  private static let heads = SyntheticProfile.heads
  private static let dense = FeedForward.dense(intermediateSize: 12288, isGated: true)

  private func model(
    _ groups: [LayerGroup], format: WeightFormat = .sixteenBit
  ) -> ModelArchitecture {
    ModelArchitecture(
      name: "m", hiddenSize: 4096, layerGroups: groups, heads: Self.heads, vocabSize: 12288,
      maxPositions: 40_960, tiesEmbeddings: false, weightFormat: format)
  }

  private func pricer(_ model: ModelArchitecture) throws -> StepPricer {
    try StepPricer(
      model: model, format: .fp16, profile: SyntheticProfile.profile(), maxSequences: 64,
      maxTokens: 1024)
  }

  private func linear(_ model: ModelArchitecture) throws -> LinearPrices {
    try LinearPrices(model: model, profile: SyntheticProfile.profile())
  }

  // MARK: Experts

  @Test("Experts with work are as many as random routing reaches on average")
  func activeExperts() {
    var random = SeededRandom(11)
    for (count, perToken, tokens) in [(8, 2, 1), (8, 2, 3), (8, 2, 20), (128, 8, 1), (128, 8, 40)] {
      var reached = 0
      let trials = 4000
      for _ in 0..<trials {
        var active = Set<Int>()
        for _ in 0..<tokens {
          active.formUnion((0..<count).shuffled(using: &random).prefix(perToken))
        }
        reached += active.count
      }
      let mean = Double(reached) / Double(trials)
      let expected = LinearPrices.activeExperts(
        count: Double(count), perToken: Double(perToken), tokens: tokens)
      #expect(abs(expected / mean - 1) < 0.02, "\(count) \(perToken) \(tokens)")
    }
  }

  @Test("Experts that all tokens pass cost what one MLP of all their widths costs, and the router")
  func allExperts() throws {
    let experts = FeedForward.experts(
      count: 4, perToken: 4, intermediateSize: 3072, sharedIntermediateSize: 0)
    let routed = try linear(model([LayerGroup(count: 3, feedForward: experts)]))
    let plain = try linear(model([LayerGroup(count: 3, feedForward: Self.dense)]))
    for tokens in [1, 16, 100, 1024] {
      let (a, b) = (routed.parts(tokens: tokens).time, plain.parts(tokens: tokens).time)
      // A router of 4 · 4096 weights, below the smallest layer measured, in proportion.
      let smallest = SyntheticProfile.time(.linear(tokens: tokens, outputs: 1024, inputs: 4096))
      let router = 3 * smallest * (4 * 4096) / (1024 * 4096)
      // Between the measured numbers of tokens the law is met as well.
      #expect(abs((a.ns - router) / b.ns - 1) < 1e-6)
      #expect(a.derivedNs > 0 && b.derivedNs == 0)
    }
  }

  @Test("A token of a mixture costs less than one of an MLP as wide as all its experts")
  func fewExperts() throws {
    let experts = FeedForward.experts(
      count: 8, perToken: 2, intermediateSize: 1536, sharedIntermediateSize: 0)
    let routed = try linear(model([LayerGroup(count: 3, feedForward: experts)]))
    let plain = try linear(model([LayerGroup(count: 3, feedForward: Self.dense)]))
    var last = 0.0
    for tokens in 1...256 {
      let ns = routed.parts(tokens: tokens).time.ns
      #expect(ns < plain.parts(tokens: tokens).time.ns && ns >= last)
      last = ns
    }
  }

  // MARK: Narrow weights

  @Test(
    "Narrow weights never take longer than 16-bit ones, and no less than their arithmetic",
    arguments: [WeightFormat.eightBit, .int4(groupSize: 128, isSymmetric: true)])
  func narrowWeights(format: WeightFormat) throws {
    let groups = [LayerGroup(count: 2, feedForward: Self.dense)]
    let (narrow, wide) = (try linear(model(groups, format: format)), try linear(model(groups)))
    var last = 0.0
    for tokens in 1...1024 {
      let (a, b) = (narrow.parts(tokens: tokens).time, wide.parts(tokens: tokens).time)
      #expect(a.ns <= b.ns * (1 + 1e-12) && a.ns >= last && a.derivedNs == a.ns)
      // The law of the profile: 1 ps of arithmetic a weight and token.
      let weights =
        2.0 * Double(model(groups).projections(of: groups[0]).reduce(0) { $0 + $1.weights })
      #expect(a.ns >= 0.001 * weights * Double(tokens))
      last = a.ns
    }
    // One token streams the weights: their share of the bytes over what narrow reads reach.
    let projection = ModelArchitecture.Projection(outputs: 4096, inputs: 4096)
    let bytes = Double(format.bytes(of: projection)) / Double(2 * projection.weights)
    let share = narrow.parts(tokens: 1).time.ns / wide.parts(tokens: 1).time.ns
    #expect(abs(share / (bytes / 0.74) - 1) < 0.01)
  }

  // MARK: Windows

  @Test("Pairs through a window are those counted token by token")
  func pairs() {
    var random = SeededRandom(5)
    for _ in 0..<500 {
      let chunk = PrefillChunk(
        tokens: Int.random(in: 1...60, using: &random),
        prefix: Int.random(in: 0...60, using: &random), endsPrompt: true)
      let window = Int.random(in: 1...90, using: &random)
      let counted = (1...chunk.tokens).reduce(0) { $0 + min(window, chunk.prefix + $1) }
      #expect(chunk.pairs(through: window) == counted)
      #expect(
        chunk.pairs(through: nil)
          == (1...chunk.tokens).reduce(0) { $0 + chunk.prefix + $1 })
      let seen = chunk.seen(through: window)
      let priced =
        Double(OperatorShape.attendedPairs(tokens: chunk.tokens, prefix: seen.prefix))
        * seen.share
      #expect(priced <= Double(counted) + 1e-9 && priced > Double(counted - chunk.tokens))
    }
  }

  @Test("A window beyond every context changes nothing; a short one ends the growth of a decode")
  func windows() throws {
    let plain = try pricer(model([LayerGroup(count: 4, feedForward: Self.dense)]))
    let wide = try pricer(
      model([LayerGroup(count: 4, feedForward: Self.dense, attentionWindow: 1 << 20)]))
    let mixed = try pricer(
      model([
        LayerGroup(count: 3, feedForward: Self.dense, attentionWindow: 512),
        LayerGroup(count: 1, feedForward: Self.dense),
      ]))
    func decode(_ pricer: StepPricer, _ context: Int) -> Double {
      Double(
        pricer.cost(of: BatchShape(decodeSequences: 16, contextTokens: 16 * context))
          .decodeAttentionNs)
    }
    for context in [1, 100, 511, 512, 513, 3000, 8192] {
      #expect(abs(decode(plain, context) - decode(wide, context)) <= 1)
      let expected =
        (3 * decode(plain, min(context, 512)) + decode(plain, context)) / 4
      #expect(abs(decode(mixed, context) / expected - 1) < 1e-4)
    }
    let chunk = BatchShape(chunks: [PrefillChunk(tokens: 256, prefix: 4096, endsPrompt: false)])
    let (a, b) = (plain.cost(of: chunk), wide.cost(of: chunk))
    #expect(a == b)
    #expect(mixed.cost(of: chunk).prefillAttentionNs < a.prefillAttentionNs)
  }

  @Test("With a window too, the first step of a span costs what the step costs, and so its line")
  func spans() throws {
    let pricer = try pricer(
      model([
        LayerGroup(count: 3, feedForward: Self.dense, attentionWindow: 700),
        LayerGroup(count: 1, feedForward: Self.dense),
      ]))
    for start in [1, 600, 699, 700, 701, 1023] {
      var tokens = 8 * start
      let span = pricer.decodeSpan(
        of: BatchShape(decodeSequences: 8, contextTokens: tokens))
      let steps = min(span.steps, 200)
      var sum = StepCost()
      for _ in 0..<steps {
        sum += pricer.cost(of: BatchShape(decodeSequences: 8, contextTokens: tokens))
        tokens += 8
      }
      #expect(sum == span.cost(ofFirst: steps))
    }
  }
}
