import CVulkan
import Operators

/// The memory that timings run on: a pool of pages and weights, inputs and results, all of the
/// device, filled once.
final class VulkanArena {
  /// Pages and weights: larger than any cache of the device.
  let pool: VulkanMemory
  /// Inputs, and what comes out.
  let inputs, results: VulkanMemory
  private var cursor = 0

  /// What the pool takes of the device's memory, at most.
  private static let poolLimit_bytes = 24 << 30
  private static let floatLimit_bytes = 2 << 30

  init(_ context: VulkanContext) throws(DeviceError) {
    let work = VulkanWork("timing", "its memory")
    let local = Int(context.device.deviceLocalBytes)
    // A device made of software shares the host's memory, and has caches of megabytes.
    let share = context.device.kind == .cpu ? 8 : 3
    pool = try context.memory(
      byteCount: min(VulkanArena.poolLimit_bytes, local / share / 16 * 16), for: work)
    let floats = min(VulkanArena.floatLimit_bytes, local / (4 * share) / 16 * 16)
    inputs = try context.memory(byteCount: floats, for: work)
    results = try context.memory(byteCount: floats, for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      // Halves of 0.15 and floats of 0.01: plausible as codes, scales and zeros too.
      recorder.fill(pool, 0x30CD_30CD)
      recorder.fill(inputs, 0x3C23_D70A)
      recorder.fill(results, 0)
      recorder.barrier()
    }
  }

  /// Where the next `byteCount` bytes of the pool begin: pieces in turn, from the start again where
  /// the pool ends.
  func next(_ byteCount: Int, _ field: String) throws(DeviceError) -> UInt64 {
    guard byteCount <= pool.byteCount else {
      throw .unsupportedShape(
        field: field, value: byteCount, accepted: "at most \(pool.byteCount) on this device")
    }
    if cursor + byteCount > pool.byteCount { cursor = 0 }
    defer { cursor += (byteCount + 255) / 256 * 256 }
    return pool.address + UInt64(cursor)
  }
}

extension VulkanBackend {
  /// Nanoseconds of `calls` runs of what `record` records, each between two timestamps, from a list
  /// that has run once before.
  private func timeRuns(
    _ work: VulkanWork, calls: Int,
    _ record: (Int, VulkanRecorder) throws(DeviceError) -> Void
  ) throws(DeviceError) -> [Int64] {
    guard context.features.timestamp_ns > 0 else {
      throw .failed(
        DeviceFailure(
          CVULKAN_MISSING_FEATURE, operation: work.operation, shape: work.shape,
          device: context.device.name, reason: "its queue has no timestamps"))
    }
    let stamps = min(calls, Int(CVULKAN_STAMPS) - 1) + 1
    try context.run(work, times: 2) { (recorder) throws(DeviceError) in
      recorder.stamp(0)
      for call in 1..<stamps {
        try record(call, recorder)
        recorder.barrier()
        recorder.stamp(call)
      }
    }
    let times_ns = try context.stamps_ns(stamps, for: work)
    return zip(times_ns, times_ns.dropFirst()).map { Int64(max(1, $1 - $0)) }
  }

  /// See ``KernelBackend/time(_:blockSize:repeats:)``.
  public func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: blockSize, "block_size")
    let arena = try timingArena()
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      return try timeLinear(tokens, outputs, inputs, repeats, arena)
    case .append(let tokens, let heads, let format):
      return try timeRows(
        tokens, page(heads, format, blockSize), repeats, arena, isAppend: true)
    case .gather(let tokens, let heads, let format):
      return try timeRows(
        tokens, page(heads, format, blockSize), repeats, arena, isAppend: false)
    case .decodeAttention(let sequences, let context, let heads, let format):
      return try timeDecode(
        sequences, context, page(heads, format, blockSize), repeats, arena)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      return try timePrefill(tokens, prefix, page(heads, format, blockSize), repeats, arena)
    }
  }

  /// See ``KernelBackend/measureReadBandwidth(repeats:)``.
  public func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double {
    let arena = try timingArena()
    let work = VulkanWork("read")
    // A small pool takes fewer threads, so that each still has whole strides to go.
    let isLarge = arena.pool.byteCount >= 16 * 8 * 256 * 8192
    let (threads, groups) = isLarge ? (256, 8192) : (64, 64)
    let step = 16 * 8 * threads * groups
    let byteCount = min(arena.pool.byteCount, 2 << 30) / step * step
    let pipeline = try context.pipeline(.read, [UInt32(threads)], for: work)
    let push = ReadPush(
      memory: arena.pool.address, result: arena.results.address,
      quads: UInt32(byteCount / 16))
    let times_ns = try timeRuns(work, calls: max(1, repeats)) { (_, recorder) in
      recorder.dispatch(pipeline, push, groups)
    }
    .sorted()
    return Double(byteCount) / Double(times_ns[times_ns.count / 2]) * 1e9
  }

  private struct ReadPush {
    var memory, result: UInt64
    var quads: UInt32
  }

  private func timingArena() throws(DeviceError) -> VulkanArena {
    if let arena { return arena }
    let made = try VulkanArena(context)
    arena = made
    return made
  }

  private func page(
    _ heads: HeadGeometry, _ format: KVFormat, _ blockSize: Int
  ) throws(DeviceError) -> PageConstants {
    let layout = PageLayout(
      format: format, blockSize: blockSize, kvHeads: heads.kvHeads, headDim: heads.headDim)
    try InputChecks.check(layout)
    return PageConstants(layout: layout, groupSize: heads.groupSize)
  }

  /// Refuses inputs or results beyond the arena.
  private func check(_ byteCount: Int, _ memory: VulkanMemory, _ field: String) throws(DeviceError)
  {
    guard byteCount <= memory.byteCount else {
      throw .unsupportedShape(
        field: field, value: byteCount, accepted: "at most \(memory.byteCount) on this device")
    }
  }

  private func timeLinear(
    _ tokens: Int, _ outputs: Int, _ inputs: Int, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: tokens, "tokens")
    try InputChecks.check(positive: outputs, "outputs")
    try InputChecks.check(positive: inputs, "inputs")
    try check(4 * tokens * inputs, arena.inputs, "activation_bytes")
    try check(4 * tokens * outputs, arena.results, "result_bytes")
    let work = VulkanWork("linear", "\(tokens) tokens, \(outputs) outputs, \(inputs) inputs")
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
      try operators.linear(
        x: arena.inputs.address, w: arena.next(2 * outputs * inputs, "weight_bytes"),
        y: arena.results.address, tokens: tokens, outputs: outputs, inputs: inputs, recorder)
    }
  }

  /// Append or gather of `tokens` tokens in pages at random.
  private func timeRows(
    _ tokens: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena, isAppend: Bool
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: tokens, "tokens")
    let layout = page.layout, size = layout.blockSize
    let work = VulkanWork(isAppend ? "append" : "gather", "\(tokens) tokens, \(page)")
    let bytes = 4 * tokens * layout.kvHeads * layout.headDim
    try check(2 * bytes, isAppend ? arena.inputs : arena.results, "row_bytes")
    let rows = (isAppend ? arena.inputs : arena.results).address
    let blocks = (tokens + size - 1) / size
    let tables = try (0..<4).map { (turn) throws(DeviceError) in
      let table = shuffledPages(blocks, layout, arena, seed: UInt64(turn))
      let slots = (0..<tokens).map { UInt32(table[$0 / size]) * UInt32(size) + UInt32($0 % size) }
      return isAppend
        ? try context.memory(of: slots, for: work) : try context.memory(of: table, for: work)
    }
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (call, recorder) throws(DeviceError) in
      let table = tables[call % tables.count].address
      if isAppend {
        try operators.append(
          page, pages: arena.pool.address, keys: rows, values: rows + UInt64(bytes), slots: table,
          tokens: tokens, recorder)
      } else {
        try operators.gather(
          page, pages: arena.pool.address, table: table, keys: rows,
          values: rows + UInt64(bytes), tokens: tokens, recorder)
      }
    }
  }

  private func timeDecode(
    _ sequences: Int, _ context: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: sequences, "sequences")
    try InputChecks.check(positive: context, "context")
    let work = VulkanWork("decode attention", "\(sequences) sequences of \(context), \(page)")
    let width = (context + page.layout.blockSize - 1) / page.layout.blockSize
    let plan = VulkanDecodePlan(
      contexts: [Int](repeating: context, count: sequences), kvHeads: page.layout.kvHeads,
      slots: self.context.slots)
    let buffers = try VulkanDecodeBuffers(
      plan, page, self.context, work, isHostVisible: false)
    let tables = try (0..<4).map { (turn) throws(DeviceError) in
      try self.context.memory(
        of: shuffledPages(sequences * width, page.layout, arena, seed: UInt64(turn)), for: work)
    }
    let operators = VulkanOperators(context: self.context, work: work)
    return try timeRuns(work, calls: repeats) { (call, recorder) throws(DeviceError) in
      try operators.decode(
        page, buffers, pages: arena.pool.address, tables: tables[call % tables.count].address,
        tableStride: width, softCap: 0, recorder)
    }
  }

  private func timePrefill(
    _ tokens: Int, _ prefix: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: tokens, "tokens")
    try InputChecks.check(positive: prefix + 1, "prefix")
    let work = VulkanWork("prefill attention", "\(tokens) tokens after \(prefix), \(page)")
    let width = (prefix + tokens + page.layout.blockSize - 1) / page.layout.blockSize
    let bytes = 4 * tokens * page.layout.kvHeads * page.groupSize * page.layout.headDim
    try check(bytes, arena.inputs, "query_bytes")
    try check(bytes, arena.results, "output_bytes")
    let table = try context.memory(
      of: shuffledPages(width, page.layout, arena, seed: 0), for: work)
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
      try operators.prefill(
        page, pages: arena.pool.address, table: table.address, queries: arena.inputs.address,
        outputs: arena.results.address, prefix: prefix, tokens: tokens, options: .plain, recorder)
    }
  }

  /// Pages of the pool in a random order, again from its start where it has too few.
  private func shuffledPages(
    _ count: Int, _ layout: PageLayout, _ arena: VulkanArena, seed: UInt64
  ) -> [Int32] {
    var random = SplitMix64(seed: seed)
    let held = arena.pool.byteCount / layout.pageBytes
    let order = (0..<Int32(min(held, max(count, 1) * 4))).shuffled(using: &random)
    return (0..<count).map { order[$0 % order.count] }
  }
}
