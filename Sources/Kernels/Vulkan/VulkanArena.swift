import CVulkan
import Operators

/// The memory that timings run on, all of the device: pools of pages and weights, inputs and
/// results. It is filled with random numbers once, and handed out in turn, so that no call finds in
/// a cache what an earlier one left there.
final class VulkanArena {
  /// Halves: weights, and pages of 16 bits.
  let halves: VulkanRegion
  /// Activations, rows to append, queries.
  let inputs: VulkanRegion
  /// What comes out, at the same place each time, as an engine's step buffers are.
  let results: VulkanMemory
  private let context: VulkanContext
  /// Pages of four bits, for one way to lay them out at a time.
  private var codes: (region: VulkanRegion, slab: [UInt32])?
  /// Pages in a fixed random order, and which of them is handed out next.
  private var orders: [PageSize: (pages: [Int32], cursor: Int)] = [:]
  /// Decode attention of the shapes that were timed last, the newest at the end.
  private var decodes: [(shape: DecodeShape, buffers: VulkanDecodeBuffers)] = []

  private struct PageSize: Hashable {
    let byteCount, bits: Int
  }

  /// A shape of decode attention.
  struct DecodeShape: Hashable {
    let contexts: [Int]
    let layout: PageLayout
    let groupSize: Int
  }

  /// What the regions take at most, and that one of a GPU made of software takes: it shares the
  /// host's memory, and has caches of megabytes.
  ///
  /// More than the pages of one layer on a device that is full of them. Over 24 GiB pages at random
  /// wait for address translation, and not for memory: decode attention of 64 sequences of 4,096
  /// tokens took an H200 512 us there in FP16, and 251 over 10 GiB or 8.
  private static let halvesLimit_bytes = 8 << 30
  private static let codesLimit_bytes = 8 << 30
  private static let floatsLimit_bytes = 2 << 30
  private static let softwareLimit_bytes = 512 << 20
  /// A region that is not to be had at this size is not asked for at half of it.
  private static let leastPool_bytes = 64 << 20
  /// Entries of the block tables of one call.
  static let tableLimit = 1 << 26
  /// Sequences of one call reach at most so far: shaders count tokens in 32 bits.
  static let contextLimit = 1 << 31
  /// Shapes of decode attention whose plans are kept: the formats of a round, and some.
  private static let keptDecodes = 4

  init(_ context: VulkanContext) throws(DeviceError) {
    self.context = context
    let work = VulkanWork("timing", "its memory")
    halves = try VulkanRegion(
      VulkanArena.memory(of: context, 3, VulkanArena.halvesLimit_bytes, for: work))
    inputs = try VulkanRegion(
      VulkanArena.memory(of: context, 12, VulkanArena.floatsLimit_bytes, for: work))
    results = try VulkanArena.memory(of: context, 12, VulkanArena.floatsLimit_bytes, for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      try halves.memory.fill(.halves, context, work, recorder)
      try inputs.memory.fill(.floats, context, work, recorder)
      recorder.fill(results, 0)
    }
  }

  /// A part of the device's memory, up to a limit; half of that, and so on, where it is not to be
  /// had: other programs use the device, and drivers bound what one buffer takes.
  private static func memory(
    of context: VulkanContext, _ parts: Int, _ limit: Int, for work: VulkanWork
  ) throws(DeviceError) -> VulkanMemory {
    let local = Int(context.device.deviceLocalBytes)
    let most = context.device.kind == .cpu ? min(limit, softwareLimit_bytes) : limit
    var byteCount = max(16, min(most, local / parts) / 16 * 16)
    while true {
      do throws(DeviceError) {
        return try context.memory(byteCount: byteCount, for: work)
      } catch {
        guard case .failed(let failure) = error, failure.kind == .outOfMemory,
          byteCount > leastPool_bytes
        else { throw error }
        byteCount = byteCount / 32 * 16
      }
    }
  }

  /// The pool that has pages of `layout`. One of four bits is filled again where the sizes of a
  /// slab are other than before.
  func pool(_ layout: PageLayout) throws(DeviceError) -> VulkanRegion {
    guard layout.format.bitsPerElement == 4 else { return halves }
    let work = VulkanWork("timing", "its pages")
    let page = PageConstants(layout: layout, groupSize: 1)
    let slab = [layout.headDim, layout.blockSize].map(UInt32.init)
    if let codes, codes.slab == slab { return codes.region }
    let region: VulkanRegion
    if let codes {
      region = codes.region
    } else {
      region = try VulkanRegion(
        VulkanArena.memory(of: context, 6, VulkanArena.codesLimit_bytes, for: work))
    }
    try context.run(work) { (recorder) throws(DeviceError) in
      try region.memory.fill(.pages(page), context, work, recorder)
    }
    codes = (region, slab)
    return region
  }

  /// The pages of calls that read `count` each, in a fixed random order, for as many calls as go
  /// through more than the last-level cache holds, several times over: call `i` takes those from
  /// `i * count` on. Where that is more than the pool holds, pages repeat, by then long gone from
  /// every cache.
  func nextPages(
    _ count: Int, of layout: PageLayout
  ) throws(DeviceError) -> (pages: [Int32], turns: Int) {
    guard count <= VulkanArena.tableLimit else {
      throw .unsupportedShape(
        field: "pages", value: count, accepted: "at most \(VulkanArena.tableLimit)")
    }
    let cold = 4 * VulkanBackend.assumedCacheBytes, bytes = count * layout.pageBytes
    let turns = min(1 << 14, max(2, (cold + bytes - 1) / bytes))
    let held = try pool(layout).memory.byteCount / layout.pageBytes
    // Tiny pages are not all put in order: a million of them, or what the calls need.
    let wanted = min(held, max(1 << 20, count * turns))
    let size = PageSize(byteCount: layout.pageBytes, bits: layout.format.bitsPerElement)
    var order = orders.removeValue(forKey: size) ?? ([], 0)
    if order.pages.count < wanted {
      var random = SplitMix64(seed: 0x5EED)
      order = ((0..<Int32(wanted)).shuffled(using: &random), 0)
    }
    let start = order.cursor, total = count * turns
    order.cursor = (start + total) % order.pages.count
    orders[size] = order
    return ((0..<total).map { order.pages[(start + $0) % order.pages.count] }, turns)
  }

  /// Plan and buffers of decode attention of such sequences, made when they are first asked for;
  /// those of the last few shapes are kept. Queries are random.
  func decode(_ shape: DecodeShape, for work: VulkanWork) throws(DeviceError) -> VulkanDecodeBuffers
  {
    if let known = decodes.firstIndex(where: { $0.shape == shape }) {
      decodes.append(decodes.remove(at: known))
      return decodes.last!.buffers
    }
    if decodes.count == VulkanArena.keptDecodes { decodes.removeFirst() }
    let plan = VulkanDecodePlan(
      contexts: shape.contexts, kvHeads: shape.layout.kvHeads, groupSize: shape.groupSize,
      bits: shape.layout.format.bitsPerElement, multiprocessors: context.multiprocessors)
    let buffers = try VulkanDecodeBuffers(
      plan, PageConstants(layout: shape.layout, groupSize: shape.groupSize), context, work,
      isHostVisible: false)
    try context.run(work) { (recorder) throws(DeviceError) in
      try buffers.queries.fill(.floats, context, work, recorder)
    }
    decodes.append((shape, buffers))
    return buffers
  }
}

/// Memory that is handed out piece by piece, from the start again where it ends.
final class VulkanRegion {
  let memory: VulkanMemory
  private var cursor = 0

  init(_ memory: VulkanMemory) { self.memory = memory }

  /// Where the next `byteCount` bytes begin.
  func next(_ byteCount: Int, _ field: String) throws(DeviceError) -> UInt64 {
    try memory.check(holds: byteCount, field)
    if cursor + byteCount > memory.byteCount { cursor = 0 }
    defer { cursor += (byteCount + 255) / 256 * 256 }
    return memory.address + UInt64(cursor)
  }
}

/// What `fill.comp` writes.
enum VulkanContent {
  /// Floats from -2 to 2.
  case floats
  /// Halves from -2 to 2.
  case halves
  /// Four-bit pages of these sizes: uniform codes, plausible scales and zeros.
  case pages(PageConstants)

  private static let threads = 256

  /// The shader's constants.
  var constants: [UInt32] {
    let none = PageConstants.none(workgroup: VulkanContent.threads, [])
    return switch self {
    case .floats: none + [1]
    case .halves: none + [2]
    case .pages(let page):
      // Rotation and heads change nothing of a slab: formats that differ in them share a pipeline.
      [
        VulkanContent.threads, page.layout.format.bitsPerElement, page.layout.headDim,
        page.layout.blockSize, 0, 0, 1, 3,
      ].map(UInt32.init)
    }
  }

  /// Bytes after which content begins anew: those of a slab, or of a word.
  var period: Int {
    switch self {
    case .floats, .halves: 4
    case .pages(let page): page.layout.slabBytes
    }
  }

  /// Workgroups for so many words.
  func groups(words: Int) -> (Int, Int) {
    VulkanOperators.spread((words + VulkanContent.threads - 1) / VulkanContent.threads)
  }
}

extension VulkanContext {
  /// Memory of the device with `elements` in it: what the host keeps in its own would be read over
  /// the bus in every call.
  func deviceMemory<Element: BitwiseCopyable>(
    of elements: [Element], for work: VulkanWork
  ) throws(DeviceError) -> VulkanMemory {
    let staged = try memory(of: elements, for: work)
    let made = try memory(byteCount: staged.byteCount, for: work)
    try run(work) { (recorder) throws(DeviceError) in
      recorder.copy(staged, to: made, byteCount: staged.byteCount)
    }
    return made
  }
}

extension VulkanMemory {
  /// Refuses more bytes than there are.
  func check(holds byteCount: Int, _ field: String) throws(DeviceError) {
    guard byteCount <= self.byteCount else {
      throw .unsupportedShape(
        field: field, value: byteCount, accepted: "at most \(self.byteCount) on this device")
    }
  }

  private struct FillPush {
    var x: UInt64
    var count, seed: UInt32
  }

  /// Writes random numbers over all of it.
  func fill(
    _ content: VulkanContent, _ context: VulkanContext, _ work: VulkanWork,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    try VulkanMemory.fill(content, at: address, byteCount: byteCount, context, work, recorder)
  }

  /// Writes random numbers over `byteCount` bytes, in whole words.
  static func fill(
    _ content: VulkanContent, at address: UInt64, byteCount: Int, _ context: VulkanContext,
    _ work: VulkanWork, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let pipeline = try context.pipeline(.fill, content.constants, for: work)
    // A shader counts words in 32 bits; each piece begins where content begins anew.
    let piece = (1 << 30) / content.period * content.period
    for (number, start) in stride(from: 0, to: byteCount, by: piece).enumerated() {
      let words = (min(piece, byteCount - start) + 3) / 4
      let (x, y) = content.groups(words: words)
      recorder.dispatch(
        pipeline,
        FillPush(
          x: address + UInt64(start), count: UInt32(words),
          seed: UInt32(truncatingIfNeeded: number << 28)), x, y)
    }
  }
}
