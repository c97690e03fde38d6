/// The machine that a profile was measured on, as far as time and capacity depend on it.
public struct Device: Hashable, Sendable {
  /// What the device calls itself, e.g. `AMD EPYC 9755`.
  public let name: String
  /// `cpu` or `vulkan`.
  public let kind: String
  /// The kernels that ran: such as `avx512`.
  public let kernelPath: String
  /// Threads that worked together; of a GPU its multiprocessors.
  public let threads: Int
  /// The same, for people: `2 threads`.
  public var workers: String { "\(threads) \(kind == "vulkan" ? "multiprocessors" : "threads")" }
  /// Physical memory, in bytes.
  public let memoryBytes: Int
  /// Last-level cache, in bytes; 0 if unknown.
  public let lastLevelCacheBytes: Int
  /// The driver's name and version; nil where none was at work or the profile does not say.
  public let driver: String?
  /// Which kernels they were, to tell versions apart; nil where the profile does not say.
  public let kernelVersion: String?

  /// A device, complete.
  public init(
    name: String, kind: String, kernelPath: String, threads: Int, memoryBytes: Int,
    lastLevelCacheBytes: Int, driver: String? = nil, kernelVersion: String? = nil
  ) {
    self.name = name
    self.kind = kind
    self.kernelPath = kernelPath
    self.threads = threads
    self.memoryBytes = memoryBytes
    self.lastLevelCacheBytes = lastLevelCacheBytes
    self.driver = driver
    self.kernelVersion = kernelVersion
  }
}
