import Operators
import Testing

@testable import CostModel

@Suite("Prices of steps with drafted tokens")
struct VerificationPricesTests {
  private let model = SyntheticProfile.model
  private let draft = ModelArchitecture(
    name: "draft", hiddenSize: 4096, intermediateSize: 4096, layers: 2,
    heads: SyntheticProfile.heads, vocabSize: 151_936, maxPositions: 40_960, tiesEmbeddings: true)

  private func pricer(
    _ drafting: Drafting?, model: ModelArchitecture? = nil, profile: Profile? = nil,
    host: HostOverhead = .none
  ) throws -> StepPricer {
    try StepPricer(
      model: model ?? self.model, format: .int4, profile: profile ?? SyntheticProfile.profile(),
      maxSequences: 32, maxTokens: 512, host: host, drafting: drafting)
  }

  private func batch(
    _ sequences: Int, _ tokens: Int, context: Int, chunks: [PrefillChunk] = []
  ) -> BatchShape {
    BatchShape(
      chunks: chunks, decodeSequences: sequences, tokensPerDecode: tokens,
      contextTokens: sequences * context, longestContext: context)
  }

  @Test("All but attention costs what as many sequences with one token each cost")
  func tokens() throws {
    let chunk = PrefillChunk(tokens: 60, prefix: 256, endsPrompt: true)
    let host = HostOverhead(perStepNs: 1000, perSequenceNs: 10)
    let cost = try pricer(Drafting(tokens: 3, model: nil), host: host)
      .cost(of: batch(4, 4, context: 1024, chunks: [chunk]))
    let plain = try pricer(nil).cost(of: batch(16, 1, context: 1024, chunks: [chunk]))
    #expect(cost.linearNs == plain.linearNs && cost.appendNs == plain.appendNs)
    #expect(cost.elementwiseNs == plain.elementwiseNs)
    #expect(cost.prefillAttentionNs == plain.prefillAttentionNs)
    // The host has four sequences and a prompt.
    #expect(cost.hostNs == 1000 + 5 * 10)
  }

  @Test("Attention reads the cache once, and rows that were not measured take arithmetic")
  func attention() throws {
    // 4 query heads of a KV head are all that was measured, so that 3 tokens of 4 are beyond.
    let cost = try pricer(Drafting(tokens: 3, model: nil)).cost(of: batch(4, 4, context: 1024))
    let once = SyntheticProfile.time(
      .decodeAttention(sequences: 4, context: 1024, heads: model.heads, format: .int4))
    // The measured chunk with most pairs has the least for each: 0.05 ns a head, and its 5 µs.
    let most = Double(OperatorShape.attendedPairs(tokens: 1024, prefix: 4096))
    let perPair = 0.05 * 32 + 5000 / most
    let pairs = Double(4 * OperatorShape.attendedPairs(tokens: 4, prefix: 1020))
    let expected = 36 * (once + pairs * perPair * 3 / 4)
    #expect(abs(Double(cost.decodeAttentionNs) / expected - 1) < 1e-4)
    let plain = try pricer(nil).cost(of: batch(4, 1, context: 1024))
    #expect(cost.derivedNs - cost.elementwiseNs == cost.decodeAttentionNs - plain.decodeAttentionNs)
  }

  @Test("Rows that were measured, as more query heads, take what they were measured to take")
  func measuredRows() throws {
    let wide = HeadGeometry(queryHeads: 64, kvHeads: 8, headDim: 128)
    let base = SyntheticProfile.profile()
    // With twice the query heads all takes half as long again.
    let measurements = base.measurements.flatMap { point -> [Measurement] in
      guard case .decodeAttention(let sequences, let context, _, let format) = point.shape else {
        return [point]
      }
      let shape = OperatorShape.decodeAttention(
        sequences: sequences, context: context, heads: wide, format: format)
      let times = point.timesNs.map { $0 * 3 / 2 }
      return [point, Measurement(shape: shape, isHeldOut: point.isHeldOut, timesNs: times)]
    }
    let profile = Profile(
      provenance: .measured, device: base.device, measuredAtUTC: base.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: base.readBytesPerSecond, measurements: measurements)
    let plain = try pricer(nil, profile: profile).cost(of: batch(4, 1, context: 1024))
    let two = try pricer(Drafting(tokens: 1, model: nil), profile: profile)
      .cost(of: batch(4, 2, context: 1024))
    #expect(abs(Double(two.decodeAttentionNs) / Double(plain.decodeAttentionNs) / 1.5 - 1) < 1e-4)
    let four = try pricer(Drafting(tokens: 3, model: nil), profile: profile)
      .cost(of: batch(4, 4, context: 1024))
    #expect(four.decodeAttentionNs > two.decodeAttentionNs)
  }

  @Test("Attention of more drafted tokens, longer contexts or more sequences never takes less")
  func monotone() throws {
    var last: Int64 = 0
    for tokens in 1...12 {
      let cost = try pricer(Drafting(tokens: tokens, model: nil))
        .cost(of: batch(8, tokens + 1, context: 500))
      #expect(cost.totalNs > last)
      last = cost.totalNs
    }
    let pricer = try pricer(Drafting(tokens: 3, model: nil))
    for sequences in 1..<32 {
      let less = pricer.cost(of: batch(sequences, 4, context: 500)).decodeAttentionNs
      #expect(pricer.cost(of: batch(sequences + 1, 4, context: 500)).decodeAttentionNs > less)
      #expect(pricer.cost(of: batch(sequences, 4, context: 600)).decodeAttentionNs > less)
    }
  }

  @Test("Layers with a window read and multiply no more than it holds")
  func windows() throws {
    let dense = FeedForward.dense(intermediateSize: 12288, isGated: true)
    let windowed = ModelArchitecture(
      name: "w", hiddenSize: 4096,
      layerGroups: [LayerGroup(count: 36, feedForward: dense, attentionWindow: 256)],
      heads: model.heads, vocabSize: 151_936, maxPositions: 40_960, tiesEmbeddings: false)
    let drafting = Drafting(tokens: 3, model: nil)
    let short = try pricer(drafting, model: windowed).cost(of: batch(4, 4, context: 1000))
    let long = try pricer(drafting, model: windowed).cost(of: batch(4, 4, context: 9000))
    #expect(short.decodeAttentionNs == long.decodeAttentionNs)
    let whole = try pricer(drafting).cost(of: batch(4, 4, context: 1000))
    #expect(short.decodeAttentionNs < whole.decodeAttentionNs)
  }

  @Test("A model that drafts k tokens takes k of its own steps, the first with the prompts")
  func draftModel() throws {
    let chunk = PrefillChunk(tokens: 60, prefix: 256, endsPrompt: true)
    let step = batch(4, 4, context: 1024, chunks: [chunk])
    let with = try pricer(Drafting(tokens: 3, model: draft)).cost(of: step)
    var expected = try pricer(Drafting(tokens: 3, model: nil)).cost(of: step)
    let own = try pricer(nil, model: draft)
    // The step verifies 1,020 cached tokens and 4 more of each sequence.
    expected += own.cost(of: batch(4, 1, context: 1021, chunks: [chunk]))
    expected += own.cost(of: batch(4, 1, context: 1022))
    expected += own.cost(of: batch(4, 1, context: 1023))
    #expect(with == expected)
    let prompts = batch(0, 4, context: 0, chunks: [chunk])
    let withPrompts = try pricer(Drafting(tokens: 3, model: draft)).cost(of: prompts)
    var promptsAlone = try pricer(nil).cost(of: BatchShape(chunks: [chunk]))
    promptsAlone += own.cost(of: BatchShape(chunks: [chunk]))
    #expect(withPrompts == promptsAlone)
  }
}
