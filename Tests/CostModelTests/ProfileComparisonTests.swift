import Operators
import Testing

@testable import CostModel

@Suite("Comparing profiles")
struct ProfileComparisonTests {
  private func profile(_ points: [(shape: OperatorShape, ns: Int64)]) -> Profile {
    Profile(
      provenance: .measured, device: SyntheticProfile.device,
      measuredAtUTC: "2026-01-01T00:00:00Z", blockSize: 16, readBytesPerSecond: 1,
      measurements: points.map {
        Measurement(shape: $0.shape, isHeldOut: false, timesNs: [$0.ns])
      })
  }

  private func norm(_ rows: Int) -> OperatorShape {
    .elementwise(.norm, rows: rows, width: 1024)
  }

  @Test("A profile compared with itself gives ones, every point at its own shape")
  func itself() {
    let own = SyntheticProfile.profile { 1 + 0.1 * Double($0 % 7) }
    let comparison = ProfileComparison(own, own)
    #expect(comparison.rows.count == 10)
    #expect(comparison.rows.map(\.equalShapes).reduce(0, +) == own.measurements.count)
    for row in comparison.rows {
      #expect(row.predicted == 0 && row.missing == 0)
      #expect(row.ratios?.p5 == 1 && row.ratios?.p95 == 1 && row.ratios?.total == 1)
    }
    #expect(comparison.all?.median == 1)
  }

  @Test("Twice the time gives twos, and the other way round halves")
  func twice() {
    let one = SyntheticProfile.profile()
    let two = Profile(
      provenance: .measured, device: one.device, measuredAtUTC: one.measuredAtUTC, blockSize: 16,
      readBytesPerSecond: 1,
      measurements: one.measurements.map {
        Measurement(shape: $0.shape, isHeldOut: $0.isHeldOut, timesNs: $0.timesNs.map { 2 * $0 })
      })
    let rows = ProfileComparison(one, two).rows
    #expect(rows.allSatisfy { $0.ratios?.p5 == 2 && $0.ratios?.total == 2 })
    let back = ProfileComparison(two, one).rows
    #expect(back.allSatisfy { $0.ratios?.p95 == 0.5 && $0.ratios?.median == 0.5 })
    #expect(rows.map(\.kind) == back.map(\.kind) && rows[0].kind == .linear)
  }

  @Test("Where the shape differs, the first profile's fit is compared with")
  func predicted() throws {
    let first = profile([(norm(100), 1000), (norm(300), 3000)])
    let second = profile([(norm(100), 1500), (norm(200), 1000), (norm(400), 16_000)])
    let row = try #require(ProfileComparison(first, second).rows.first)
    #expect(row.kind == .elementwise(.norm) && row.format == nil)
    #expect(row.equalShapes == 1 && row.predicted == 2 && row.missing == 0)
    // 1.5 by measurement, 0.5 between two points, 4 beyond them.
    let ratios = try #require(row.ratios)
    #expect(ratios.p5 == 0.5 && ratios.median == 1.5 && ratios.p95 == 4)
    #expect(abs(ratios.total - 18_500 / 7000) < 1e-12)
  }

  @Test("What the first profile lacks is counted as missing and compares with nothing")
  func missing() {
    let heads = SyntheticProfile.heads
    func mixed(_ tokens: Int) -> OperatorShape {
      .mixedAttention(
        tokens: tokens, prefix: 0, sequences: 4, context: 64, heads: heads, format: .fp16)
    }
    func append(_ format: KVFormat) -> OperatorShape {
      .append(tokens: 8, heads: heads.withoutGroups, format: format)
    }
    let first = profile([(append(.fp16), 100), (mixed(16), 500)])
    let second = profile([
      (mixed(16), 1000), (mixed(32), 1000), (append(.int4), 100), (append(.fp16), 50),
      (norm(8), 7),
    ])
    let rows = ProfileComparison(first, second).rows
    #expect(rows.map(\.kind) == [.append, .append, .mixedAttention, .elementwise(.norm)])
    #expect(rows.map(\.format) == [.fp16, .int4, .fp16, nil])
    #expect(rows.map(\.equalShapes) == [1, 0, 1, 0] && rows.map(\.missing) == [0, 1, 1, 1])
    #expect(rows.map(\.ratios?.total) == [0.5, nil, 2, nil])
    #expect(ProfileComparison(profile([]), second).all == nil)
  }
}
