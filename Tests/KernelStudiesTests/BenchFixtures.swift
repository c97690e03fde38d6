import KernelStudies
import Kernels
import Operators

/// A device whose times follow from bytes alone, and which writes down what it was asked for.
final class ScriptedDevice: CPUBenchDevice {
  let facts: DeviceFacts
  private(set) var calls: [String] = []
  /// Shapes that it refuses.
  var refusedLinearTokens: Set<Int> = []
  /// How many times as long as a read's half rate `linear` takes.
  var linearFactor = 1.0
  /// What other programs leave of the arithmetic.
  var quietShare = 1.0
  /// Nanoseconds that rotation adds to a call.
  var rotationNs: Int64 = 0

  /// Bytes per second of a plain read: one byte a nanosecond per thread.
  private var readRate: Double { 1e9 * Double(facts.coreCount) }

  /// - Parameter cpuFamily: by default that of the machine that figures were published for.
  init(threads: Int, memoryBytes: Int = 1 << 34, cpuFamily: Int? = 26) {
    facts = DeviceFacts(
      name: "scripted", kernelPath: "none", coreCount: threads, memoryBytes: memoryBytes,
      lastLevelCacheBytes: 1 << 20, cpuFamily: cpuFamily)
  }

  /// Half the read's rate.
  func time(_ shape: OperatorShape, blockSize: Int, repeats: Int) throws(DeviceError) -> [Int64] {
    if case .linear(let tokens, _, _) = shape, refusedLinearTokens.contains(tokens) {
      throw .unsupportedShape(field: "tokens", value: tokens, accepted: "others")
    }
    calls.append("\(shape.format?.name ?? "weights") x\(repeats)")
    let factor = shape.format == nil ? linearFactor : 1
    let ns = Int64(2 * factor * Double(shape.ratedBytes) / Double(facts.coreCount))
    let turned = shape.format?.rotation == nil ? 0 : rotationNs
    return [Int64](repeating: ns + turned, count: repeats)
  }

  func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double {
    calls.append("read")
    return readRate
  }

  /// Ten operations a nanosecond per thread.
  func measureFMAPeak(repeats: Int) throws(DeviceError) -> Double {
    calls.append("peak")
    return 1e10 * Double(facts.coreCount) * quietShare
  }

  func timeAppendFromCache(
    headDim: Int, format: KVFormat, repeats: Int
  ) throws(DeviceError) -> [Double] {
    calls.append("cached \(format.name)")
    let base = format.bitsPerElement == 16 ? 5.0 : 10
    let turned = format.rotation.map { $0.includesValues ? 10.0 : 5 } ?? 0
    return [Double](repeating: base + turned, count: repeats)
  }

  /// Three quarters of the read's rate.
  func measurePageRead(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> Double {
    calls.append("pages \(format.name)")
    return 0.75 * readRate
  }

  func decodeRateFromCache(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Double] {
    calls.append("cached pages \(format.name)")
    return [Double](repeating: format.bitsPerElement == 16 ? 4e9 : 2e9, count: repeats)
  }

  func clearCache() throws(DeviceError) { calls.append("clear") }
}

extension BenchPlan {
  /// One of everything, three rounds.
  static var small: BenchPlan {
    var plan = BenchPlan.quick
    plan.batches = [2]
    plan.contexts = [1024]
    plan.appendedTokens = [64]
    plan.gatheredTokens = [64]
    plan.repeats = 3
    return plan
  }
}

extension BenchMachine {
  /// Two threads, a megabyte of cache, round figures.
  static let made = BenchMachine(
    facts: ScriptedDevice(threads: 2).facts, readOneThread: SampleSpread([1e9]),
    readAllThreads: SampleSpread([2e9]), peakOneThread: SampleSpread([1e10]),
    peakAllThreads: SampleSpread([2e10]))
}

/// Runs `plan` on scripted devices of two threads.
func scriptedResult(
  _ plan: BenchPlan = .small, cpuFamily: Int? = 26,
  configure: @escaping (ScriptedDevice) -> Void = { _ in }
) throws -> (result: BenchResult, devices: [ScriptedDevice]) {
  var devices: [ScriptedDevice] = []
  let runner = BenchRunner(plan) { (threads) throws(DeviceError) in
    let device = ScriptedDevice(threads: threads ?? 2, cpuFamily: cpuFamily)
    configure(device)
    devices.append(device)
    return device
  }
  let result = try runner.run { _ in }
  return (result, devices)
}
