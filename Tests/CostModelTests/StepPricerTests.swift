import Operators
import Testing

@testable import CostModel

@Suite("Step pricer")
struct StepPricerTests {
  private let model = SyntheticProfile.model

  private func pricer(_ format: KVFormat) throws -> StepPricer {
    try StepPricer(
      model: model, format: format, profile: SyntheticProfile.profile(), maxSequences: 80,
      maxTokens: 512)
  }

  @Test("A step's parts are the layers' operators, worked out by hand")
  func parts() throws {
    let batch = BatchShape(
      chunks: [PrefillChunk(tokens: 60, prefix: 256, endsPrompt: true)], decodeSequences: 4,
      contextTokens: 4 * 1024)
    let cost = try pricer(.int4).cost(of: batch)
    let time = SyntheticProfile.time
    let heads = model.heads
    let attention =
      36
      * time(.decodeAttention(sequences: 4, context: 1024, heads: heads, format: .int4))
    #expect(abs(Double(cost.decodeAttentionNs) / attention - 1) < 1e-4)
    let chunk =
      36 * time(.prefillAttention(tokens: 60, prefix: 256, heads: heads, format: .int4))
    #expect(abs(Double(cost.prefillAttentionNs) / chunk - 1) < 1e-3)
    let append = 36 * time(.append(tokens: 64, heads: heads, format: .int4))
    #expect(abs(Double(cost.appendNs) / append - 1) < 1e-4)
    // 5 rows of logits: 4 decodes and the prompt that ends. The head and gate+up lie beyond the
    // measured weights, where time is in proportion.
    let largest = time(.linear(tokens: 64, outputs: 12288, inputs: 4096))
    let qkv = time(.linear(tokens: 64, outputs: 6144, inputs: 4096))
    let square = time(.linear(tokens: 64, outputs: 4096, inputs: 4096))
    let head =
      time(.linear(tokens: 5, outputs: 12288, inputs: 4096)) * 151_936 / 12288
    let linear = 36 * (qkv + square + 2 * largest + largest) + head
    #expect(abs(Double(cost.linearNs) / linear - 1) < 1e-4)
    #expect(cost.extrapolatedNs > 0 && cost.extrapolatedNs < cost.linearNs)
    // Per layer 4·(4h + 6h + 2·40·128 + 3·12288) bytes a token; 6h + 8h more; logits 4 bytes.
    let bytes =
      64 * (36 * 4 * (10 * 4096 + 2 * 40 * 128 + 3 * 12288) + 14 * 4096) + 5 * 4 * 151_936
    #expect(abs(Double(cost.elementwiseNs) - Double(bytes) / 40) < 5)
  }

  @Test("The first step of a span costs what the step costs, and its line what its steps cost")
  func spansAreSteps() throws {
    for format in KVFormat.named {
      let pricer = try pricer(format)
      for sequences in [1, 2, 3, 16, 40, 64, 80] {
        for context in [1, 15, 16, 100, 127, 128, 1000, 8191, 8192, 20_000] {
          var tokens = sequences * context + sequences / 2
          let span = pricer.decodeSpan(
            of: BatchShape(decodeSequences: sequences, contextTokens: tokens))
          #expect(span.steps >= 1)
          let steps = min(span.steps, 300)
          var sum = StepCost()
          for _ in 0..<steps {
            sum += pricer.cost(
              of: BatchShape(decodeSequences: sequences, contextTokens: tokens))
            tokens += sequences
          }
          #expect(sum == span.cost(ofFirst: steps))
        }
      }
    }
  }

  @Test("The steps that last a given time are the fewest that do")
  func stepsLasting() {
    for growth in [0, 1, 7, 1000] as [Int64] {
      let span = DecodeSpan(
        first: StepCost(linearNs: 1000), growthNs: growth, steps: Int.max,
        basis: .interpolated)
      for ns in stride(from: Int64(-5), through: 200_000, by: 997) {
        let steps = span.steps(lasting: ns, limit: 150)
        let naive = (1...150).first { span.cost(ofFirst: $0).totalNs >= ns } ?? 150
        #expect(steps == naive)
      }
    }
  }

  @Test("More decodes, longer contexts or more prompt tokens never cost less")
  func monotone() throws {
    let pricer = try pricer(.int4Rotated)
    var last: Int64 = 0
    for sequences in 1...80 {
      let cost = pricer.cost(
        of: BatchShape(decodeSequences: sequences, contextTokens: sequences * 1000))
      // Each piece is rounded to nanoseconds apart: a few may be lost at a joint.
      #expect(cost.totalNs >= last - 40)
      last = cost.totalNs
    }
    last = 0
    for context in stride(from: 1, to: 20_000, by: 7) {
      let cost = pricer.cost(of: BatchShape(decodeSequences: 5, contextTokens: 5 * context))
      #expect(cost.totalNs >= last - 8192)
      last = cost.totalNs
    }
    last = 0
    for tokens in 1...512 {
      let cost = pricer.cost(
        of: BatchShape(chunks: [PrefillChunk(tokens: tokens, prefix: 0, endsPrompt: false)]))
      #expect(cost.totalNs >= last)
      last = cost.totalNs
    }
  }

  @Test("What was not measured is told apart: elementwise work, and heads of another shape")
  func derivedShare() throws {
    let batch = BatchShape(decodeSequences: 4, contextTokens: 4096)
    let own = try pricer(.fp16)
    let cost = own.cost(of: batch)
    #expect(cost.derivedNs == cost.elementwiseNs)
    let other = ModelArchitecture(
      name: "other", hiddenSize: 2048, intermediateSize: 4096, layers: 2,
      heads: HeadGeometry(queryHeads: 16, kvHeads: 4, headDim: 128), vocabSize: 1000,
      maxPositions: 1000, tiesEmbeddings: true)
    let derived = try StepPricer(
      model: other, format: .fp16, profile: SyntheticProfile.profile(), maxSequences: 8,
      maxTokens: 64)
    let price = derived.cost(of: batch)
    #expect(price.derivedNs == price.elementwiseNs + price.appendNs + price.decodeAttentionNs)
  }
}
