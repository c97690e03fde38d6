import Kernels
import Operators
import TestSupport
import Testing

@testable import KernelStudies

/// Laws of the study: what must hold whatever the draws.
@Suite struct AccuracyStudyTests {
  private static func outliers(headDim: Int, seed: UInt64 = 1) -> OutlierGenerator {
    OutlierGenerator(
      tokens: 96, heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: headDim),
      queryTokens: 4, seed: seed)
  }

  private func run(_ sample: KVSample) throws -> AccuracyResult {
    try AccuracyStudy(sample, backend: CPUBackend(threads: 1)).run()
  }

  private func error(
    _ result: AccuracyResult, _ format: KVFormat, _ figure: KeyPath<FormatAccuracy, Double?>
  ) throws -> Double {
    try #require(result.formats.first { $0.format == format }?[keyPath: figure])
  }

  @Test("the formats are FP16, INT4 and every order that divides the head dimension")
  func formats() {
    #expect(
      AccuracyStudy.formats(headDim: 80).map(\.name) == [
        "fp16", "int4", "int4-rotated-16", "int4-rotated-16-kv",
      ])
    #expect(AccuracyStudy.formats(headDim: 128).map(\.name).contains("int4-rotated"))
    #expect(AccuracyStudy.formats(headDim: 256).count == 12)
  }

  @Test("on keys with outlier channels plain INT4 fails and every rotation is better")
  func outlierKeys() throws {
    for headDim in [64, 128] {
      let result = try run(AccuracyStudyTests.outliers(headDim: headDim).sample())
      let plain = try error(result, .int4, \.outputError)
      print("accuracy, head_dim \(headDim): \(result.verdict)")
      #expect(plain > 0.5)
      for row in result.formats where row.format.rotation.map({ $0.order >= 32 }) == true {
        for figure in [\FormatAccuracy.keyError, \.logitError, \.centredLogitError, \.outputError] {
          #expect(row[keyPath: figure]! < (try error(result, .int4, figure)), "\(row.format.name)")
        }
        #expect(row.outputError! < 0.5 * plain, "\(row.format.name)")
        #expect(row.outlierChannelShare == 0)
      }
      let expected = Double(OutlierGenerator.outlierChannels(headDim: headDim)) / Double(headDim)
      #expect(result.formats[1].outlierChannelShare == expected)
      #expect(result.bestFourBit?.format.rotation != nil)
      #expect(result.verdict.contains("times less than plain int4"))
    }
  }

  @Test("FP16 rounds: no more than 2^-11 of any norm that it stores")
  func halfPrecision() throws {
    let result = try run(AccuracyStudyTests.outliers(headDim: 64).sample())
    let (keys, values) = (
      try error(result, .fp16, \.keyError), try error(result, .fp16, \.valueError)
    )
    // Uniform within half a step: some 0.4 of the bound in the root of the mean square.
    #expect((0x1p-13...0x1p-11).contains(keys) && (0x1p-13...0x1p-11).contains(values))
    #expect(try error(result, .fp16, \.outputError) < 0.01)
  }

  @Test("FP16 reads each element back within 2^-11 of it, or half the least step")
  func halfPrecisionElements() throws {
    var generator = AccuracyStudyTests.outliers(headDim: 64)
    generator.heads = HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 64)
    let sample = generator.sample()
    let study = AccuracyStudy(sample, backend: try CPUBackend(threads: 1))
    let (keys, values) = try study.stored(.fp16, keys: sample.keys, values: sample.values)
    for (stored, exact) in [(keys, sample.keys), (values, sample.values)] {
      #expect(
        zip(stored, exact).allSatisfy { stored, exact in
          (stored - exact).magnitude <= max(0x1p-11 * exact.magnitude, 0x1p-25)
        })
    }
  }

  @Test("normal keys: no four-bit format is far from another")
  func normalKeys() throws {
    var random = SeededRandom(5)
    let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)
    let result = try run(
      KVSample(
        keys: random.normals(64 * 64), values: random.normals(64 * 64),
        queries: random.normals(4 * 128), tokens: 64, queryTokens: 4, heads: heads))
    let errors = result.formats.dropFirst().map { $0.outputError! }
    #expect(errors.max()! < 2 * errors.min()!)
    for row in result.formats.dropFirst() {
      #expect((0.05...0.15).contains(row.keyError!) && (0.05...0.15).contains(row.valueError!))
      #expect(row.outlierChannelShare == 0)
    }
  }

  @Test("values rotate in -kv formats alone, and keys alike in both")
  func valueRotation() throws {
    let result = try run(AccuracyStudyTests.outliers(headDim: 64).sample())
    for order in [16, 32, 64] {
      let (one, both) = (
        KVFormat.int4.rotated(by: order, includesValues: false),
        KVFormat.int4.rotated(by: order, includesValues: true)
      )
      #expect(try error(result, one, \.keyError) == error(result, both, \.keyError))
      #expect(try error(result, one, \.logitError) == error(result, both, \.logitError))
      #expect(try error(result, one, \.valueError) == error(result, .int4, \.valueError))
      #expect(try error(result, both, \.valueError) != error(result, .int4, \.valueError))
    }
  }

  @Test("queries do not touch the errors of K and V; scaling values scales nothing")
  func invariants() throws {
    let sample = AccuracyStudyTests.outliers(headDim: 64).sample()
    func variant(queries: [Float]? = nil, values: [Float]? = nil) throws -> AccuracyResult {
      try run(
        KVSample(
          keys: sample.keys, values: values ?? sample.values, queries: queries ?? sample.queries,
          tokens: sample.tokens, queryTokens: sample.queryTokens, heads: sample.heads))
    }
    let first = try run(sample)
    let others = try variant(queries: sample.queries.map { -0.5 * $0 })
    let larger = try variant(values: sample.values.map { 4 * $0 })
    for (index, row) in first.formats.enumerated() {
      #expect(others.formats[index].keyError == row.keyError)
      #expect(others.formats[index].valueError == row.valueError)
      // A power of two scales halves, scales and zeros without rounding.
      #expect(abs(others.formats[index].logitError! - row.logitError!) < 1e-12)
      #expect(larger.formats[index].logitError == row.logitError)
      #expect(abs(larger.formats[index].outputError! - row.outputError!) < 1e-3)
    }
  }

  @Test("zeros have no relative error, and the verdict says that they show nothing")
  func zeros() throws {
    let zeros = [Float](repeating: 0, count: 16 * 16)
    let result = try run(
      KVSample(
        keys: zeros, values: zeros, queries: zeros, tokens: 16, queryTokens: 16,
        heads: HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 16)))
    #expect(result.formats.allSatisfy { $0.keyError == nil && $0.outputError == nil })
    #expect(result.verdict.contains("shows nothing"))
  }

  @Test("a seed gives the same sample, another seed another; purposes have streams of their own")
  func seeds() {
    let sample = AccuracyStudyTests.outliers(headDim: 64).sample()
    let again = AccuracyStudyTests.outliers(headDim: 64).sample()
    let other = AccuracyStudyTests.outliers(headDim: 64, seed: 2).sample()
    #expect(sample.keys == again.keys && sample.queries == again.queries)
    #expect(sample.keys != other.keys && sample.values != other.values)
    #expect(sample.values[0] != sample.queries[0])
    var stream = GaussianStream(seed: 3, purpose: .keys)
    let draws = (0..<20_000).map { _ in stream.normal() }
    let mean = draws.reduce(0, +) / 20_000
    let variance = draws.reduce(0) { $0 + $1 * $1 } / 20_000
    // Four standard errors.
    #expect(abs(mean) < 4 / 141.4 && abs(variance - 1) < 4 * 0.01)
  }

  @Test("three significant digits, whatever the size")
  func digits() {
    let texts = [0, 0.0123, 0.999, 4.335, 9.996, 15.04, 99.97, 152.4, 12_345].map(
      AccuracyResult.digits)
    #expect(texts == ["0", "0.0123", "0.999", "4.34", "10.0", "15.0", "100", "152", "12345"])
  }
}
