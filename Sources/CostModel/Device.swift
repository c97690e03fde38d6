import Operators

/// The machine that a profile was measured on, as far as time and capacity depend on it.
public struct Device: Hashable, Sendable {
  /// What the device calls itself, e.g. `AMD EPYC 9755`.
  public let name: String
  /// How it was reached: `cpu` and `vulkan` by the bundled kernels, `gpu` by other software.
  public let kind: String
  /// The kernels that ran: such as `avx512`, or the software whose kernels they were.
  public let kernelPath: String
  /// Threads that worked together; of a GPU its multiprocessors; 0 where nobody said.
  public let threads: Int
  /// What worked there, for people: `2 threads, avx512 kernels`.
  public var workers: String {
    let what = kind == "cpu" ? "threads" : "multiprocessors"
    return (threads > 0 ? "\(threads) \(what), " : "") + "\(kernelPath) kernels"
  }
  /// Physical memory, in bytes.
  public let memoryBytes: Int
  /// Last-level cache, in bytes; 0 if unknown.
  public let lastLevelCacheBytes: Int
  /// The driver's name and version; nil where none was at work or the profile does not say.
  public let driver: String?
  /// Which kernels they were, to tell versions apart; nil where the profile does not say.
  public let kernelVersion: String?
  /// How its kernels cut dense layers into workgroups, on the multiprocessors of the device that
  /// was measured; nil of kernels that nobody knows that of.
  public let layerPlan: DenseLayerPlan?

  /// A device, complete.
  public init(
    name: String, kind: String, kernelPath: String, threads: Int, memoryBytes: Int,
    lastLevelCacheBytes: Int, driver: String? = nil, kernelVersion: String? = nil,
    layerPlan: DenseLayerPlan? = nil
  ) {
    self.name = name
    self.kind = kind
    self.kernelPath = kernelPath
    self.threads = threads
    self.memoryBytes = memoryBytes
    self.lastLevelCacheBytes = lastLevelCacheBytes
    self.driver = driver
    self.kernelVersion = kernelVersion
    self.layerPlan = layerPlan
  }
}
