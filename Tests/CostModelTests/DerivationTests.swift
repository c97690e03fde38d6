import Operators
import Testing

@testable import CostModel

@Suite("Derived devices")
struct DerivationTests {
  /// A terabyte a second and a petaflop a second, times so much: powers of two are exact.
  private func sheet(_ bandwidth: Double = 1, _ rate: Double = 1) -> DataSheet {
    DataSheet(
      name: "device \(bandwidth) \(rate)", memoryBytes: 80 << 30,
      bytesPerSecond: Int(1e12 * bandwidth), flopsPerSecond: Int(1e15 * rate), source: "made up")
  }

  /// A profile of the first of these devices, whose memory gives what is specified.
  private func profile(_ points: [(shape: OperatorShape, ns: Int64)]) -> Profile {
    Profile(
      provenance: .measured, device: SyntheticProfile.device,
      measuredAtUTC: "2026-01-01T00:00:00Z", blockSize: 16,
      readBytesPerSecond: 1_000_000_000_000,
      measurements: points.map {
        Measurement(shape: $0.shape, isHeldOut: false, timesNs: [$0.ns])
      })
  }

  private func times(_ profile: Profile, _ target: DataSheet) -> [Int64] {
    profile.derived(from: sheet(), to: target).measurements.map(\.medianNs)
  }

  private static let heads = SyntheticProfile.heads.withoutGroups
  /// No operations, and bytes that the memory moves in exactly `appendNs`.
  private static let append = OperatorShape.append(tokens: 125_000, heads: heads, format: .fp16)
  private static let appendNs = Int64(append.bytes / 1000)
  /// Operations that take `promptNs`, of which memory explains less than a hundredth.
  private static let prompt = OperatorShape.prefillAttention(
    tokens: 1_000_000, prefix: 0, heads: SyntheticProfile.heads, format: .fp16)
  private static let promptNs = Int64(prompt.operations / 1_000_000)

  @Test("The same device takes the same times, and nothing is uncertain about them")
  func identity() {
    let measured = SyntheticProfile.profile { 1 + 0.1 * Double($0 % 7) }
    for source in [sheet(), sheet(0.3, 7.7)] {
      let derived = measured.derived(from: source, to: source)
      #expect(derived.measurements == measured.measurements)
      #expect(derived.readBytesPerSecond == measured.readBytesPerSecond)
      #expect(derived.blockSize == measured.blockSize)
      #expect(derived.derivation?.uncertainties.allSatisfy { $0.largestWidth == 0 } == true)
    }
  }

  @Test("A derived profile says what it is of, and from what it comes")
  func origin() {
    let measured = SyntheticProfile.profile()
    let derived = measured.derived(from: sheet(), to: sheet(2, 3))
    #expect(derived.provenance == .derived)
    #expect(derived.derivation?.from == "made up, measured 2026-01-01T00:00:00Z")
    #expect(derived.origin == "derived from made up, measured 2026-01-01T00:00:00Z")
    #expect(measured.origin == "measured 2026-01-01T00:00:00Z")
    let device = derived.device
    #expect(device.name == "device 2.0 3.0" && device.memoryBytes == 80 << 30)
    #expect(device.kind == "gpu" && device.threads == 0 && device.kernelPath == "none")
    #expect(device.layerPlan == DenseLayerPlan(multiprocessors: 64), "the kernels are the same")
    #expect(derived.readBytesPerSecond == 2 * measured.readBytesPerSecond)
    let again = derived.derived(from: sheet(2, 3), to: sheet())
    #expect(again.origin == "derived from device 2.0 3.0, \(derived.origin)")
  }

  @Test("Memory-bound time scales with the bandwidth alone", arguments: [0.25, 0.5, 2, 8])
  func memoryBound(factor: Double) {
    let measured = profile([(DerivationTests.append, DerivationTests.appendNs)])
    let expected = Int64((Double(DerivationTests.appendNs) / factor).rounded())
    for rate in [0.1, 1, 10] {
      #expect(times(measured, sheet(factor, rate)) == [expected])
    }
  }

  @Test("Compute-bound time scales with the arithmetic rate alone", arguments: [0.25, 0.5, 2, 8])
  func computeBound(factor: Double) {
    let measured = profile([(DerivationTests.prompt, DerivationTests.promptNs)])
    let expected = Double(DerivationTests.promptNs) / factor
    for bandwidth in [0.5, 1, 10] {
      let ns = Double(times(measured, sheet(bandwidth, factor))[0])
      #expect(abs(ns / expected - 1) < 1e-5)
    }
  }

  @Test("What neither explains stays: a launch takes as long everywhere")
  func latencyBound() {
    let tiny = OperatorShape.append(tokens: 1, heads: DerivationTests.heads, format: .fp16)
    let measured = profile([(tiny, 1_000_000), (.linear(tokens: 1, outputs: 8, inputs: 8), 900)])
    for target in [sheet(0.5, 0.5), sheet(8, 8)] {
      #expect(times(measured, target) == [1_000_000, 900])
    }
  }

  @Test("Between, the maximum is smooth: memory that explains 80 % of a time, halved")
  func smooth() {
    let ns = DerivationTests.appendNs * 5 / 4
    let measured = profile([(DerivationTests.append, ns)])
    // (1 - 0.8^6 + 1.6^6)^(1/6)
    let expected = 1.611_518_6
    let ratio = Double(times(measured, sheet(0.5, 1))[0]) / Double(ns)
    #expect(abs(ratio - expected) < 1e-6)
  }

  @Test("Where memory and arithmetic both explain all of a time, equal ratios scale it by them")
  func both() {
    let shape = OperatorShape.linear(
      tokens: 100_000, outputs: 100_000, inputs: 100_000)
    let measured = profile([(shape, Int64(shape.bytes / 1000) / 2)])
    let ns = Double(measured.measurements[0].medianNs)
    #expect(abs(Double(times(measured, sheet(0.5, 0.5))[0]) - 2 * ns) <= 1)
  }

  @Test("A faster target never takes longer, and a time stays within its bounds")
  func monotone() {
    let measured = SyntheticProfile.profile()
    let source = sheet(0.04, 0.001)
    let scales = [0.2, 0.5, 0.9, 1, 1.1, 3, 40]
    let all = scales.flatMap { bandwidth in scales.map { (bandwidth, $0) } }
    let derived = all.map { scale in
      measured.derived(from: source, to: sheet(0.04 * scale.0, 0.001 * scale.1)).measurements
    }
    for (slow, slowScale) in all.enumerated() {
      let least = min(1, 1 / slowScale.0, 1 / slowScale.1)
      let most = max(1, 1 / slowScale.0, 1 / slowScale.1)
      let isWithin = zip(derived[slow], measured.measurements).allSatisfy { new, old in
        let share = Double(new.medianNs) / Double(old.medianNs)
        return share > least - 1e-3 && share < most + 1e-3
      }
      #expect(isWithin, "\(slowScale)")
      for (fast, fastScale) in all.enumerated()
      where fastScale.0 >= slowScale.0 && fastScale.1 >= slowScale.1 {
        let isFaster = zip(derived[fast], derived[slow]).allSatisfy { $0.medianNs <= $1.medianNs }
        #expect(isFaster, "\(slowScale) to \(fastScale)")
      }
    }
  }

  @Test("Times stay positive and within what a profile may hold, whatever the devices")
  func extremes() {
    let longest = Measurement.longestNs
    let shape = OperatorShape.append(
      tokens: 1 << 24, heads: DerivationTests.heads, format: .fp16)
    let measured = profile([(shape, 1), (shape, longest)])
    let fast = measured.derived(from: sheet(1e-3, 1e-3), to: sheet(1e3, 1e3))
    #expect(fast.measurements.map(\.medianNs).min() == 1)
    let slow = measured.derived(from: sheet(1e3, 1e3), to: sheet(1e-12, 1e-15))
    #expect(slow.measurements.allSatisfy { (1...longest).contains($0.medianNs) })
    #expect(slow.readBytesPerSecond == 1)
    #expect(slow.derivation?.uncertainties.allSatisfy { $0.largestWidth <= 1e6 } == true)
  }

  @Test("Points keep their order, their part in the fit and the spread of their repeats")
  func order() {
    let measured = SyntheticProfile.profile()
    let derived = measured.derived(from: sheet(0.04, 0.001), to: sheet(0.02, 0.002))
    #expect(derived.measurements.map(\.shape) == measured.measurements.map(\.shape))
    #expect(derived.measurements.map(\.isHeldOut) == measured.measurements.map(\.isHeldOut))
    #expect(derived.measurements != measured.measurements)
    let keepsSpread = zip(derived.measurements, measured.measurements).allSatisfy { new, old in
      new.timesNs.count == old.timesNs.count && abs(new.spread - old.spread) < 1e-3
    }
    #expect(keepsSpread)
  }

  @Test("Widths are the distance of the bounds over the derived time, of each operator")
  func uncertainty() throws {
    // At half the bandwidth the first takes twice as long, the others stay: bounds are 1 and 2.
    let tiny = OperatorShape.append(tokens: 1, heads: DerivationTests.heads, format: .fp16)
    let measured = profile([
      (.elementwise(.norm, rows: 1, width: 8), 5000), (DerivationTests.append, 1),
      (DerivationTests.append, DerivationTests.appendNs), (tiny, 1_000_000),
    ])
    let rows = try #require(
      measured.derived(from: sheet(), to: sheet(0.5, 1)).derivation?.uncertainties)
    #expect(
      rows == [
        Derivation.Uncertainty(
          kind: .append, format: .fp16, points: 3, medianWidth: 0.5, largestWidth: 1),
        Derivation.Uncertainty(
          kind: .elementwise(.norm), format: nil, points: 1, medianWidth: 1, largestWidth: 1),
      ])
  }

  @Test("What is derived by way of another device is no surer than each way, or than both together")
  func chained() throws {
    let measured = SyntheticProfile.profile()
    func widths(_ profile: Profile) throws -> [Double] {
      try #require(profile.derivation).uncertainties.map(\.medianWidth)
    }
    let first = measured.derived(from: sheet(), to: sheet(0.5, 1))
    let chained = try widths(first.derived(from: sheet(0.5, 1), to: sheet(0.5, 0.25)))
    let last = try widths(
      first.derived(from: sheet(0.5, 1), to: sheet(0.5, 1)))
    let before = try widths(first)
    #expect(last == before && zip(chained, before).allSatisfy { $0 >= $1 })
    #expect(zip(chained, before).contains { $0 > $1 })
  }
}
