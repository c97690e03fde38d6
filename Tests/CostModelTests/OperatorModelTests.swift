import Operators
import Testing

@testable import CostModel

@Suite("Operator models")
struct OperatorModelTests {
  private let profile = SyntheticProfile.profile()
  private let heads = SyntheticProfile.heads

  @Test("Measured points are predicted as measured")
  func measuredPoints() throws {
    for measurement in profile.measurements where !measurement.isHeldOut {
      let shape = measurement.shape
      let model = try OperatorModel(
        shape.kind, format: shape.format, heads: shape.heads, profile: profile)
      let prediction = model.predict(shape)
      #expect(abs(prediction.ns - Double(measurement.medianNs)) < 1e-6 * prediction.ns)
      #expect(prediction.basis == .interpolated)
    }
  }

  @Test("Laws linear in the driving quantity are met between the points too")
  func betweenPoints() throws {
    let shapes: [OperatorShape] = [
      .linear(tokens: 100, outputs: 6000, inputs: 4096),
      .append(tokens: 33, heads: heads, format: .int4),
      .decodeAttention(sequences: 10, context: 3000, heads: heads, format: .int4),
      .decodeAttention(sequences: 64, context: 17, heads: heads, format: .fp16),
      .prefillAttention(tokens: 100, prefix: 1000, heads: heads, format: .int4Rotated),
      .prefillAttention(tokens: 512, prefix: 0, heads: heads, format: .fp16),
    ]
    for shape in shapes {
      let model = try OperatorModel(
        shape.kind, format: shape.format, heads: shape.heads, profile: profile)
      let exact = SyntheticProfile.time(shape)
      #expect(abs(model.predict(shape).ns / exact - 1) < 1e-4, "\(shape)")
      #expect(model.predict(shape).basis == .interpolated)
    }
  }

  @Test("Beyond the points time grows with the work, and is called extrapolated")
  func beyondPoints() throws {
    let decode = try OperatorModel(
      .decodeAttention, format: .fp16, heads: heads, profile: profile)
    func ns(_ sequences: Int, _ context: Int) -> OperatorModel.Prediction {
      decode.predict(
        .decodeAttention(
          sequences: sequences, context: context, heads: heads, format: .fp16))
    }
    #expect(ns(64, 16384).ns == 2 * ns(64, 8192).ns)
    #expect(ns(128, 8192).ns == 2 * ns(64, 8192).ns)
    #expect(ns(64, 16384).basis == .extrapolated && ns(128, 100).basis == .extrapolated)
    let linear = try OperatorModel(.linear, format: nil, heads: nil, profile: profile)
    let half = linear.predict(.linear(tokens: 16, outputs: 512, inputs: 4096))
    let full = linear.predict(.linear(tokens: 16, outputs: 1024, inputs: 4096))
    #expect(half.ns == full.ns / 2 && half.basis == .extrapolated)
  }

  @Test("Decode attention of more heads of one kind is that of as many more sequences")
  func moreHeads() throws {
    let own = try OperatorModel(
      .decodeAttention, format: .int4, heads: heads, profile: profile)
    for (kvHeads, sequences, equal) in [(16, 4, 8), (4, 8, 4), (2, 3, 1)] {
      let asked = HeadGeometry(queryHeads: 4 * kvHeads, kvHeads: kvHeads, headDim: 128)
      let model = try OperatorModel(
        .decodeAttention, format: .int4, heads: asked, profile: profile)
      let time = model.predict(
        .decodeAttention(sequences: sequences, context: 1024, heads: asked, format: .int4))
      let measured = own.predict(
        .decodeAttention(sequences: equal, context: 1024, heads: heads, format: .int4))
      // Three sequences of two heads are fewer than one of eight, and take what that takes.
      #expect(model.isDerived && time.basis == .derived)
      #expect(time.ns == measured.ns)
      let piece = try #require(
        model.decodePieces(sequences: sequences).last { $0.start <= 1024 })
      let context = 1024 - piece.start
      #expect(abs(piece.startNs + piece.slope * context - measured.ns) < 1e-3)
    }
  }

  @Test("Other heads are derived from the nearest, by operations or bytes")
  func otherHeads() throws {
    // Half the head size has half the operations; of bytes a little more, metadata included.
    let narrow = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 64)
    let shape = OperatorShape.decodeAttention(
      sequences: 4, context: 1024, heads: heads, format: .int4)
    let model = try OperatorModel(
      .decodeAttention, format: .int4, heads: narrow, profile: profile)
    let own = try OperatorModel(
      .decodeAttention, format: .int4, heads: heads, profile: profile)
    let asked = model.predict(shape.with(heads: narrow))
    #expect(model.isDerived && asked.basis == .derived)
    let ratio = asked.ns / own.predict(shape).ns
    #expect(ratio > 0.5 && ratio < 0.56)
  }

  @Test("Writing the cache of more or fewer heads is writing as many more or fewer tokens")
  func appendOfOtherHeads() throws {
    let own = try OperatorModel(.append, format: .int4, heads: heads, profile: profile)
    for (kvHeads, tokens, equal) in [(16, 8, 16), (4, 64, 32), (2, 4, 1)] {
      let asked = HeadGeometry(queryHeads: 4 * kvHeads, kvHeads: kvHeads, headDim: 128)
      let model = try OperatorModel(.append, format: .int4, heads: asked, profile: profile)
      let time = model.predict(.append(tokens: tokens, heads: asked, format: .int4))
      #expect(time.basis == .derived)
      #expect(time.ns == own.predict(.append(tokens: equal, heads: heads, format: .int4)).ns)
    }
  }

  @Test("Rows of a width beyond those measured are as many elements of the nearest width")
  func elementwiseWidths() throws {
    let points = [1024, 4096].flatMap { width in
      [1, 64, 1024].map { rows in
        let shape = OperatorShape.elementwise(.activation, rows: rows, width: width)
        return Measurement(
          shape: shape, isHeldOut: false,
          timesNs: [Int64(SyntheticProfile.time(shape).rounded())])
      }
    }
    let model = try OperatorModel(
      .elementwise(.activation), format: nil, heads: nil,
      profile: profile.with(measurements: profile.measurements + points))
    func time(_ rows: Int, _ width: Int) -> OperatorModel.Prediction {
      model.predict(.elementwise(.activation, rows: rows, width: width))
    }
    #expect(time(128, 512).ns == time(64, 1024).ns && time(128, 512).basis == .extrapolated)
    #expect(time(32, 8192).ns == time(64, 4096).ns && time(32, 8192).basis == .extrapolated)
    // A row is no less work than the call that it takes.
    #expect(time(1, 16).ns == time(1, 1024).ns)
    // Between measured widths the law is met: 1 µs and 0.01 ns an element.
    #expect(abs(time(64, 2048).ns - (1_000 + 0.01 * 64 * 2048)) < 2)
    #expect(time(64, 2048).basis == .interpolated)
  }

  @Test("Between two widths a small operator's time is that of as many elements")
  func elementsOfWidths() throws {
    // 1 µs as long as a cache holds the rows, then 1 ns an element: a kink at 2^20 elements.
    func law(_ rows: Int, _ width: Int) -> Double { max(1000, Double(rows * width - (1 << 20))) }
    let points = [1024, 2048, 4096].flatMap { width in
      [1, (1 << 20) / width, (1 << 21) / width, 2048].map { rows in
        Measurement(
          shape: .elementwise(.norm, rows: rows, width: width), isHeldOut: false,
          timesNs: [Int64(law(rows, width))])
      }
    }
    let model = try OperatorModel(
      .elementwise(.norm), format: nil, heads: nil,
      profile: profile.with(measurements: points))
    for (rows, width) in [(100, 3072), (341, 3072), (600, 3072), (600, 1536), (1300, 1536)] {
      let time = model.predict(.elementwise(.norm, rows: rows, width: width))
      #expect(abs(time.ns / law(rows, width) - 1) < 0.002 && time.basis == .interpolated)
    }
    // As many rows as the wider curve has: the narrower one goes on in proportion.
    let last = model.predict(.elementwise(.norm, rows: 2048, width: 3072))
    #expect(last.basis == .interpolated && last.ns > law(2048, 2048))
    let beyond = model.predict(.elementwise(.norm, rows: 2049, width: 3072))
    #expect(beyond.basis == .extrapolated)
  }

  /// The profile with held-out points that took so many times as long.
  private func heldOutTimes(times factor: Int64) -> Profile {
    Profile(
      provenance: profile.provenance, device: profile.device,
      measuredAtUTC: profile.measuredAtUTC, blockSize: profile.blockSize,
      readBytesPerSecond: profile.readBytesPerSecond,
      measurements: profile.measurements.map {
        $0.isHeldOut
          ? Measurement(shape: $0.shape, isHeldOut: true, timesNs: [$0.medianNs * factor]) : $0
      })
  }

  @Test("Held-out points change no prediction")
  func heldOutPointsAreNotSeen() throws {
    let damaged = heldOutTimes(times: 3)
    let shape = OperatorShape.linear(tokens: 100, outputs: 4608, inputs: 4096)
    let before = try OperatorModel(.linear, format: nil, heads: nil, profile: profile)
    let after = try OperatorModel(.linear, format: nil, heads: nil, profile: damaged)
    #expect(before.predict(shape) == after.predict(shape))
    let residuals = try #require(try damaged.residuals().first { $0.kind == .linear })
    #expect(abs(residuals.medianError - 2.0 / 3) < 1e-3)
  }

  @Test("Held-out points come in the order of measuring, their errors with a sign")
  func heldOutPoints() throws {
    let doubled = heldOutTimes(times: 2)
    let points = try doubled.heldOutPoints()
    #expect(points.map(\.measurement) == doubled.measurements.filter(\.isHeldOut))
    #expect(points.allSatisfy { abs($0.error + 0.5) < 1e-3 })
    let model = try OperatorModel(.linear, format: nil, heads: nil, profile: doubled)
    let first = try #require(points.first { $0.measurement.shape.kind == .linear })
    #expect(first.predictedNs == model.predict(first.measurement.shape).ns)
  }

  @Test("Residuals of a law that the model follows are near nothing, per operator and format")
  func residuals() throws {
    let residuals = try profile.residuals()
    #expect(
      residuals.map { "\($0.kind.name) \($0.format?.name ?? "-") \($0.points)" } == [
        "linear - 3", "decode_attention fp16 4", "decode_attention int4 4",
        "decode_attention int4-rotated 4",
      ])
    #expect(residuals.allSatisfy { $0.p95Error < 1e-3 })
  }

  @Test("An operator that was not measured in a format is refused by name")
  func notMeasured() {
    let poor = SyntheticProfile.profile(formats: [.fp16])
    #expect(throws: ProfileError.notMeasured(.append, .int4)) {
      try OperatorModel(
        .append, format: .int4, heads: SyntheticProfile.heads, profile: poor)
    }
  }
}
