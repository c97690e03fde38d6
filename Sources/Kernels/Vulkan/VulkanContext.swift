import CVulkan
import Glibc

/// An open Vulkan device: its memory, its pipelines, and the one list of commands that runs at a
/// time.
final class VulkanContext {
  /// What the device is.
  let device: VulkanDevice
  /// What it can do.
  let features: cvulkan_features
  /// How long commands may run before the device counts as stuck.
  var timeout_ns: UInt64 = 60_000_000_000
  private let loader: UnsafeMutablePointer<cvulkan_loader>
  private let compute: OpaquePointer
  private var pipelines = PipelineCache()
  private var constants: [VulkanShader: ShaderConstants] = [:]
  private let substitutes: [VulkanShader: [UInt32]]
  /// The largest last; the others serve commands that were recorded before it was made.
  private var scratches: [cvulkan_memory] = []
  /// Whether shaders may fill cooperative matrices by element; see ``learnFragments()``.
  var fragmentsAreKnown = false

  /// The variable of the environment that switches the Khronos validation layer on.
  static let validationVariable = "KVSIM_VULKAN_VALIDATION"

  /// - Parameters:
  ///   - validates: by default whether the environment asks for it.
  ///   - vulkan: what all functions of Vulkan are asked of; by default that of libvulkan.so.1.
  ///   - substitutes: SPIR-V in place of what is embedded.
  ///   - adjust: makes of the device's features those that kernels are chosen by.
  /// - Throws: ``DeviceError/noVulkan(device:reason:)``, ``DeviceError/failed(_:)``.
  init(
    _ selection: VulkanSelection, validates: Bool? = nil, vulkan: PFN_vkGetInstanceProcAddr? = nil,
    substitutes: [VulkanShader: [UInt32]] = [:], adjust: (inout cvulkan_features) -> Void = { _ in }
  ) throws(DeviceError) {
    self.substitutes = substitutes
    let asked = getenv(VulkanContext.validationVariable).map { String(cString: $0) } ?? ""
    let loader = UnsafeMutablePointer<cvulkan_loader>.allocate(capacity: 1)
    loader.initialize(to: cvulkan_loader())
    do throws(DeviceError) {
      let (chosen, handle) = try VulkanContext.choose(
        selection, loader, validates: validates ?? !["", "0"].contains(asked), vulkan)
      var compute: OpaquePointer?
      var reason = [CChar](repeating: 0, count: 256)
      let opened = cvulkan_compute_open(loader, handle, &compute, &reason)
      guard opened == CVULKAN_OK, let compute else {
        throw .failed(
          DeviceFailure(
            opened, operation: "open", shape: "", device: chosen.name,
            reason: reason.withUnsafeBytes(String.init(zeroTerminated:))))
      }
      var features = cvulkan_features()
      cvulkan_ask_features(loader, handle, &features)
      adjust(&features)
      self.device = chosen
      self.features = features
      self.compute = compute
      self.loader = loader
    } catch {
      cvulkan_close(loader)
      loader.deallocate()
      throw error
    }
  }

  deinit {
    for pipeline in pipelines.pipelines { cvulkan_destroy_pipeline(compute, pipeline) }
    for index in scratches.indices { cvulkan_free(compute, &scratches[index]) }
    guard cvulkan_compute_close(compute) else { return }
    cvulkan_close(loader)
    loader.deallocate()
  }

  private static func choose(
    _ selection: VulkanSelection, _ loader: UnsafeMutablePointer<cvulkan_loader>, validates: Bool,
    _ vulkan: PFN_vkGetInstanceProcAddr?
  ) throws(DeviceError) -> (VulkanDevice, VkPhysicalDevice) {
    let opened =
      vulkan.map { cvulkan_open_by(loader, $0, validates) } ?? cvulkan_open(loader, nil, validates)
    var handles = [cvulkan_device](repeating: cvulkan_device(), count: 64)
    var count: UInt32 = 0
    var listed = opened
    if opened == CVULKAN_OK {
      listed = cvulkan_list_devices(loader, &handles, UInt32(handles.count), &count)
    }
    guard listed == CVULKAN_OK, count > 0 else {
      throw .noVulkan(
        device: selection.description,
        reason: VulkanListing.reason(
          listed == CVULKAN_OK ? CVULKAN_NO_DRIVER : listed, loader.pointee)
      )
    }
    let devices = handles.prefix(Int(count)).map(VulkanDevice.init)
    guard let index = selection.index(in: devices) else {
      let known = devices.enumerated().map { "vulkan:\($0.offset) is \($0.element.name)" }
      throw .noVulkan(
        device: selection.description,
        reason: "there is no such device; " + known.joined(separator: ", "))
    }
    return (devices[index], handles[index].handle)
  }

  /// How often the validation layer spoke, and what it said first; nil without it.
  var validation: (count: Int, first: String)? {
    guard let messages = loader.pointee.messages else { return nil }
    let first = withUnsafeBytes(of: messages.pointee.first, String.init(zeroTerminated:))
    return (Int(messages.pointee.count), first)
  }

  /// Memory of the device, or memory that the host sees too; freed with the last reference to it.
  func memory(
    byteCount: Int, isHostVisible: Bool = false, for work: VulkanWork
  ) throws(DeviceError) -> VulkanMemory {
    var made = cvulkan_memory()
    // Whole quads, so that wide loads and fills end inside.
    let bytes = UInt64(max(16, (byteCount + 15) / 16 * 16))
    try check(cvulkan_allocate(compute, bytes, isHostVisible, &made), work, bytes: byteCount)
    return VulkanMemory(made, byteCount: byteCount, context: self)
  }

  /// Memory that the host sees, with `elements` in it.
  func memory<Element: BitwiseCopyable>(
    of elements: [Element], for work: VulkanWork
  ) throws(DeviceError) -> VulkanMemory {
    let made = try memory(
      byteCount: elements.count * MemoryLayout<Element>.stride, isHostVisible: true, for: work)
    made.write(elements)
    return made
  }

  /// Where shaders of one call leave what the next ones of it take: memory of the device that grows
  /// with what is asked for. Every call gets the same, so a barrier has to part them.
  func scratch(byteCount: Int, for work: VulkanWork) throws(DeviceError) -> UInt64 {
    if let last = scratches.last, last.byte_count >= byteCount { return last.address }
    var made = cvulkan_memory()
    try check(
      cvulkan_allocate(compute, UInt64(max(16, byteCount)), false, &made), work, bytes: byteCount)
    scratches.append(made)
    return made.address
  }

  fileprivate func free(_ memory: inout cvulkan_memory) { cvulkan_free(compute, &memory) }

  /// A shader with its constants, compiled when it is first asked for. Whoever asks for it records
  /// it into the next list, or into the one that is being recorded: older ones may be gone.
  func pipeline(
    _ shader: VulkanShader, _ constants: [UInt32], for work: VulkanWork
  ) throws(DeviceError) -> VkPipeline {
    let relevant = constantsOf(shader).relevant(constants)
    let key = PipelineCache.Key(shader: shader, constants: relevant)
    if let known = pipelines.find(key) { return known }
    var made: VkPipeline?
    let result = withWords(of: shader) { words in
      cvulkan_make_pipeline(
        compute, words.baseAddress, words.count * 4, relevant, UInt32(relevant.count), &made)
    }
    try check(result, work)
    pipelines.keep(made!, key)
    return made!
  }

  /// Pipelines that are kept.
  var pipelineCount: Int { pipelines.pipelines.count }

  private func constantsOf(_ shader: VulkanShader) -> ShaderConstants {
    if let known = constants[shader] { return known }
    let read = withWords(of: shader) { ShaderConstants($0) }
    constants[shader] = read
    return read
  }

  private func withWords<Result>(
    of shader: VulkanShader, _ body: (UnsafeBufferPointer<UInt32>) -> Result
  ) -> Result {
    guard let substitute = substitutes[shader] else { return body(shader.words) }
    return substitute.withUnsafeBufferPointer(body)
  }

  /// Multiprocessors, or what is assumed where the driver does not say.
  var multiprocessors: Int {
    let known = Int(features.multiprocessors)
    return known > 0 ? known : VulkanContext.assumedMultiprocessors
  }
  /// Where the driver does not say: enough for a large device, and no harm to a small one.
  private static let assumedMultiprocessors = 128

  /// Records commands, runs them so many times, one after the other, and waits for their end.
  func run(
    _ work: VulkanWork, times: Int = 1, _ record: (VulkanRecorder) throws(DeviceError) -> Void
  ) throws(DeviceError) {
    // Nothing runs now, so that what goes is in no list.
    for old in pipelines.removeOldest() { cvulkan_destroy_pipeline(compute, old) }
    while scratches.count > 1 {
      var old = scratches.removeFirst()
      cvulkan_free(compute, &old)
    }
    try check(cvulkan_begin(compute), work)
    try record(VulkanRecorder(compute: compute))
    for _ in 0..<times { try check(cvulkan_submit(compute, timeout_ns), work) }
  }

  /// Nanoseconds of stamps 0 ..< `count` of the last run, from the first stamp on.
  func stamps_ns(_ count: Int, for work: VulkanWork) throws(DeviceError) -> [Double] {
    var ticks = [UInt64](repeating: 0, count: count)
    try check(cvulkan_read_stamps(compute, UInt32(count), &ticks), work)
    return ticks.map { Double($0 &- ticks[0]) * features.timestamp_ns }
  }

  private func check(
    _ result: cvulkan_result, _ work: VulkanWork, bytes: Int? = nil
  ) throws(DeviceError) {
    guard result != CVULKAN_OK else { return }
    throw .failed(
      DeviceFailure(
        result, operation: work.operation, shape: work.shape, device: device.name,
        reason: String(cString: cvulkan_compute_reason(compute))
          + (bytes.map { " for \($0) bytes" } ?? "")))
  }
}

/// What is being done, for whoever reads of its failure.
struct VulkanWork {
  /// The operator: "decode attention".
  let operation: String
  /// Its sizes, in words.
  let shape: String

  init(_ operation: String, _ shape: String = "") {
    self.operation = operation
    self.shape = shape
  }
}

/// A buffer of a device.
final class VulkanMemory {
  private(set) var raw: cvulkan_memory
  /// Bytes that were asked for.
  let byteCount: Int
  private let context: VulkanContext

  fileprivate init(_ raw: cvulkan_memory, byteCount: Int, context: VulkanContext) {
    self.raw = raw
    self.byteCount = byteCount
    self.context = context
  }

  deinit { context.free(&raw) }

  /// What shaders reach it by.
  var address: UInt64 { raw.address }

  /// - Precondition: the host sees the memory, and it holds `elements`.
  func write<Element: BitwiseCopyable>(_ elements: [Element]) {
    elements.withUnsafeBytes { bytes in
      precondition(bytes.count <= byteCount)
      guard let base = bytes.baseAddress else { return }
      raw.mapped!.copyMemory(from: base, byteCount: bytes.count)
    }
  }

  /// Copies its first elements out.
  /// - Precondition: the host sees the memory, and it holds so many.
  func read<Element: BitwiseCopyable>(into elements: inout [Element], count: Int) {
    elements.withUnsafeMutableBytes { bytes in
      let byteCount = count * MemoryLayout<Element>.stride
      precondition(byteCount <= bytes.count && byteCount <= self.byteCount)
      guard let base = bytes.baseAddress else { return }
      base.copyMemory(from: raw.mapped!, byteCount: byteCount)
    }
  }
}

/// Commands on their way into a list.
struct VulkanRecorder {
  fileprivate let compute: OpaquePointer

  /// Runs a shader on a grid of workgroups; `push` is laid out as the shader's push constants are.
  func dispatch<Push: BitwiseCopyable>(
    _ pipeline: VkPipeline, _ push: Push, _ x: Int, _ y: Int = 1, _ z: Int = 1
  ) {
    withUnsafeBytes(of: push) { bytes in
      precondition(bytes.count <= Int(CVULKAN_PUSH_BYTES))
      cvulkan_dispatch(
        compute, pipeline, bytes.baseAddress, UInt32(bytes.count), UInt32(x), UInt32(y), UInt32(z))
    }
  }

  /// Shaders that follow see what shaders before wrote. Copies and fills need none, nor does the
  /// host.
  func barrier() { cvulkan_barrier(compute) }

  /// Copies bytes from the start of one buffer into another.
  func copy(_ from: VulkanMemory, to: VulkanMemory, byteCount: Int) {
    withUnsafePointer(to: from.raw) { source in
      withUnsafePointer(to: to.raw) { target in
        cvulkan_copy(compute, source, 0, target, 0, UInt64(byteCount))
      }
    }
  }

  /// Writes one word all over a buffer.
  func fill(_ memory: VulkanMemory, _ word: UInt32) {
    withUnsafePointer(to: memory.raw) { cvulkan_fill(compute, $0, word) }
  }

  /// Writes the time when all before is done.
  func stamp(_ index: Int) { cvulkan_stamp(compute, UInt32(index)) }
}
