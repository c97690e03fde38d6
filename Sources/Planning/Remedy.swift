import CostModel
import Operators
import Scenario
import Simulator

/// One change with which a scenario that does not fit its device's memory would.
public enum Remedy: Hashable, Sendable, CustomStringConvertible {
  /// `kv_cache_memory_bytes` between these, in bytes; nil: no bound on that side that matters.
  case poolBytes(atLeast: Int?, atMost: Int?)
  /// `gpu_memory_utilization` of at least so many hundredths.
  case utilization(hundredths: Int)
  /// `max_num_batched_tokens` of at most so many.
  case batchedTokens(atMost: Int)
  /// `tensor_parallel_size`.
  case devices(Int)
  /// The same model with narrower weights.
  case weights(WeightFormat)
  /// These of the scenario's formats alone.
  case formats([String])
  /// A device with at least so many bytes of memory.
  case deviceBytes(Int)

  /// What to change, by the names that scenarios have for it.
  public var description: String {
    switch self {
    case .poolBytes(let least, let most):
      let least = least.map { "of at least \(Remedy.mebibytes($0, .up))" }
      let most = most.map { "of up to \(Remedy.mebibytes($0, .down))" }
      let bounds = [least, most].compactMap { $0 }.joined(separator: " and ")
      return "kv_cache_memory_bytes \(bounds)"
    case .utilization(let hundredths):
      let digits = hundredths % 100
      return "gpu_memory_utilization of at least "
        + (digits == 0 ? "1" : "0.\(digits < 10 ? "0" : "")\(digits)")
    case .batchedTokens(let most): return "max_num_batched_tokens of up to \(most)"
    case .devices(let count): return "tensor_parallel_size \(count)"
    case .weights(let format): return "the model with \(format.name) weights"
    case .formats(let names): return "kv_cache.format \(names.joined(separator: ", "))"
    case .deviceBytes(let bytes): return "a device with \(Remedy.mebibytes(bytes, .up))"
    }
  }

  /// A size that a scenario takes as it stands and that is on the right side of `bytes`.
  private static func mebibytes(_ bytes: Int, _ rounding: FloatingPointRoundingRule) -> String {
    let (gibibyte, mebibyte) = (1 << 30, 1 << 20)
    guard bytes >= mebibyte else { return "\(bytes) B" }
    let isLarge = bytes >= 100 * gibibyte
    let unit = isLarge ? gibibyte : mebibyte
    let count = rounding == .up ? (bytes + unit - 1) / unit : bytes / unit
    return "\(count) \(isLarge ? "GiB" : "MiB")"
  }
}

/// Looks for what would make one format of a scenario fit: each change is tried, and named only
/// where it suffices by itself.
struct RemedySearch {
  let model: ModelArchitecture
  let setup: ReplicaSetup
  /// Those of the scenario.
  let formats: [KVFormat]
  let format: KVFormat
  /// Tokens that the cache has to hold at least.
  let requestTokens: Int

  private var options: EngineOptions { setup.engine }
  private var deviceBytes: Int { setup.profile.device.memoryBytes }

  /// How the memory is divided as the scenario has it.
  var pool: PoolPlan { pool(options) }

  /// Whether all that has to be in the memory is.
  func suffices(_ pool: PoolPlan) -> Bool {
    pool.shortfallBytes == 0 && pool.laneTokens >= requestTokens
  }

  /// In the order in which they are cheapest to try.
  func remedies() -> [Remedy] {
    let pool = pool
    let found =
      memoryShare(pool) + [batchedTokens(), otherFormats(), devices()] + [weights(), device(pool)]
    return found.compactMap { $0 }
  }

  private func pool(
    _ options: EngineOptions, _ model: ModelArchitecture? = nil, _ format: KVFormat? = nil
  ) -> PoolPlan {
    PoolPlan(
      model: model ?? self.model, device: setup.profile.device, format: format ?? self.format,
      options: options, draft: setup.draftModel)
  }

  private func suffices(_ options: EngineOptions) -> Bool { suffices(pool(options)) }

  /// Bytes of a pool that holds the shortest request.
  private func neededBytes(_ pool: PoolPlan) -> Int {
    let blocks = (requestTokens + pool.blockSize - 1) / pool.blockSize
    return max(1, blocks) * pool.stages * pool.blockSize * pool.kvBytesPerToken
  }

  /// The option that says how much of the memory the cache gets.
  private func memoryShare(_ pool: PoolPlan) -> [Remedy?] {
    switch options.kvCacheMemory {
    case .bytes(let given):
      let (least, most) = (neededBytes(pool), deviceBytes - pool.weightBytes - pool.activationBytes)
      // Another stage than the one that the figures are of may need more.
      let changed = EngineOptions.KVCacheMemory.bytes(min(max(given, least), most))
      guard least <= most, suffices(options.with(kvCacheMemory: changed)) else { return [] }
      return [
        .poolBytes(atLeast: given < least ? least : nil, atMost: given > most ? most : nil)
      ]
    case .utilization:
      return [
        (1...100).first {
          suffices(options.with(kvCacheMemory: .utilization(Double($0) / 100)))
        }.map { .utilization(hundredths: $0) }
      ]
    }
  }

  /// The most tokens of a step that leave enough; fewer take less for activations.
  private func batchedTokens() -> Remedy? {
    var (low, high) = (options.leastBatchedTokens, options.maxNumBatchedTokens)
    guard low < high, suffices(options.with(maxNumBatchedTokens: low)) else { return nil }
    while high - low > 1 {
      let middle = (low + high) / 2
      if suffices(options.with(maxNumBatchedTokens: middle)) { low = middle } else { high = middle }
    }
    return .batchedTokens(atMost: low)
  }

  private func otherFormats() -> Remedy? {
    let others = formats.filter { suffices(pool(options, nil, $0)) }
    return others.isEmpty ? nil : .formats(others.map(\.name))
  }

  /// The fewest devices, doubled again and again, that can share the model and have room for it.
  private func devices() -> Remedy? {
    var degree = 2 * options.tensorParallelSize
    while degree <= Limits.heads, model.obstacle(toDegree: degree) == nil,
      setup.draftModel?.obstacle(toDegree: degree) == nil
    {
      if suffices(options.with(tensorParallelSize: degree)) { return .devices(degree) }
      degree *= 2
    }
    return nil
  }

  /// The widest weights, narrower than the model's, with which it fits.
  private func weights() -> Remedy? {
    let narrower: [WeightFormat] = [.eightBit, .int4(groupSize: 128, isSymmetric: false)]
    let format = narrower.first { format in
      let narrowed = model.with(weightFormat: format)
      return narrowed.weightBytes < model.weightBytes && suffices(pool(options, narrowed))
    }
    return format.map { .weights($0) }
  }

  /// What a device with more memory needs at least, if that alone helps.
  private func device(_ pool: PoolPlan) -> Remedy? {
    let beside = pool.weightBytes + pool.activationBytes
    switch options.kvCacheMemory {
    case .bytes(let given):
      guard given >= neededBytes(pool), beside + given > deviceBytes else { return nil }
      return .deviceBytes(beside + given)
    case .utilization(let share):
      guard pool.stages == 1 else { return nil }
      let bytes = (Double(beside + neededBytes(pool)) / share).rounded(.up)
      return bytes <= Double(Limits.memoryBytes) ? .deviceBytes(Int(bytes)) : nil
    }
  }
}
