import CVulkan
import Operators

/// The Vulkan kernels behind the interface that all devices share.
///
/// One call runs at a time. Arrays travel through memory that host and device both see: these calls
/// exist to prove kernels right, and timing uses memory of the device alone.
public final class VulkanBackend: KernelBackend {
  /// What the device is.
  public let facts: DeviceFacts
  let context: VulkanContext
  /// Memory that timing runs on; made by the first call that needs it.
  var arena: VulkanArena?

  /// Opens a device.
  /// - Parameter validates: whether the Khronos validation layer watches; by default where the
  ///   environment has `KVSIM_VULKAN_VALIDATION=1`.
  /// - Throws: ``DeviceError/noVulkan(device:reason:)`` or ``DeviceError/failed(_:)``.
  public convenience init(
    _ selection: VulkanSelection = .any, validates: Bool? = nil
  ) throws(DeviceError) {
    try self.init(VulkanContext(selection, validates: validates))
  }

  /// Goes on with an open device.
  init(_ context: VulkanContext) throws(DeviceError) {
    self.context = context
    try context.learnFragments()
    facts = DeviceFacts(
      name: context.device.name, kernelPath: "vulkan",
      coreCount: max(1, Int(context.features.multiprocessors)),
      memoryBytes: Int(context.device.deviceLocalBytes),
      lastLevelCacheBytes: VulkanBackend.assumedCacheBytes,
      driver: context.device.driver.isEmpty ? nil : context.device.driver,
      kernelDigest: VulkanShader.digest,
      isGPU: context.device.kind != .cpu,
      layerPlan: context.fragmentsAreKnown
        ? DenseLayerPlan(multiprocessors: context.multiprocessors) : nil)
  }

  /// Bytes of the last-level cache that every device is taken to have: Vulkan tells nothing of
  /// caches. An H100 or H200 has 50 MB of second-level cache. Timing rotates through four times as
  /// much at least.
  public static let assumedCacheBytes = 64 << 20

  /// What the Khronos validation layer said, where it watches: how often it spoke, and its first
  /// message.
  public var validation: (count: Int, first: String)? { context.validation }
}

/// The sizes of pages as shaders see them: specialisation constants 1 to 6, behind the workgroup's
/// size.
struct PageConstants {
  let layout: PageLayout
  let groupSize: Int

  var keyOrder: Int { order(isValue: false) }
  var valueOrder: Int { order(isValue: true) }

  private func order(isValue: Bool) -> Int {
    layout.format.rotationOrder(headDim: layout.headDim, isValue: isValue) ?? 0
  }

  /// All seven, with a workgroup of so many threads.
  func constants(workgroup: Int) -> [UInt32] {
    [
      workgroup, layout.format.bitsPerElement, layout.headDim, layout.blockSize, keyOrder,
      valueOrder, groupSize,
    ].map(UInt32.init)
  }

  /// Those of a shader that has nothing to do with pages, and its own.
  static func none(workgroup: Int, _ own: [Int]) -> [UInt32] {
    ([workgroup, 16, 128, 16, 0, 0, 1] + own).map(UInt32.init)
  }

  /// What a normalised Hadamard block of `order` multiplies by; 1 without a block.
  static func norm(_ order: Int) -> Float { order > 0 ? 1 / Float(order).squareRoot() : 1 }
}
