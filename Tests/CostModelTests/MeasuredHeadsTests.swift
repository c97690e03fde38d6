import Operators
import Testing

@testable import CostModel

@Suite("Heads that were not measured")
struct MeasuredHeadsTests {
  private static func heads(_ query: Int, _ kv: Int, _ dim: Int = 128) -> HeadGeometry {
    HeadGeometry(queryHeads: query, kvHeads: kv, headDim: dim)
  }

  /// A launch, what each KV head reads of a context, and what its query heads compute with it.
  private static func ns(_ shape: OperatorShape) -> Double {
    switch shape {
    case .decodeAttention(let sequences, let context, let heads, _):
      let unit = Double(heads.headDim) * (2 + 0.25 * Double(heads.groupSize))
      return 3_000 + Double(sequences * heads.kvHeads * context) * unit / 100
    case .raggedDecode(let batch, let heads, let format):
      let even = OperatorShape.decodeAttention(
        sequences: batch.sequences, context: batch.context, heads: heads, format: format)
      return ns(even) * (1 + 0.01 * min(2, batch.spread))
    case .prefillAttention(let tokens, let prefix, let heads, _):
      return 3_000
        + Double(OperatorShape.attendedPairs(tokens: tokens, prefix: prefix) * heads.queryHeads)
    default: preconditionFailure("not measured here")
    }
  }

  private static let profile: Profile = {
    var shapes: [OperatorShape] = []
    for heads in [heads(16, 8), heads(32, 8), heads(64, 8)] {
      for sequences in [1, 8, 64, 512] {
        for context in [16, 1024, 16384] {
          shapes.append(
            .decodeAttention(
              sequences: sequences, context: context, heads: heads, format: .fp16))
          guard sequences > 1 else { continue }
          for longest in [3 * context / 2, 2 * context, 3 * context] {
            let batch = RaggedBatch(sequences: sequences, context: context, longest: longest)
            shapes.append(.raggedDecode(batch, heads: heads, format: .fp16))
          }
        }
      }
      for tokens in [16, 256, 4096] {
        shapes.append(
          .prefillAttention(tokens: tokens, prefix: 0, heads: heads, format: .fp16))
      }
    }
    return Profile(
      provenance: .measured, device: SyntheticProfile.device, measuredAtUTC: "", blockSize: 16,
      readBytesPerSecond: 1,
      measurements: shapes.map {
        Measurement(shape: $0, isHeldOut: false, timesNs: [Int64(ns($0).rounded())])
      })
  }()

  private func decode(_ heads: HeadGeometry) throws -> OperatorModel {
    try OperatorModel(.decodeAttention, format: .fp16, heads: heads, profile: Self.profile)
  }

  private func expectNear(_ a: Double, _ b: Double) {
    #expect(abs(a / b - 1) < 1e-3, "\(a) \(b)")
  }

  @Test("Query heads between two measured numbers take a time between, here exactly theirs")
  func between() throws {
    for (query, kv) in [(24, 8), (40, 8), (48, 8), (28, 4), (14, 2)] {
      let heads = Self.heads(query, kv)
      let model = try decode(heads)
      for (sequences, context) in [(8, 1024), (64, 3000), (200, 16384)] {
        let shape = OperatorShape.decodeAttention(
          sequences: sequences, context: context, heads: heads, format: .fp16)
        let predicted = model.predict(shape)
        #expect(predicted.basis == .derived)
        expectNear(predicted.ns, Self.ns(shape))
      }
    }
  }

  @Test("Multi-head attention takes what as many sequences of the fewest query heads take")
  func multiHead() throws {
    let (many, measured) = (try decode(Self.heads(32, 32)), try decode(Self.heads(16, 8)))
    for context in [24.0, 1000, 16384] {
      #expect(
        many.decode(sequences: 16, context: context).ns
          == measured.decode(sequences: 64, context: context).ns)
    }
  }

  @Test("More query heads than the most take longer in proportion, and wider heads by their width")
  func beyond() throws {
    let most = try decode(Self.heads(64, 8))
    let (sequences, context) = (64.0, 5000.0)
    let ns = most.decode(sequences: sequences, context: context).ns
    expectNear(
      try decode(Self.heads(128, 8)).decode(sequences: sequences, context: context).ns, 2 * ns)
    expectNear(
      try decode(Self.heads(64, 8, 256)).decode(sequences: sequences, context: context).ns, 2 * ns)
    expectNear(
      try decode(Self.heads(64, 8, 64)).decode(sequences: sequences, context: context).ns, ns / 2)
  }

  @Test("Uneven contexts follow the same rules as even ones")
  func uneven() throws {
    for (query, kv) in [(24, 8), (28, 4), (48, 8)] {
      let heads = Self.heads(query, kv)
      let alike = try decode(heads)
      let model = try #require(
        RaggedDecodeModel(format: .fp16, heads: heads, profile: Self.profile, alike: alike))
      let batch = RaggedBatch(sequences: 100, context: 3000, longest: 6000)
      let shape = OperatorShape.raggedDecode(batch, heads: heads, format: .fp16)
      let predicted = model.predict(batch)
      #expect(predicted.basis == .derived)
      expectNear(predicted.ns, Self.ns(shape))
    }
  }

  @Test("Attention of prompts takes what as many query heads take, whichever KV heads they share")
  func prompts() throws {
    func prefill(_ heads: HeadGeometry) throws -> Double {
      try OperatorModel(.prefillAttention, format: .fp16, heads: heads, profile: Self.profile)
        .predict(.prefillAttention(tokens: 2048, prefix: 0, heads: heads, format: .fp16)).ns
    }
    let measured = try prefill(Self.heads(32, 8))
    #expect(try prefill(Self.heads(32, 32)) == measured)
    expectNear(try prefill(Self.heads(28, 4)), measured * 28 / 32)
  }
}
