import Operators
import TestSupport
import Testing

@testable import CostModel

@Suite("Attention in one launch")
struct LaunchedAttentionTests {
  private static let heads = SyntheticProfile.heads
  private static let tokens = [16, 256, 2048]
  private static let prefixes = [0, 512, 8192]
  private static let sequences = [1, 16, 128]
  private static let contexts = [16, 1024, 16384]

  /// Launches of prompts alone and with single tokens, by the law of ``SyntheticProfile``, and all
  /// else that a step needs.
  private static func profile(
    without isMissing: (OperatorShape) -> Bool = { _ in false }
  ) -> Profile {
    var shapes: [OperatorShape] = []
    for tokens in tokens {
      for prefix in prefixes {
        shapes.append(
          .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: .fp16))
        for sequences in sequences {
          shapes += contexts.map {
            .mixedAttention(
              tokens: tokens, prefix: prefix, sequences: sequences, context: $0, heads: heads,
              format: .fp16)
          }
        }
      }
    }
    let points = shapes.filter { !isMissing($0) }.map {
      Measurement(
        shape: $0, isHeldOut: false, timesNs: [Int64(SyntheticProfile.time($0).rounded())])
    }
    let base = SyntheticProfile.profile(formats: [.fp16])
    return Profile(
      provenance: .imported, device: base.device, measuredAtUTC: base.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: base.readBytesPerSecond,
      measurements: base.measurements.filter {
        ![.append, .prefillAttention].contains($0.shape.kind)
      } + points)
  }

  private static func model(_ profile: Profile) throws -> LaunchedAttentionModel {
    try #require(try LaunchedAttentionModel(format: .fp16, heads: heads, profile: profile))
  }

  private static func law(_ tokens: Int, _ prefix: Int, _ sequences: Int, _ context: Int) -> Double
  {
    SyntheticProfile.time(
      .mixedAttention(
        tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
        format: .fp16))
  }

  @Test("A law that is linear in each of the four quantities is met between the points")
  func meetsLinearLaws() throws {
    let model = try Self.model(Self.profile())
    var random = SeededRandom(3)
    for _ in 0..<500 {
      let tokens = Int.random(in: 16...2048, using: &random)
      let prefix = Int.random(in: 0...8192, using: &random)
      let sequences = Int.random(in: 1...128, using: &random)
      let context = Int.random(in: 16...16384, using: &random)
      let time = model.predict(
        [PrefillChunk(tokens: tokens, prefix: prefix, endsPrompt: true)], sequences: sequences,
        contextTokens: sequences * context)
      #expect(time.basis == .interpolated)
      #expect(abs(time.ns / Self.law(tokens, prefix, sequences, context) - 1) < 1e-4)
    }
  }

  @Test("Chunks with longer prefixes than one has count as one with all their tokens and pairs")
  func chunksTogether() throws {
    let model = try Self.model(Self.profile())
    let chunks = [
      PrefillChunk(tokens: 100, prefix: 3000, endsPrompt: true),
      PrefillChunk(tokens: 300, prefix: 1000, endsPrompt: false),
    ]
    // 100 · 3000 + 100 · 101 / 2 + 300 · 1000 + 300 · 301 / 2 = 650,200 pairs; 400 tokens have
    // 80,200 among themselves, so that 570,000 are left for their prefix: 1,425 tokens.
    let together = model.predict(chunks, sequences: 8, contextTokens: 8 * 700)
    #expect(abs(together.ns / Self.law(400, 1425, 8, 700) - 1) < 1e-4)
  }

  @Test("Short prompts in one launch take less than one as long, and no less than the longest")
  func shortPrompts() throws {
    let model = try Self.model(Self.profile())
    let short = PrefillChunk(tokens: 256, prefix: 0, endsPrompt: true)
    let one = model.predict(
      [PrefillChunk(tokens: 1024, prefix: 0, endsPrompt: true)], sequences: 0, contextTokens: 0)
    let four = model.predict(Array(repeating: short, count: 4), sequences: 0, contextTokens: 0)
    let alone = model.predict([short], sequences: 0, contextTokens: 0)
    #expect(alone.ns <= four.ns && four.ns < one.ns)
  }

  @Test("Beyond the grid time grows in proportion to the query–key pairs, and says so")
  func beyondTheGrid() throws {
    let model = try Self.model(Self.profile())
    let chunk = PrefillChunk(tokens: 2048, prefix: 8192, endsPrompt: true)
    let edge = model.predict([chunk], sequences: 128, contextTokens: 128 * 16384)
    let beyond = model.predict([chunk], sequences: 256, contextTokens: 256 * 16384)
    let pairs = 2048.0 * 8192 + 2048 * 2049 / 2
    let decodes = 128.0 * 16384
    #expect(edge.basis == .interpolated && beyond.basis == .extrapolated)
    #expect(abs(beyond.ns / edge.ns - (pairs + 2 * decodes) / (pairs + decodes)) < 1e-6)
  }

  @Test("A point that was not measured takes what its lower neighbours bound it by")
  func missingPoints() throws {
    func isMissing(_ shape: OperatorShape) -> Bool {
      shape
        == .mixedAttention(
          tokens: 2048, prefix: 8192, sequences: 128, context: 16384, heads: Self.heads,
          format: .fp16)
    }
    let chunk = PrefillChunk(tokens: 2048, prefix: 8192, endsPrompt: true)
    let whole = try Self.model(Self.profile())
      .predict([chunk], sequences: 128, contextTokens: 128 * 16384)
    let lacking = try Self.model(Self.profile(without: isMissing))
      .predict([chunk], sequences: 128, contextTokens: 128 * 16384)
    let neighbours = [(256, 8192, 128, 16384), (2048, 512, 128, 16384), (2048, 8192, 16, 16384)]
      .map { Self.law($0.0, $0.1, $0.2, $0.3) }
    #expect(neighbours.allSatisfy { lacking.ns >= $0 * 0.9999 } && lacking.ns < whole.ns * 2)
  }

  @Test("A step's attention is one launch, and the cache is written as part of it")
  func steps() throws {
    let model = ModelArchitecture(
      name: "m", hiddenSize: 4096, intermediateSize: 12288, layers: 4, heads: Self.heads,
      vocabSize: 1000, maxPositions: 40_960, tiesEmbeddings: false)
    let pricer = try StepPricer(
      model: model, format: .fp16, profile: Self.profile(), maxSequences: 64, maxTokens: 512)
    let cost = pricer.cost(
      of: BatchShape(
        chunks: [PrefillChunk(tokens: 256, prefix: 512, endsPrompt: true)], decodeSequences: 16,
        contextTokens: 16 * 1024))
    let attention = cost.decodeAttentionNs + cost.prefillAttentionNs
    #expect(abs(Double(attention) / (4 * Self.law(256, 512, 16, 1024)) - 1) < 1e-4)
    #expect(cost.decodeAttentionNs > 0 && cost.prefillAttentionNs > 0 && cost.appendNs == 0)
    // Decodes alone are no mixed launch.
    let decodes = pricer.cost(of: BatchShape(decodeSequences: 16, contextTokens: 16 * 1024))
    let alone = SyntheticProfile.time(
      .decodeAttention(sequences: 16, context: 1024, heads: Self.heads, format: .fp16))
    #expect(abs(Double(decodes.decodeAttentionNs) / (4 * alone) - 1) < 1e-4)
  }
}
