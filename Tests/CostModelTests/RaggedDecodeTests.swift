import Operators
import Testing

@testable import CostModel

@Suite("Decode attention over uneven contexts")
struct RaggedDecodeTests {
  private let profile = SyntheticProfile.profile(formats: [.int4], ragged: true)
  private let heads = SyntheticProfile.heads

  private func model(_ profile: Profile, _ heads: HeadGeometry) throws -> RaggedDecodeModel? {
    let alike = try OperatorModel(
      .decodeAttention, format: .int4, heads: heads, profile: profile)
    return RaggedDecodeModel(format: .int4, heads: heads, profile: profile, alike: alike)
  }

  @Test("A law that is linear in sequences, mean and spread is met between the points")
  func law() throws {
    let model = try #require(try model(profile, heads))
    for (sequences, context, longest) in [
      (4, 128, 192), (10, 128, 256), (40, 1000, 1250), (64, 5000, 9000), (33, 2000, 5000),
    ] {
      let batch = RaggedBatch(sequences: sequences, context: context, longest: longest)
      let shape = OperatorShape.raggedDecode(batch, heads: heads, format: .int4)
      let predicted = model.predict(batch)
      #expect(abs(predicted.ns / SyntheticProfile.time(shape) - 1) < 1e-4)
      #expect(predicted.basis == .interpolated)
    }
    #expect(try profile.residuals().contains { $0.kind == .raggedDecode && $0.p95Error < 1e-3 })
  }

  @Test("One sequence, or contexts that are alike, cost nothing beyond; a wider spread never less")
  func edges() throws {
    let model = try #require(try model(profile, heads))
    #expect(model.extra(sequences: 1, context: 500, spread: 3).ns == 0)
    #expect(model.extra(sequences: 64, context: 500, spread: 0).ns == 0)
    for sequences in [2, 3, 5, 20, 64, 100] {
      for context in [1.0, 20, 700, 20_000] {
        var last = 0.0
        for step in 0...40 {
          let extra = model.extra(
            sequences: sequences, context: context, spread: Double(step) / 10)
          #expect(extra.ns >= last - 1e-9)
          last = extra.ns
        }
      }
    }
  }

  @Test("Beyond the widest spread the time stays; beyond the most sequences it grows with them")
  func beyond() throws {
    let model = try #require(try model(profile, heads))
    let widest = model.extra(sequences: 64, context: 1024, spread: 2)
    let wider = model.extra(sequences: 64, context: 1024, spread: 9)
    #expect(!widest.isExtrapolated && wider.isExtrapolated && wider.ns == widest.ns)
    let twice = model.extra(sequences: 128, context: 1024, spread: 2)
    #expect(twice.isExtrapolated && abs(twice.ns / widest.ns - 2) < 1e-9)
    let longer = model.extra(sequences: 64, context: 16_384, spread: 1)
    let last = model.extra(sequences: 64, context: 8192, spread: 1)
    #expect(longer.isExtrapolated && abs(longer.ns / last.ns - 2) < 1e-9)
  }

  @Test("Half the KV heads of as many sequences take what all heads of half of them take")
  func fewerHeads() throws {
    let half = HeadGeometry(queryHeads: 16, kvHeads: 4, headDim: 128)
    let shared = try #require(try model(profile, half))
    let whole = try #require(try model(profile, heads))
    #expect(shared.isDerived && !whole.isDerived)
    let a = shared.extra(sequences: 32, context: 1000, spread: 1)
    let b = whole.extra(sequences: 16, context: 1000, spread: 1)
    #expect(abs(a.ns / b.ns - 1) < 1e-9)
  }

  private func pricer(_ windows: [Int?] = [nil]) throws -> StepPricer {
    let model = ModelArchitecture(
      name: "uneven", hiddenSize: 4096,
      layerGroups: windows.map {
        LayerGroup(
          count: 4, feedForward: .dense(intermediateSize: 12288, isGated: true),
          attentionWindow: $0)
      },
      normsPerLayer: 2, heads: heads, vocabSize: 1000, maxPositions: 40_000,
      tiesEmbeddings: false)
    return try StepPricer(
      model: model, format: .int4, profile: profile, maxSequences: 80, maxTokens: 128)
  }

  @Test("A span is its steps to the nanosecond, whatever contexts, windows or spreads")
  func spansAreSteps() throws {
    for windows in [[nil], [1500], [nil, 900]] as [[Int?]] {
      let pricer = try pricer(windows)
      for sequences in [1, 2, 7, 64, 80] {
        for context in [1, 15, 100, 890, 1023, 8000] {
          for beyond in [0, 1, 40, 700, 5000] {
            var batch = BatchShape(
              decodeSequences: sequences, contextTokens: sequences * context + sequences / 2,
              longestContext: context + beyond)
            let span = pricer.decodeSpan(of: batch)
            #expect(span.steps >= 1)
            let steps = min(span.steps, 200)
            var sum = StepCost()
            for _ in 0..<steps {
              sum += pricer.cost(of: batch)
              batch.contextTokens += sequences
              batch.longestContext += 1
            }
            #expect(sum == span.cost(ofFirst: steps))
          }
        }
      }
    }
  }

  @Test("The tabulated price is the model's, a thousandth and rounding apart")
  func tableIsModel() throws {
    let pricer = try pricer()
    for (sequences, context, longest) in [(4, 600, 900), (16, 3000, 9000), (64, 500, 750)] {
      let batch = RaggedBatch(sequences: sequences, context: context, longest: longest)
      let model = try #require(try model(profile, heads))
      let cost = pricer.cost(
        of: BatchShape(
          decodeSequences: sequences, contextTokens: sequences * context, longestContext: longest))
      let exact = 4 * model.predict(batch).ns
      #expect(abs(Double(cost.decodeAttentionNs) / exact - 1) < 2e-3)
    }
  }

  @Test("Layers whose window the longest context exceeds count its contexts as alike")
  func windows() throws {
    func extra(_ window: Int?, longest: Int) throws -> Int64 {
      let pricer = try pricer([window])
      let even = pricer.cost(of: BatchShape(decodeSequences: 16, contextTokens: 16 * 800))
      let uneven = pricer.cost(
        of: BatchShape(
          decodeSequences: 16, contextTokens: 16 * 800, longestContext: longest))
      return uneven.totalNs - even.totalNs
    }
    #expect(try extra(nil, longest: 1200) > 0)
    #expect(try extra(1201, longest: 1200) == extra(nil, longest: 1200))
    #expect(try extra(1200, longest: 1200) == 0)
  }

  @Test("A profile without uneven batches prices all as alike")
  func without() throws {
    let even = SyntheticProfile.profile(formats: [.int4])
    #expect(try model(even, heads) == nil)
  }
}
