import Glibc
import Kernels
import Operators
import TestSupport
import Testing

@testable import KernelStudies

/// The attention that formats are held against, what threads do to it, and how it is judged.
@Suite struct AccuracyAttentionTests {
  private static let generator = OutlierGenerator(
    tokens: 96, heads: HeadGeometry(queryHeads: 6, kvHeads: 2, headDim: 64), queryTokens: 5,
    seed: 3)

  @Test("the exact attention is the textbook's")
  func textbook() {
    let rows: [Float] = (0..<32).map { $0 < 16 ? 1 : 0 }
    let sample = KVSample(
      keys: rows, values: rows, queries: Array(rows[..<16]), tokens: 2, queryTokens: 1,
      heads: HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 16))
    let vectors = HeadVectors(rows, headDim: 16)
    let attention = ExactAttention(
      keys: vectors, values: vectors, rule: LogitRule(headDim: 16))
    let logits = attention.logits(Asks(sample, head: 0), 0..<1)
    #expect(logits == [[4, 0]])
    let weight = 1 / (1 + 0.018_315_638_888_734_18)
    #expect(abs(attention.outputs(logits)[0][0][0] - weight) < 1e-15)
  }

  @Test("blocks and tiles: every ask gets what a plain loop gives it", arguments: [nil, 2.0])
  func plainLoop(cap: Double?) {
    let sample = AccuracyAttentionTests.generator.sample()
    let (width, heads, tokens) = (64, sample.heads, sample.tokens)
    let rule = LogitRule(headDim: width, scale: 0.25, softCap: cap)
    for head in 0..<heads.kvHeads {
      func vectors(_ rows: [Float]) -> HeadVectors {
        HeadVectors(
          sample.vectors(rows, of: heads.kvHeads, heads: head..<head + 1), headDim: width)
      }
      let attention = ExactAttention(
        keys: vectors(sample.keys), values: vectors(sample.values), rule: rule)
      let asks = Asks(sample, head: head)
      for block in ExactBlock.batches(asks: asks.count, tokens: tokens).joined() {
        let logits = attention.logits(asks, block)
        let outputs = attention.outputs(logits)
        for (index, ask) in block.enumerated() {
          let (query, queryHead) = (ask / 3, head * 3 + ask % 3)
          func element(_ rows: [Float], _ row: Int, _ count: Int, _ head: Int, _ i: Int) -> Double {
            Double(rows[(row * count + head) * width + i])
          }
          let expected = (0..<tokens - 4 + query).map { token in
            let dot = (0..<width).reduce(0.0) {
              $0 + element(sample.queries, query, 6, queryHead, $1)
                * element(sample.keys, token, 2, head, $1)
            }
            return cap.map { $0 * tanh(0.25 * dot / $0) } ?? 0.25 * dot
          }
          #expect(logits[index].count == expected.count)
          #expect(zip(logits[index], expected).allSatisfy { abs($0 - $1) < 1e-11 * (1 + abs($1)) })
          let total = expected.reduce(0) { $0 + exp($1 - expected.max()!) }
          let first = expected.enumerated().reduce(0.0) {
            $0 + exp($1.element - expected.max()!) / total
              * element(sample.values, $1.offset, 2, head, 0)
          }
          #expect(abs(outputs[index][0][0] - first) < 1e-9)
        }
      }
    }
  }

  @Test("figures are the same to the bit whatever the number of threads")
  func threads() throws {
    let sample = AccuracyAttentionTests.generator.sample()
    func figures(_ threads: Int) throws -> [[Double?]] {
      try AccuracyStudy(sample, backend: CPUBackend(threads: 1), threads: threads).run().formats
        .map { [$0.keyError, $0.logitError, $0.centredLogitError, $0.outputError] }
    }
    let one = try figures(1)
    for threads in [2, 3, 5] { #expect(try figures(threads) == one) }
  }

  @Test("heads come back from a page of their own as from one that they share")
  func headsApart() throws {
    let sample = AccuracyAttentionTests.generator.sample()
    let backend = try CPUBackend(threads: 1)
    let study = AccuracyStudy(sample, backend: backend)
    for format in AccuracyStudy.formats(headDim: 64) {
      var pages = try KVPages(
        layout: PageLayout(format: format, blockSize: 16, kvHeads: 2, headDim: 64), pageCount: 6)
      try backend.append(
        keys: sample.keys, values: sample.values, slots: Array(0..<96), to: &pages)
      var keys = [Float](repeating: .nan, count: sample.keys.count)
      var values = keys
      try backend.gather(
        CachedSequence(blocks: Array(0..<6), context: 96), pages: pages, keys: &keys,
        values: &values)
      for head in 0..<2 {
        func own(_ rows: [Float]) -> [Float] {
          sample.vectors(rows, of: 2, heads: head..<head + 1)
        }
        let apart = try study.stored(format, keys: own(sample.keys), values: own(sample.values))
        #expect(apart.keys == own(keys) && apart.values == own(values), "\(format.name)")
      }
    }
  }

  @Test("few logits are held at a time; no ask is left out")
  func batches() {
    for (asks, tokens) in [(1, 1), (17, 96), (100, 1 << 20), (64, 1 << 24)] {
      let batches = ExactBlock.batches(asks: asks, tokens: tokens)
      #expect(batches.joined().flatMap { $0 } == Array(0..<asks))
      #expect(
        batches.allSatisfy {
          $0.count == 1 || $0.reduce(0) { $0 + $1.count } * tokens <= 1 << 25
        })
    }
  }

  @Test("the floor is plain INT4 on the same draws without outliers, which rotation cannot beat")
  func floor() throws {
    var plain = AccuracyAttentionTests.generator
    plain.hasOutliers = false
    let (sample, floor) = (AccuracyAttentionTests.generator.sample(), plain.sample())
    #expect(sample.values == floor.values && sample.queries == floor.queries)
    #expect(zip(sample.keys, floor.keys).count { $0 != $1 } == 96 * 2)
    let backend = try CPUBackend(threads: 1)
    let result = try AccuracyStudy(sample, floor: floor, backend: backend).run()
    let row = try #require(result.floor)
    #expect(row.format == .int4 && row.outlierChannelShare == 0)
    #expect(result.formats.dropFirst().allSatisfy { $0.outputError! > row.outputError! })
    #expect(try AccuracyStudy(sample, backend: backend).run().floor == nil)
  }

  @Test("the scale scales logits and nothing of K and V; a cap bounds them")
  func rules() throws {
    let sample = AccuracyAttentionTests.generator.sample()
    func run(_ scale: Double?, _ cap: Double?) throws -> AccuracyResult {
      try AccuracyStudy(
        sample, rule: LogitRule(headDim: 64, scale: scale, softCap: cap),
        backend: CPUBackend(threads: 1)
      ).run()
    }
    let plain = try run(nil, nil)
    let same = try run(0.125, nil)
    let soft = try run(0.125 / 64, nil)
    let capped = try run(nil, 1)
    for index in plain.formats.indices {
      let row = plain.formats[index]
      #expect(same.formats[index].outputError == row.outputError)
      #expect(soft.formats[index].keyError == row.keyError)
      // A power of two.
      #expect(soft.formats[index].logitError == row.logitError)
      #expect(soft.formats[index].outputError! < row.outputError!)
      #expect(capped.formats[index].logitError != row.logitError)
    }
    #expect(LogitRule(headDim: 64, softCap: 50).logit(1e9) == 50)
  }

  @Test("a gain of less than a twentieth is no difference in the verdict")
  func verdict() {
    func row(_ format: KVFormat, _ error: Double) -> FormatAccuracy {
      FormatAccuracy(
        format: format, bytesPerToken: 1, shareOfFP16Bytes: 1, keyError: error, valueError: error,
        logitError: error, centredLogitError: error, outputError: error, outlierChannelShare: 0)
    }
    func verdict(_ plain: Double, _ rotated: Double) -> String {
      AccuracyResult(
        heads: HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: 128), tokens: 1, queryTokens: 1,
        rule: LogitRule(headDim: 128),
        formats: [row(.fp16, 1e-9), row(.int4, plain), row(.int4Rotated, rotated)], floor: nil
      ).verdict
    }
    #expect(verdict(0.1, 0.0999).contains("plain int4 10.0 %: no difference to speak of"))
    #expect(!verdict(0.1, 0.0999).contains("times less"))
    #expect(verdict(0.1, 0.09).contains("1.11 times less than plain int4"))
    #expect(verdict(0.1, 0.2).contains("rotation does not help here"))
    #expect(AccuracyResult.percent(2.2e-10) == "< 0.001 %")
    #expect(AccuracyResult.percent(0) == "0 %" && AccuracyResult.percent(2e-5) == "0.00200 %")
  }
}
