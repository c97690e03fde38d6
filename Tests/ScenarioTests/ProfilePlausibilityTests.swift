import CostModel
import Operators
import Testing

@testable import Scenario

@Suite("Plausibility of a profile's times")
struct ProfilePlausibilityTests {
  private static func linear(_ tokens: Int, _ ns: Int64, outputs: Int = 64) -> Measurement {
    Measurement(
      shape: .linear(tokens: tokens, outputs: outputs, inputs: 64), isHeldOut: false,
      timesNs: [ns])
  }

  private static func findings(
    _ points: [Measurement], _ provenance: Profile.Provenance = .measured,
    memory: ProfilePlausibility.Memory? = nil
  ) -> [ProfilePlausibility.Finding] {
    ProfilePlausibility(points, provenance: provenance, memory: memory).findings
  }

  @Test("Times may fall to a quarter as the work grows, and no further")
  func quarter() {
    let fine = [Self.linear(1, 1000), Self.linear(2, 400), Self.linear(4, 250)]
    #expect(Self.findings(fine).isEmpty)
    let wrong = fine + [Self.linear(8, 249)]
    let findings = Self.findings(wrong)
    #expect(findings.map(\.index) == [3])
    #expect(
      findings[0].message.hasPrefix("takes 249 ns with 8 `tokens`, but 1000 ns with 1 of the same"))
    #expect(!findings[0].message.contains("unit "))
    // Scaling steepens falls.
    #expect(Self.findings(wrong, .derived).isEmpty)
  }

  @Test("Each curve is judged by itself, and has one finding, whatever order its points have")
  func curves() {
    let points = [
      Self.linear(16, 10), Self.linear(8, 20), Self.linear(1, 1000),
      Self.linear(1, 100_000, outputs: 128),
      Self.linear(2, 90_000, outputs: 128),
    ]
    // Of the first layer, 8 tokens come first in the order of sizes.
    #expect(Self.findings(points).map(\.index) == [1])
  }

  private static let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)

  /// For each size of each operator a shape, and one with as much more of it alone.
  static let axes: [(name: String, less: OperatorShape, more: OperatorShape)] = [
    ("tokens", linear(2, 64, 64), linear(4, 64, 64)),
    ("outputs", linear(2, 64, 64), linear(2, 128, 64)),
    ("inputs", linear(2, 64, 64), linear(2, 64, 128)),
    (
      "tokens", .append(tokens: 2, heads: heads, format: .int4),
      .append(tokens: 4, heads: heads, format: .int4)
    ),
    (
      "tokens", .gather(tokens: 2, heads: heads, format: .int4),
      .gather(tokens: 4, heads: heads, format: .int4)
    ),
    ("sequences", decode(2, 64), decode(4, 64)), ("context", decode(2, 64), decode(2, 128)),
    ("sequences", ragged(2, 64, 96), ragged(4, 64, 96)),
    ("context", ragged(4, 64, 96), ragged(4, 80, 96)),
    ("longest", ragged(4, 64, 96), ragged(4, 64, 128)),
    ("tokens", prefill(2, 0), prefill(4, 0)), ("prefix", prefill(2, 0), prefill(2, 64)),
    ("tokens", mixed(2, 0, 2, 64), mixed(4, 0, 2, 64)),
    ("prefix", mixed(2, 0, 2, 64), mixed(2, 1, 2, 64)),
    ("sequences", mixed(2, 0, 2, 64), mixed(2, 0, 4, 64)),
    ("context", mixed(2, 0, 2, 64), mixed(2, 0, 2, 128)),
    ("tokens", experts(2, 2), experts(4, 2)), ("active", experts(4, 2), experts(4, 4)),
    ("rows", .elementwise(.norm, rows: 2, width: 64), .elementwise(.norm, rows: 4, width: 64)),
    ("width", .elementwise(.norm, rows: 2, width: 64), .elementwise(.norm, rows: 2, width: 96)),
  ]

  private static func linear(_ tokens: Int, _ outputs: Int, _ inputs: Int) -> OperatorShape {
    .linear(tokens: tokens, outputs: outputs, inputs: inputs)
  }

  private static func decode(_ sequences: Int, _ context: Int) -> OperatorShape {
    .decodeAttention(sequences: sequences, context: context, heads: heads, format: .fp16)
  }

  private static func ragged(_ sequences: Int, _ context: Int, _ longest: Int) -> OperatorShape {
    .raggedDecode(
      RaggedBatch(sequences: sequences, context: context, longest: longest), heads: heads,
      format: .fp16)
  }

  private static func prefill(_ tokens: Int, _ prefix: Int) -> OperatorShape {
    .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: .fp16)
  }

  private static func mixed(
    _ tokens: Int, _ prefix: Int, _ sequences: Int, _ context: Int
  ) -> OperatorShape {
    .mixedAttention(
      tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
      format: .fp16)
  }

  private static func experts(_ tokens: Int, _ active: Int) -> OperatorShape {
    .experts(
      tokens: tokens, active: active, layer: ExpertShape(perToken: 2, inputs: 64, width: 32))
  }

  @Test("Times are looked along each size of each operator", arguments: axes.indices)
  func alongEachAxis(_ index: Int) {
    let axis = Self.axes[index]
    func points(_ less: Int64, _ more: Int64) -> [Measurement] {
      [
        Measurement(shape: axis.more, isHeldOut: false, timesNs: [more]),
        Measurement(shape: axis.less, isHeldOut: true, timesNs: [less]),
      ]
    }
    #expect(Self.findings(points(1000, 250)).isEmpty)
    let findings = Self.findings(points(1000, 249))
    #expect(findings.map(\.index) == [0])
    #expect(findings.first?.message.contains("`\(axis.name)`, but 1000 ns") ?? false)
  }

  @Test("Shapes that differ in more than one size, in heads or in format are never compared")
  func incomparable() {
    let shapes: [OperatorShape] = [
      Self.linear(1, 64, 64), Self.linear(2, 128, 64), Self.decode(64, 64), Self.decode(128, 128),
      .decodeAttention(
        sequences: 64, context: 128,
        heads: HeadGeometry(queryHeads: 32, kvHeads: 4, headDim: 128), format: .fp16),
      .decodeAttention(sequences: 128, context: 64, heads: Self.heads, format: .int4),
      // Two sizes of one operator are no three of another.
      Self.mixed(64, 64, 64, 64), Self.prefill(64, 128), .elementwise(.norm, rows: 1, width: 128),
      .elementwise(.finalNorm, rows: 1, width: 256),
    ]
    let points = shapes.enumerated().map { index, shape in
      Measurement(shape: shape, isHeldOut: false, timesNs: [[1_000_000_000, 1][index % 2]])
    }
    #expect(Self.findings(points).isEmpty)
    #expect(Self.findings(points.reversed()).isEmpty)
  }

  @Test("What no cache holds is read at up to three times the plain read, and no faster")
  func reads() {
    // 2 bytes a weight and 4 an activation: 2^29 and 2^17 bytes.
    let shape = Self.linear(1, 1 << 14, 1 << 14)
    #expect(shape.bytes == 1 << 29 + 1 << 17)
    func findings(_ ns: Int64, cache: Int) -> [String] {
      Self.findings(
        [Measurement(shape: shape, isHeldOut: false, timesNs: [ns])], .derived,
        memory: ProfilePlausibility.Memory(
          readBytesPerSecond: 1_000_000_000_000, lastLevelCacheBytes: cache)
      ).map(\.message)
    }
    // At 1,000 bytes a nanosecond a third of 537,002 ns.
    for cache in [0, 1 << 26] {
      #expect(findings(179_001, cache: cache).isEmpty)
      let tooFast = findings(179_000, cache: cache)
      #expect(tooFast.count == 1 && tooFast[0].contains("3 times as fast as a plain read"))
      #expect(!tooFast[0].contains("unit "))
    }
    // Four times this cache is more than the layer has.
    #expect(findings(1, cache: 1 << 28).isEmpty)
    #expect(findings(537, cache: 0)[0].contains("1000 times as fast"))
    #expect(findings(537, cache: 0)[0].contains("a wrong unit makes a factor of a thousand"))
  }

  @Test("Of imported times the shortest come within a hundredth of the plain read")
  func slowness() {
    let memory = ProfilePlausibility.Memory(
      readBytesPerSecond: 1_000_000_000_000, lastLevelCacheBytes: 0)
    func findings(_ ns: Int64, _ provenance: Profile.Provenance = .imported) -> [String] {
      let points = [
        Measurement(shape: Self.linear(1, 1 << 14, 1 << 14), isHeldOut: false, timesNs: [ns]),
        // Fewer than 2^20 bytes, and slower.
        Measurement(shape: Self.linear(1, 256, 256), isHeldOut: false, timesNs: [1000]),
        Measurement(
          shape: Self.linear(1 << 12, 1 << 14, 1 << 14), isHeldOut: false, timesNs: [ns * 4096]),
      ]
      return Self.findings(points, provenance, memory: memory).map(\.message)
    }
    // 537 MB at 10 bytes a nanosecond.
    #expect(findings(53_700_000).isEmpty)
    let slow = findings(53_800_000)
    #expect(slow.count == 1 && slow[0].hasPrefix("takes 53800000 ns, the fewest for the bytes"))
    #expect(slow[0].contains("is 100 times as fast: some call comes within a hundredth"))
    #expect(findings(1_000_000_000)[0].contains("a wrong unit makes a factor of a thousand"))
    #expect(findings(53_800_000, .measured).isEmpty)
  }

  @Test("Of each operator one point that is too fast is named")
  func readsOnce() {
    let points = (14...16).map {
      Measurement(shape: Self.linear(1, 1 << $0, 1 << 14), isHeldOut: false, timesNs: [1 << $0])
    }
    let memory = ProfilePlausibility.Memory(
      readBytesPerSecond: 1_000_000_000_000, lastLevelCacheBytes: 0)
    #expect(Self.findings(points, memory: memory).map(\.index) == [0])
  }

  @Test("A profile with such times is refused at the point's place")
  func refused() throws {
    var points = Fixture.measurements(repeats: 1)
    points.append(
      Measurement(
        shape: .linear(tokens: 2, outputs: 4096, inputs: 4096), isHeldOut: false, timesNs: [100]))
    let good = Fixture.syntheticProfile
    let profile = Profile(
      provenance: .measured, device: good.device, measuredAtUTC: good.measuredAtUTC,
      blockSize: 16, readBytesPerSecond: 1, measurements: points)
    let errors = try Fixture.errors("profile.json", ProfileFile.encode(profile))
    #expect(errors.count == 1)
    #expect(
      errors[0].hasPrefix(
        "profile.json:26:5: error: measurements[10]: takes 100 ns with 2 `tokens`, but "
          + "100007 ns with 1"),
      "\(errors)")
  }
}
