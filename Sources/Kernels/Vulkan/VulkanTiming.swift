import CVulkan
import Operators

extension VulkanBackend {
  /// What a sample takes at least, by as many calls as it needs: two timestamps add microseconds to
  /// what lies between them, and tick in steps of up to one.
  private static let sample_ns = 200_000.0
  /// Calls of a sample at most, and samples of a list.
  private static let mostReplays = 64
  private static let samplesOfList = Int(CVULKAN_STAMPS) / 2
  /// About how long one list of commands may run.
  private static let list_ns = 1e9
  /// How long a GPU works before its time counts. An idle one lowers its clock (an H200 from 1,980
  /// to 345 MHz within three seconds of light load) and raises it within milliseconds of work:
  /// 7,983 points took as long after 8 ms as after 20, give or take 1 % (docs/cost-model.md).
  private static let warmUp_ns: Int64 = 8_000_000
  /// About how long one of the lists may run by which it warms up.
  private static let warmUpList_ns = 5e6

  /// Nanoseconds of `calls` samples of what `record` records for the call with a number.
  ///
  /// Where a call takes less than 200 µs, a sample is the mean of as many calls as come to that, 64
  /// at most, one after the other between two timestamps, each with inputs of its own. First lists
  /// find out how many, and let a GPU raise its clock; they count nowhere. Each further list begins
  /// with a call that does not count either. What `prepare` records for a call runs before the
  /// sample's first timestamp.
  func timeRuns(
    _ work: VulkanWork, calls: Int, mostReplays: Int = VulkanBackend.mostReplays,
    prepare: (Int, VulkanRecorder) throws(DeviceError) -> Void = { _, _ in },
    _ record: (Int, VulkanRecorder) throws(DeviceError) -> Void
  ) throws(DeviceError) -> [Int64] {
    guard context.features.timestamp_ns > 0 else {
      throw .failed(
        DeviceFailure(
          CVULKAN_MISSING_FEATURE, operation: work.operation, shape: work.shape,
          device: context.device.name, reason: "its queue has no timestamps"))
    }
    guard calls > 0 else { return [] }
    var next = 0
    /// Nanoseconds of a call in each of `count` samples of a list, which runs so many times.
    func list(
      _ count: Int, replays: Int, times: Int = 1, after warmUps: Int
    ) throws(DeviceError) -> [Double] {
      try context.run(work, times: times) { (recorder) throws(DeviceError) in
        for number in 0..<warmUps + count {
          let first = next, calls = number < warmUps ? 1 : replays
          next += calls
          for call in first..<next { try prepare(call, recorder) }
          recorder.barrier()
          if number >= warmUps { recorder.stamp(2 * (number - warmUps)) }
          for call in first..<next {
            try record(call, recorder)
            recorder.barrier()
          }
          if number >= warmUps { recorder.stamp(2 * (number - warmUps) + 1) }
        }
      }
      let stamps_ns = try context.stamps_ns(2 * count, for: work)
      return (0..<count).map {
        max(1, (stamps_ns[2 * $0 + 1] - stamps_ns[2 * $0]) / Double(replays))
      }
    }
    /// Calls of a sample, and samples of a list that takes so long.
    func lengths(_ call_ns: Double, _ list_ns: Double) -> (replays: Int, samples: Int) {
      let enough = Int(VulkanBackend.sample_ns / call_ns) + 1
      let replays = call_ns < VulkanBackend.sample_ns ? max(1, min(mostReplays, enough)) : 1
      let samples = Int(list_ns / (call_ns * Double(replays)))
      return (replays, max(1, min(VulkanBackend.samplesOfList, samples)))
    }
    let begun_ns = MonotonicClock.now_ns
    var trial_ns = try list(1, replays: 1, times: 2, after: 0)[0]
    while facts.isGPU, MonotonicClock.now_ns - begun_ns < VulkanBackend.warmUp_ns {
      let (replays, samples) = lengths(trial_ns, VulkanBackend.warmUpList_ns)
      trial_ns = try list(samples, replays: replays, after: 0).last!
    }
    let (replays, samples) = lengths(trial_ns, VulkanBackend.list_ns)
    // Software has no clock to raise, and its long calls are not made more often than need be.
    var calls_ns = replays == 1 && !facts.isGPU ? [trial_ns] : []
    while calls_ns.count < calls {
      calls_ns += try list(min(calls - calls_ns.count, samples), replays: replays, after: 1)
    }
    return calls_ns.map { Int64($0) }
  }

  /// See ``KernelBackend/time(_:blockSize:repeats:)``. A sample of a short call is the mean of
  /// several: timestamps cost microseconds.
  public func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: blockSize, "block_size")
    let arena = try timingArena()
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      return try timeLinear(tokens, outputs, inputs, repeats, arena)
    case .append(let tokens, let heads, let format):
      return try timeAppend(tokens, page(heads, format, blockSize, arena), repeats, arena)
    case .gather(let tokens, let heads, let format):
      return try timeGather(tokens, page(heads, format, blockSize, arena), repeats, arena)
    case .decodeAttention(let sequences, let context, let heads, let format):
      let page = try page(heads, format, blockSize, arena)
      try checkContext(context)
      let contexts = try TimingArena.contexts(
        sequences, context, of: page.layout, limit: VulkanArena.tableLimit)
      return try timeDecode(contexts, page, repeats, arena)
    case .raggedDecode(let batch, let heads, let format):
      return try timeDecode(
        batch.contexts, page(heads, format, blockSize, arena), repeats, arena)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      return try timePrefill(
        tokens, prefix, page(heads, format, blockSize, arena), repeats, arena)
    case .mixedAttention:
      throw .noKernel(operation: "attention of prompts and single tokens in one launch")
    case .elementwise(let kind, let rows, let width):
      return try timeSmall(kind, rows: rows, width: width, repeats, arena)
    case .experts:
      throw .noKernel(operation: "the experts of a layer")
    }
  }

  /// See ``KernelBackend/measureReadBandwidth(repeats:)``.
  public func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double {
    // Software reads a thousandth as fast, beyond caches of megabytes.
    let most = min(
      try timingArena().halves.memory.byteCount, facts.isGPU ? 2 << 30 : 128 << 20)
    // Little memory takes fewer threads, so that each still has whole strides to go.
    let isLarge = most >= VulkanBackend.bytesOfReader * 256 * 8192
    let (threads, groups) = isLarge ? (256, 8192) : (64, 64)
    return try measureRead(
      threads: threads, groups: groups,
      turns: most / (VulkanBackend.bytesOfReader * threads * groups), repeats)
  }

  /// Bytes per second of one call that does nothing but read so many bytes of weights, to within
  /// 32 KiB in each 256 MiB, after others of its kind: what launching leaves of
  /// ``measureReadBandwidth(repeats:)``. A device that holds fewer bytes for weights is an error.
  public func measureRead(ofBytes byteCount: Int, repeats: Int) throws(DeviceError) -> Double {
    let threads = 256, mostGroups = 8192
    let groups = max(1, byteCount / (VulkanBackend.bytesOfReader * threads))
    let turns = (groups + mostGroups - 1) / mostGroups
    return try measureRead(threads: threads, groups: groups / turns, turns: turns, repeats)
  }

  /// What a thread of `read.comp` reads at once.
  private static let bytesOfReader = 8 * 16

  private func measureRead(
    threads: Int, groups: Int, turns: Int, _ repeats: Int
  ) throws(DeviceError) -> Double {
    let arena = try timingArena()
    let work = VulkanWork("read")
    let byteCount = VulkanBackend.bytesOfReader * threads * groups * turns
    let times_ns = try timeRuns(work, calls: max(1, repeats)) {
      (_, recorder) throws(DeviceError) in
      let pipeline = try context.pipeline(.read, [UInt32(threads)], for: work)
      recorder.dispatch(
        pipeline,
        ReadPush(
          memory: try arena.halves.next(byteCount, "read_bytes"), result: arena.results.address,
          quads: UInt32(byteCount / 16)), groups)
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

  /// The sizes of pages, of which the pool holds one at least.
  private func page(
    _ heads: HeadGeometry, _ format: KVFormat, _ blockSize: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> PageConstants {
    let layout = PageLayout(
      format: format, blockSize: blockSize, kvHeads: heads.kvHeads, headDim: heads.headDim)
    try InputChecks.check(layout)
    try arena.pool(layout).memory.check(holds: layout.pageBytes, "page_bytes")
    return PageConstants(layout: layout, groupSize: heads.groupSize)
  }

  private func timeLinear(
    _ tokens: Int, _ outputs: Int, _ inputs: Int, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    try InputChecks.check(positive: tokens, "tokens")
    try InputChecks.check(positive: outputs, "outputs")
    try InputChecks.check(positive: inputs, "inputs")
    let activationBytes = try 4 * InputChecks.product([("tokens", tokens), ("inputs", inputs)])
    let weightBytes = try 2 * InputChecks.product([("outputs", outputs), ("inputs", inputs)])
    let resultBytes = try 4 * InputChecks.product([("tokens", tokens), ("outputs", outputs)])
    try arena.inputs.memory.check(holds: activationBytes, "activation_bytes")
    try arena.halves.memory.check(holds: weightBytes, "weight_bytes")
    try arena.results.check(holds: resultBytes, "result_bytes")
    let work = VulkanWork("linear", "\(tokens) tokens, \(outputs) outputs, \(inputs) inputs")
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
      try operators.linear(
        x: arena.inputs.next(activationBytes, "activation_bytes"),
        w: arena.halves.next(weightBytes, "weight_bytes"), y: arena.results.address,
        tokens: tokens, outputs: outputs, inputs: inputs, recorder)
    }
  }

  /// Bytes of the keys of so many tokens, or of their values, as floats.
  private func rowBytes(_ tokens: Int, _ layout: PageLayout) throws(DeviceError) -> Int {
    try InputChecks.check(positive: tokens, "tokens")
    return try 4
      * InputChecks.product([
        ("tokens", tokens), ("head_dim", layout.headDim), ("kv_heads", layout.kvHeads),
      ])
  }

  private func timeAppend(
    _ tokens: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    let layout = page.layout, size = layout.blockSize
    let bytes = try rowBytes(tokens, layout)
    try arena.inputs.memory.check(holds: 2 * bytes, "row_bytes")
    let work = VulkanWork("append", "\(tokens) tokens, \(page)")
    let blocks = try TimingArena.pages(tokens: tokens, of: layout)
    let (pages, turns) = try arena.nextPages(blocks, of: layout)
    let slots = (0..<turns * tokens).map { slot in
      let (turn, token) = slot.quotientAndRemainder(dividingBy: tokens)
      return UInt32(pages[turn * blocks + token / size]) * UInt32(size) + UInt32(token % size)
    }
    let places = try context.deviceMemory(of: slots, for: work)
    let pool = try arena.pool(layout).memory
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (call, recorder) throws(DeviceError) in
      let rows = try arena.inputs.next(2 * bytes, "row_bytes")
      try operators.append(
        page, pages: pool.address, keys: rows, values: rows + UInt64(bytes),
        slots: places.address + UInt64(4 * (call % turns) * tokens), tokens: tokens, recorder)
    }
  }

  private func timeGather(
    _ tokens: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    let layout = page.layout
    let bytes = try rowBytes(tokens, layout)
    try arena.results.check(holds: 2 * bytes, "row_bytes")
    let work = VulkanWork("gather", "\(tokens) tokens, \(page)")
    let tables = try tables([tokens], layout, arena, work)
    let pool = try arena.pool(layout).memory
    let operators = VulkanOperators(context: context, work: work)
    return try timeRuns(work, calls: repeats) { (call, recorder) throws(DeviceError) in
      try operators.gather(
        page, pages: pool.address, table: tables.address(call), keys: arena.results.address,
        values: arena.results.address + UInt64(bytes), tokens: tokens, recorder)
    }
  }

  private func timeDecode(
    _ contexts: [Int], _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    let layout = page.layout
    let queryBytes =
      try 4
      * InputChecks.product([
        ("sequences", contexts.count), ("head_dim", layout.headDim), ("kv_heads", layout.kvHeads),
        ("group_size", page.groupSize),
      ])
    let work = VulkanWork(
      "decode attention",
      "\(contexts.count) sequences of up to \(contexts.max() ?? 0), \(page)")
    let tables = try tables(contexts, layout, arena, work)
    try arena.results.check(holds: queryBytes, "query_bytes")
    let buffers = try arena.decode(
      VulkanArena.DecodeShape(
        contexts: contexts, layout: layout, groupSize: page.groupSize),
      for: work)
    let pool = try arena.pool(layout).memory
    let operators = VulkanOperators(context: self.context, work: work)
    return try timeRuns(work, calls: repeats) { (call, recorder) throws(DeviceError) in
      try operators.decode(
        page, buffers, pages: pool.address, tables: tables.address(call),
        tableStride: tables.width, softCap: 0, recorder)
    }
  }

  private func timePrefill(
    _ tokens: Int, _ prefix: Int, _ page: PageConstants, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    let layout = page.layout
    try InputChecks.check(positive: tokens, "tokens")
    guard prefix >= 0 else {
      throw .unsupportedShape(field: "prefix", value: prefix, accepted: "0 and more")
    }
    let bytes = try rowBytes(tokens, layout)
    let queryBytes = try InputChecks.product([("bytes", bytes), ("group_size", page.groupSize)])
    _ = try InputChecks.product([("prefix", prefix)])
    try arena.inputs.memory.check(holds: queryBytes, "query_bytes")
    try arena.results.check(holds: queryBytes, "output_bytes")
    let work = VulkanWork("prefill attention", "\(tokens) tokens after \(prefix), \(page)")
    let tables = try tables([prefix + tokens], layout, arena, work)
    let pool = try arena.pool(layout).memory
    let operators = VulkanOperators(context: context, work: work)
    // Without matrices queries are turned in place, so each call gets fresh ones first.
    let places = arena.inputs.memory.byteCount / queryBytes
    func queries(_ call: Int) -> UInt64 {
      arena.inputs.memory.address + UInt64(call % places * queryBytes)
    }
    return try timeRuns(
      work, calls: repeats, mostReplays: min(places, VulkanBackend.mostReplays),
      prepare: { (call, recorder) throws(DeviceError) in
        try VulkanMemory.fill(
          .floats, at: queries(call), byteCount: queryBytes, context, work, recorder)
      }
    ) { (call, recorder) throws(DeviceError) in
      try operators.prefill(
        page, pages: pool.address, table: tables.address(call), queries: queries(call),
        outputs: arena.results.address, prefix: prefix, tokens: tokens, options: .plain, recorder)
    }
  }

  /// Block tables of calls in turn.
  private struct Tables {
    let memory: VulkanMemory
    let turns: Int
    /// Entries of a sequence, and of a call.
    let width, count: Int

    func address(_ call: Int) -> UInt64 { memory.address + UInt64(4 * (call % turns) * count) }
  }

  private func checkContext(_ tokens: Int) throws(DeviceError) {
    guard tokens <= VulkanArena.contextLimit else {
      throw .unsupportedShape(
        field: "tokens", value: tokens, accepted: "at most \(VulkanArena.contextLimit)")
    }
  }

  /// Tables of sequences of so many tokens each, for as many calls as go through more memory than
  /// any cache holds.
  private func tables(
    _ contexts: [Int], _ layout: PageLayout, _ arena: VulkanArena, _ work: VulkanWork
  ) throws(DeviceError) -> Tables {
    try checkContext(contexts.max() ?? 0)
    let rows = try PageRows(contexts, of: layout)
    let (pages, turns) = try arena.nextPages(rows.pages, of: layout)
    return Tables(
      memory: try self.context.deviceMemory(of: rows.tables(of: pages), for: work), turns: turns,
      width: rows.width, count: rows.width * contexts.count)
  }
}
