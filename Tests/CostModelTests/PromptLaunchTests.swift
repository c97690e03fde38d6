import Operators
import TestSupport
import Testing

@testable import CostModel

/// Prompts whose chunks share a launch, and caches that have to be read back before.
@Suite("Launches of prompt attention")
struct PromptLaunchTests {
  private static let layers = 4
  private static let heads = SyntheticProfile.heads
  private static let model = ModelArchitecture(
    name: "m", hiddenSize: 4096, intermediateSize: 12288, layers: layers, heads: heads,
    vocabSize: 1000, maxPositions: 40_960, tiesEmbeddings: false)

  /// The synthetic profile, without points after a prefix or with times of gathering.
  private static func profile(
    withoutPrefix: Bool = false, sharing: Bool, gathering: Bool = false
  ) -> Profile {
    let base = SyntheticProfile.profile()
    var points = base.measurements.filter { point in
      guard withoutPrefix, case .prefillAttention(_, let prefix, _, _) = point.shape else {
        return true
      }
      return prefix == 0
    }
    if gathering {
      points += [1, 64, 8192].map { tokens in
        let shape = OperatorShape.gather(
          tokens: tokens, heads: heads.withoutGroups, format: .int4)
        return Measurement(
          shape: shape, isHeldOut: false, timesNs: [Int64(SyntheticProfile.time(shape))])
      }
    }
    return Profile(
      provenance: .imported, device: base.device, measuredAtUTC: base.measuredAtUTC,
      blockSize: base.blockSize, readBytesPerSecond: base.readBytesPerSecond,
      chunksShareLaunch: sharing, measurements: points)
  }

  private static func attentionNs(
    _ profile: Profile, _ chunks: [PrefillChunk], format: KVFormat = .int4
  ) throws -> Double {
    let pricer = try StepPricer(
      model: model, format: format, profile: profile, maxSequences: 8, maxTokens: 4096)
    return Double(pricer.cost(of: BatchShape(chunks: chunks)).prefillAttentionNs)
      / Double(layers)
  }

  private static func chunk(_ tokens: Int, after prefix: Int = 0) -> PrefillChunk {
    PrefillChunk(tokens: tokens, prefix: prefix, endsPrompt: true)
  }

  /// The synthetic law: 5 µs a launch, 0.05 ns a pair and query head.
  private static func law(launches: Int, pairs: Int) -> Double {
    Double(5_000 * launches) + 0.05 * Double(pairs * heads.queryHeads)
  }

  @Test("Chunks that share a launch cost one launch and all their pairs; others a launch each")
  func sharing() throws {
    let chunks = [Self.chunk(100), Self.chunk(300), Self.chunk(20)]
    let pairs = 100 * 101 / 2 + 300 * 301 / 2 + 20 * 21 / 2
    let together = try Self.attentionNs(Self.profile(sharing: true), chunks)
    #expect(abs(together - Self.law(launches: 1, pairs: pairs)) < 3)
    let apart = try Self.attentionNs(Self.profile(sharing: false), chunks)
    #expect(abs(apart - Self.law(launches: 3, pairs: pairs)) < 3)
  }

  @Test("Where prefixes were measured, a shared launch has the mean prefix of its chunks")
  func sharedPrefix() throws {
    let chunks = [Self.chunk(128, after: 1000), Self.chunk(128, after: 3000)]
    let pairs = 2 * 128 * 129 / 2 + 128 * 4000
    let together = try Self.attentionNs(Self.profile(sharing: true), chunks)
    #expect(abs(together - Self.law(launches: 1, pairs: pairs)) < 3)
  }

  @Test("Where no prefix was measured, time is linear in the pairs, and extrapolated")
  func withoutPrefix() throws {
    let profile = Self.profile(withoutPrefix: true, sharing: false)
    let pairs = 16 * 20_000 + 16 * 17 / 2
    let time = try Self.attentionNs(profile, [Self.chunk(16, after: 20_000)])
    #expect(abs(time - Self.law(launches: 1, pairs: pairs)) < 3)
    let model = try OperatorModel(
      .prefillAttention, format: .int4, heads: Self.heads, profile: profile)
    func basis(_ prefix: Int) -> Basis {
      model.predict(
        .prefillAttention(tokens: 16, prefix: prefix, heads: Self.heads, format: .int4)
      ).basis
    }
    #expect(basis(20_000) == .extrapolated)
    #expect(basis(0) == .interpolated)
  }

  @Test("A prefix is read back with the chunk behind it, once a launch, where that was measured")
  func gathering() throws {
    func gather(_ tokens: Int) -> Double { 2_000 + 40 * Double(tokens) }
    let chunks = [Self.chunk(128, after: 1000), Self.chunk(100), Self.chunk(64, after: 512)]
    for isShared in [true, false] {
      let with = try Self.attentionNs(
        Self.profile(sharing: isShared, gathering: true), chunks)
      let without = try Self.attentionNs(Self.profile(sharing: isShared), chunks)
      let expected = isShared ? gather(1128 + 576) : gather(1128) + gather(576)
      #expect(abs(with - without - expected) < 3)
    }
    // Nothing of it in a format that has no such times, or without a prefix.
    let profile = Self.profile(sharing: true, gathering: true)
    let plain = Self.profile(sharing: true)
    #expect(
      try Self.attentionNs(profile, chunks, format: .fp16)
        == Self.attentionNs(plain, chunks, format: .fp16))
    #expect(
      try Self.attentionNs(profile, [Self.chunk(100)])
        == Self.attentionNs(plain, [Self.chunk(100)]))
  }

  @Test("The parts of a step add up to its price", arguments: [true, false])
  func partsAddUp(isShared: Bool) throws {
    let profile = Self.profile(sharing: isShared, gathering: true)
    let pricer = try StepPricer(
      model: Self.model, format: .int4, profile: profile, maxSequences: 64, maxTokens: 4096)
    var random = SeededRandom(11)
    for _ in 0..<100 {
      let chunks = (0..<Int.random(in: 1...4, using: &random)).map { _ in
        Self.chunk(
          Int.random(in: 1...600, using: &random),
          after: Bool.random(using: &random) ? 0 : Int.random(in: 1...3000, using: &random))
      }
      let batch = BatchShape(chunks: chunks)
      let breakdown = try StepBreakdown(
        of: batch, model: Self.model, format: .int4, profile: profile)
      #expect(abs(breakdown.ns - Double(pricer.cost(of: batch).totalNs)) < 10)
    }
  }

  @Test("A wider scale and zero is a format of its own under the same name")
  func metadata() {
    let wide = KVFormat.int4.with(metadataBytesPerVector: 8)
    #expect(wide.name == "int4" && wide != .int4)
    // 128 elements: 64 bytes of codes and 8 of metadata, for K and for V.
    #expect(HeadGeometry(queryHeads: 4, kvHeads: 1, headDim: 128).kvBytesPerToken(wide) == 144)
    #expect(KVFormat.fp16.with(metadataBytesPerVector: 8) == .fp16)
    let profile = SyntheticProfile.profile(formats: [.fp16, wide])
    #expect(profile.formats == [.fp16, wide])
    #expect(profile.format(named: "int4") == wide && profile.format(named: "int4-rotated") == nil)
    // Compared with narrower ones by the name.
    let rows = ProfileComparison(SyntheticProfile.profile(), profile).rows
    #expect(rows.allSatisfy { $0.missing == 0 })
    #expect(rows.contains { $0.format == wide && $0.equalShapes > 0 })
  }
}
