import CostModel
import Kernels
import Operators
import Testing

@testable import Calibration

/// A device whose calls take as long as a law says; nothing runs.
private final class LawfulBackend: KernelBackend {
  let facts: DeviceFacts
  var law: (OperatorShape) -> Double = { 1000 + Double($0.bytes) / 10 }
  /// What is thrown in place of times.
  var refusal: (OperatorShape) -> DeviceError? = { _ in nil }
  private(set) var calls: [OperatorShape] = []

  init(isGPU: Bool = false) {
    facts = DeviceFacts(
      name: "lawful", kernelPath: "none", coreCount: 3, memoryBytes: 1 << 30,
      lastLevelCacheBytes: 1 << 20, driver: "lawyer 2", kernelDigest: "0123", isGPU: isGPU,
      layerPlan: isGPU ? DenseLayerPlan(multiprocessors: 3) : nil)
  }

  func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64] {
    if let refusal = refusal(shape) { throw refusal }
    calls.append(shape)
    return (0..<repeats).map { Int64(law(shape)) + Int64($0) }
  }

  func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double { 10e9 }

  func append(
    keys: [Float], values: [Float], slots: [Int], to pages: inout KVPages
  ) throws(DeviceError) {}
  func gather(
    _ sequence: CachedSequence, pages: KVPages, keys: inout [Float], values: inout [Float]
  ) throws(DeviceError) {}
  func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {}
  func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {}
  func linear(
    _ activations: [Float], weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    into output: inout [Float]
  ) throws(DeviceError) {}
  func rmsNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int,
    into output: inout [Float]
  ) throws(DeviceError) {}
  func rotaryEmbedding(
    _ vectors: inout [Float], positions: [Int], heads: Int, frequencies: RotaryFrequencies
  ) throws(DeviceError) {}
  func siluMultiply(
    gate: [Float], up: [Float], count: Int, into output: inout [Float]
  ) throws(DeviceError) {}
  func add(_ addend: [Float], count: Int, to sum: inout [Float]) throws(DeviceError) {}
}

@Suite("Calibrator")
struct CalibratorTests {
  private let date = "2026-01-01T00:00:00Z"

  @Test("Given time, every point is measured in each round, and every sample kept")
  func everySample() throws {
    let backend = LawfulBackend()
    let groups = Experiment.groups(
      formats: [.fp16, .int4], heads: [Experiment.standardHeads[0]], reach: .cpu(threads: 3))
    let points = groups.flatMap(\.points)
    let result = try Calibrator(
      backend: backend, kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 1e9
    ).run(groups, measuredAtUTC: date) { _ in }
    #expect(result.skippedPoints == 0)
    #expect(result.profile.measurements.map(\.shape) == points.map(\.shape))
    #expect(result.profile.measurements.map(\.isHeldOut) == points.map(\.isHeldOut))
    for measurement in result.profile.measurements {
      let rounds = backend.calls.filter { $0 == measurement.shape }.count
      #expect(rounds == 3 || backend.law(measurement.shape) > 150_000_000)
      #expect(measurement.timesNs.count >= 2 || backend.law(measurement.shape) > 300_000_000)
    }
    let device = result.profile.device
    #expect(device.name == "lawful" && device.threads == 3 && device.driver == "lawyer 2")
    #expect(device.kernelVersion == "kvsim 0, SPIR-V 0123")
    #expect(result.profile.readBytesPerSecond == 10_000_000_000)
    #expect(result.profile.measuredAtUTC == date)
  }

  @Test("A GPU's points are measured in two rounds, and its profile says how its layers are cut")
  func gpu() throws {
    let backend = LawfulBackend(isGPU: true)
    let groups = [ExperimentGroup(fit: [.linear(tokens: 2, outputs: 64, inputs: 64)], heldOut: [])]
    let profile = try Calibrator(
      backend: backend, kind: "vulkan", version: "kvsim 0", blockSize: 16, seconds: 1e9
    ).run(groups, measuredAtUTC: date) { _ in }.profile
    #expect(backend.calls.count == 2)
    #expect(profile.device.layerPlan == DenseLayerPlan(multiprocessors: 3))
  }

  @Test("A law linear in the work is predicted at the held-out points within two percent")
  func residuals() throws {
    let backend = LawfulBackend()
    backend.law = { 20_000 + Double($0.operations) / 50 + Double($0.bytes) / 10 }
    let groups = Experiment.groups(
      formats: [.int4], heads: [Experiment.standardHeads[1]], reach: .cpu(threads: 3))
    let profile = try Calibrator(
      backend: backend, kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 1e9
    ).run(groups, measuredAtUTC: date) { _ in }.profile
    for residual in try profile.residuals() {
      #expect(residual.medianError < 0.02, "\(residual)")
    }
  }

  @Test("Without time, each group still has its smallest point, so that a model can be priced")
  func shortTime() throws {
    let groups = Experiment.groups(
      formats: [.fp16], heads: [Experiment.standardHeads[0]], reach: .cpu(threads: 3))
    let result = try Calibrator(
      backend: LawfulBackend(), kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 0
    ).run(groups, measuredAtUTC: date) { _ in }
    let measured = Set(result.profile.measurements.map(\.shape))
    for group in groups { #expect(measured.contains(group.points[0].shape)) }
    #expect(result.skippedPoints == groups.flatMap(\.points).count - groups.count)
  }

  @Test(
    "What the device does not hold is left out, and all else is measured; other failures end it")
  func tooLarge() throws {
    let groups = Experiment.groups(
      formats: [.fp16], heads: [Experiment.standardHeads[0]], reach: .cpu(threads: 3))
    let largest = Set(groups.map { $0.points.last!.shape })
    let backend = LawfulBackend()
    backend.refusal = {
      largest.contains($0) ? .unsupportedShape(field: "bytes", value: 9, accepted: "8") : nil
    }
    let calibrator = Calibrator(
      backend: backend, kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 1e9)
    let result = try calibrator.run(groups, measuredAtUTC: date) { _ in }
    #expect(result.skippedPoints == largest.count)
    #expect(largest.isDisjoint(with: result.profile.measurements.map(\.shape)))
    backend.refusal = { largest.contains($0) ? .noVulkan(device: "d", reason: "gone") : nil }
    #expect(throws: DeviceError.self) {
      _ = try calibrator.run(groups, measuredAtUTC: date) { _ in }
    }
  }

  @Test("Progress never falls and stays within 0 and 1")
  func progress() throws {
    var last = 0.0
    _ = try Calibrator(
      backend: LawfulBackend(), kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 1e9
    ).run(Experiment.groups(reach: .cpu(threads: 3)), measuredAtUTC: date) {
      #expect($0.share >= last && $0.share <= 1)
      last = $0.share
    }
    #expect(last > 0.9)
  }

  @Test("Times faster than memory and restless repeats are found; sound samples are not")
  func plausibility() {
    let points = CPUGrid(threads: 16).linear().points
    func profile(_ factor: Double, jitter: Int64) -> Profile {
      let shapes = points.map(\.shape)
      return Profile(
        provenance: .measured,
        device: Device(
          name: "d", kind: "cpu", kernelPath: "none", threads: 1, memoryBytes: 1,
          lastLevelCacheBytes: 1 << 20),
        measuredAtUTC: date, blockSize: 16, readBytesPerSecond: 10_000_000_000,
        measurements: shapes.map {
          let ns = Int64(factor * Double($0.bytes) / 10)
          return Measurement(
            shape: $0, isHeldOut: false, timesNs: [ns, ns * (100 + jitter) / 100])
        })
    }
    #expect(Plausibility.findings(profile(1, jitter: 1), of: points).isEmpty)
    #expect(Plausibility.findings(profile(0.3, jitter: 1), of: points).count == 1)
    let many = Experiment.groups(reach: .cpu(threads: 16)).flatMap(\.points)
    let thin = Plausibility.findings(profile(1, jitter: 1), of: many)
    #expect(thin.count == 8, "the attentions and the small operators")
  }

  @Test("The real kernels can be calibrated")
  func realKernels() throws {
    let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 64)
    let groups =
      KVFormat.named.flatMap { format in
        [
          ExperimentGroup(
            fit: [1, 8].map { .append(tokens: $0, heads: heads.withoutGroups, format: format) },
            heldOut: []),
          ExperimentGroup(
            fit: [8, 64].map {
              .decodeAttention(sequences: 2, context: $0, heads: heads, format: format)
            }, heldOut: []),
          ExperimentGroup(
            fit: [4, 8].map {
              .prefillAttention(tokens: $0, prefix: 16, heads: heads, format: format)
            }, heldOut: []),
        ]
      } + [ExperimentGroup(fit: [.linear(tokens: 2, outputs: 64, inputs: 64)], heldOut: [])]
    let backend = try CPUBackend()
    let result = try Calibrator(
      backend: backend, kind: "cpu", version: "kvsim 0", blockSize: 16, seconds: 1e9
    ).run(groups, measuredAtUTC: date) { _ in }
    #expect(result.skippedPoints == 0)
    #expect(result.profile.readBytesPerSecond > 100_000_000)
    #expect(result.profile.device.kernelPath == backend.kernelPath)
  }
}
