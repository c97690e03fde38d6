import Operators
import Testing

@testable import CostModel

@Suite("Measured links")
struct LinkTests {
  /// A point whose samples have this median, in nanoseconds.
  private func point(
    _ exchange: Link.Exchange, _ bytes: Int, _ ns: Int64, devices: Int = 2,
    by algorithm: String = "a"
  ) -> Link.Point {
    Link.Point(
      exchange: exchange, algorithm: algorithm, devices: devices, bytes: bytes,
      timesNs: [ns + 900, ns - 1, ns])
  }

  private func link(_ points: [Link.Point]) throws -> Link {
    try #require(
      Link(
        Link.Measurements(
          device: "d", software: "s", measuredAtUTC: "2026-11-29T00:00:00Z", points: points)))
  }

  @Test("A message takes what was measured, linear between two sizes, in proportion beyond")
  func sizes() throws {
    let link = try link([
      point(.allReduce, 4000, 9000), point(.allReduce, 1000, 6000), point(.allReduce, 2000, 7000),
    ])
    let model = ExchangeModel(.allReduce, devices: 2, link: link)
    let expected: [(bytes: Int, ns: Double, basis: Basis)] = [
      (1, 6000, .interpolated), (1000, 6000, .interpolated), (1500, 6500, .interpolated),
      (3500, 8500, .interpolated), (4000, 9000, .interpolated), (8000, 18_000, .extrapolated),
    ]
    for (bytes, ns, basis) in expected {
      let prediction = model.predict(bytes: bytes)
      #expect(abs(prediction.ns - ns) < 1e-6 && prediction.basis == basis, "\(bytes) bytes")
    }
  }

  @Test("Of two algorithms the faster one at each size counts")
  func algorithms() throws {
    let link = try link([
      point(.allReduce, 1000, 6000), point(.allReduce, 9000, 40_000),
      point(.allReduce, 1000, 11_000, by: "b"), point(.allReduce, 9000, 20_000, by: "b"),
    ])
    let model = ExchangeModel(.allReduce, devices: 2, link: link)
    #expect(model.predict(bytes: 1000).ns == 6000 && model.predict(bytes: 9000).ns == 20_000)
    #expect(model.predict(bytes: 5000).ns == 13_000)
  }

  @Test("Other numbers of devices are derived from the shortest and the longest all-reduce")
  func otherDegrees() throws {
    let link = try link([
      point(.allReduce, 1000, 6000, devices: 4), point(.allReduce, 8_000_000, 60_000, devices: 4),
      point(.allReduce, 1000, 3000, devices: 2), point(.allReduce, 8_000_000, 50_000, devices: 2),
    ])
    // Each of four devices sends 12 MB in 60 µs; those of two are not looked at.
    #expect(link.latencyNs == 6000 && link.bytesPerSecond == 200_000_000_000)
    let stated = Link(bytesPerSecond: 200_000_000_000, latencyNs: 6000)
    for exchange in Link.Exchange.allCases {
      let devices = exchange == .send ? 2 : 8
      for bytes in [1, 100_000, 10_000_000] {
        let prediction = ExchangeModel(exchange, devices: devices, link: link).predict(bytes: bytes)
        let other = ExchangeModel(exchange, devices: devices, link: stated).predict(bytes: bytes)
        #expect(prediction == other && prediction.basis == .derived)
      }
    }
    #expect(ExchangeModel(.send, devices: 2, link: link).predict(bytes: 200).ns == 6001)
    #expect(link.isMeasured(.allReduce, devices: 2) && link.isMeasured(.allReduce, devices: 4))
    #expect(!link.isMeasured(.allReduce, devices: 8) && !link.isMeasured(.send, devices: 2))
    #expect(!stated.isMeasured(.allReduce, devices: 2))
  }

  @Test("A measured link stands in a step's price, and only what it lacks is derived")
  func steps() throws {
    let model = ModelArchitecture(
      name: "m", hiddenSize: 4096, intermediateSize: 12288, layers: 36,
      heads: SyntheticProfile.heads, vocabSize: 100_000, maxPositions: 40_960,
      tiesEmbeddings: false)
    let points = [
      point(.allReduce, 8192, 7000), point(.allReduce, 16_384, 9000),
      point(.allGather, 500_000, 20_000),
    ]
    let batch = BatchShape(decodeSequences: 1, contextTokens: 500)
    func cost(_ points: [Link.Point], _ batch: BatchShape) throws -> StepCost {
      let pricer = try StepPricer(
        model: model, format: .fp16, profile: SyntheticProfile.profile(), maxSequences: 8,
        maxTokens: 8, parallelism: Parallelism(tensorParallelSize: 2, link: try link(points)))
      return pricer.cost(of: batch)
    }
    // One token is 8,192 bytes of hidden states, and 200,000 bytes of logits.
    let measured = try cost(points, batch)
    #expect(measured.collectiveNs == 73 * 7000 + 20_000)
    // Without all-gathers these are derived: 7 µs, and half the bytes at 16,384 bytes in 9 µs.
    let lacking = try cost(Array(points.prefix(2)), batch)
    let gather = lacking.collectiveNs - 73 * 7000
    let expected: Double = 7000 + 100_000 * 9000 / 16_384
    #expect(abs(Double(gather) - expected) <= 1)
    #expect(lacking.derivedNs - measured.derivedNs == gather)
    // Four tokens are beyond the longest all-reduce: in proportion, and said so; their logits are
    // beyond the longest all-gather either way.
    let four = try cost(points, BatchShape(decodeSequences: 4, contextTokens: 2000))
    let stated = try cost(
      points + [point(.allReduce, 65_536, 36_000)],
      BatchShape(decodeSequences: 4, contextTokens: 2000))
    #expect(four.extrapolatedNs - stated.extrapolatedNs == 73 * 18_000)
  }

  @Test("Without an all-reduce there is no link, and times of any size stay a positive rate")
  func extremes() throws {
    let sends = Link.Measurements(
      device: "d", software: "s", measuredAtUTC: "2026-11-29T00:00:00Z",
      points: [point(.send, 1000, 5000)])
    #expect(Link(sends) == nil)
    let slow = try link([point(.allReduce, 1, 1_000_000_000_000)])
    #expect(slow.bytesPerSecond == 1)
    let fast = try link([
      Link.Point(exchange: .allReduce, algorithm: "a", devices: 2, bytes: 1 << 40, timesNs: [1])
    ])
    #expect(fast.bytesPerSecond == 1_000_000_000_000_000_000)
  }
}
