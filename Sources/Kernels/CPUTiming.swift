import CAttention
import Operators

extension CPUBackend {
  /// Calls of so long are not warmed up for.
  private static let longCall_ns: Int64 = 10_000_000

  /// See ``KernelBackend/time(_:blockSize:repeats:)``.
  public func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64] {
    let arena = try timingArena()
    var samples: [Int64] = []
    // The first call meets cold code, scratch and threads. That is lost in a long one; a short one
    // does not count.
    var isFirst = true
    while samples.count < repeats {
      arena.beginCall()
      let sample_ns =
        switch shape {
        case .linear(let tokens, let outputs, let inputs):
          try timeLinear(tokens, outputs, inputs, arena)
        case .append(let tokens, let heads, let format):
          try timeAppend(tokens, heads, try layout(heads, format, blockSize), arena)
        case .gather(let tokens, let heads, let format):
          try timeGather(tokens, heads, try layout(heads, format, blockSize), arena)
        case .decodeAttention(let sequences, let context, let heads, let format):
          try timeDecode(
            sequences, context, heads, try layout(heads, format, blockSize), arena)
        case .raggedDecode(let batch, let heads, let format):
          try timeDecode(batch.contexts, heads, try layout(heads, format, blockSize), arena)
        case .prefillAttention(let tokens, let prefix, let heads, let format):
          try timePrefill(tokens, prefix, heads, try layout(heads, format, blockSize), arena)
        case .mixedAttention:
          throw .noKernel(operation: "attention of prompts and single tokens in one launch")
        case .elementwise(let kind, let rows, let width):
          try timeSmall(kind, rows: rows, width: width, arena)
        case .experts:
          throw .noKernel(operation: "the experts of a layer")
        }
      if !isFirst || sample_ns >= CPUBackend.longCall_ns { samples.append(sample_ns) }
      isFirst = false
    }
    return samples
  }

  /// See ``KernelBackend/measureReadBandwidth(repeats:)``.
  public func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double {
    let arena = try timingArena()
    let byteCount = 256 << 20
    // The first pass warms up and does not count.
    let passes_ns = (0...max(1, repeats)).map { _ in
      MonotonicClock.time_ns { dispatch.read(arena.pageBase, byteCount: byteCount) }
    }
    .dropFirst().sorted()
    return Double(byteCount) / Double(passes_ns[passes_ns.count / 2]) * 1e9
  }

  func timingArena() throws(DeviceError) -> TimingArena {
    if let arena { return arena }
    let made = try TimingArena(cacheBytes: facts.lastLevelCacheBytes)
    arena = made
    return made
  }

  func layout(
    _ heads: HeadGeometry, _ format: KVFormat, _ blockSize: Int
  ) throws(DeviceError) -> PageLayout {
    let layout = PageLayout(
      format: format, blockSize: blockSize, kvHeads: heads.kvHeads, headDim: heads.headDim)
    try InputChecks.check(layout)
    return layout
  }

  private func timeLinear(
    _ tokens: Int, _ outputs: Int, _ inputs: Int, _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    try InputChecks.check(positive: tokens, "tokens")
    try InputChecks.check(positive: outputs, "outputs")
    try InputChecks.check(positive: inputs, "inputs")
    let activationCount = try InputChecks.product([("tokens", tokens), ("inputs", inputs)])
    let weightCount = try InputChecks.product([("outputs", outputs), ("inputs", inputs)])
    let outputCount = try InputChecks.product([("tokens", tokens), ("outputs", outputs)])
    let packs = CPUDispatch.packsActivations(tokens: tokens)
    let call = kv_linear(
      tokens: Int64(tokens), outputs: Int64(outputs), inputs: Int64(inputs),
      x: try arena.nextActivations(activationCount),
      w: try arena.nextWeights(weightCount),
      y: try arena.nextResults(outputCount),
      packed_x: packs ? try arena.nextResults(activationCount) : nil)
    return try MonotonicClock.time_ns { () throws(DeviceError) in try dispatch.linear(call) }
  }

  private func timeAppend(
    _ tokens: Int, _ heads: HeadGeometry, _ layout: PageLayout, _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    try InputChecks.check(positive: tokens, "tokens")
    let count = try InputChecks.product([
      ("tokens", tokens), ("head_dim", heads.headDim), ("kv_heads", heads.kvHeads),
    ])
    let keys = try arena.nextActivations(2 * count)
    let size = layout.blockSize
    let blocks = try arena.nextPages(tokens: tokens, of: layout)
    let slots = (0..<tokens).map { Int64(blocks[$0 / size]) * Int64(size) + Int64($0 % size) }
    let values = keys + count
    let pages = try arena.writtenPageBase().assumingMemoryBound(to: UInt8.self)
    return slots.withUnsafeBufferPointer { slots in
      let call = kv_append(
        shape: CPUDispatch.shape(layout, groupSize: heads.groupSize),
        pages: pages, slots: slots.baseAddress,
        keys: keys, values: values)
      return MonotonicClock.time_ns { dispatch.append(call, tokens: tokens) }
    }
  }

  private func timeGather(
    _ tokens: Int, _ heads: HeadGeometry, _ layout: PageLayout, _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    try InputChecks.check(positive: tokens, "tokens")
    let count = try InputChecks.product([
      ("tokens", tokens), ("head_dim", heads.headDim), ("kv_heads", heads.kvHeads),
    ])
    let keys = try arena.nextResults(count)
    let values = try arena.nextResults(count)
    let table = try arena.nextPages(tokens: tokens, of: layout)
    return table.withUnsafeBufferPointer { table in
      let call = kv_gather(
        shape: CPUDispatch.shape(layout, groupSize: heads.groupSize),
        pages: arena.pageBase.assumingMemoryBound(to: UInt8.self), table: table.baseAddress,
        keys: keys, values: values)
      return MonotonicClock.time_ns { dispatch.gather(call, tokens: tokens) }
    }
  }

  private func timeDecode(
    _ sequences: Int, _ context: Int, _ heads: HeadGeometry, _ layout: PageLayout,
    _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    let contexts = try TimingArena.contexts(
      sequences, context, of: layout, limit: TimingArena.tableLimit)
    return try timeDecode(contexts, heads, layout, arena)
  }

  /// Nanoseconds of `calls` calls over the pages `pages`, or over the next ones of the arena.
  func timeDecode(
    _ contexts: [Int], _ heads: HeadGeometry, _ layout: PageLayout,
    _ arena: TimingArena, pages: [Int32]? = nil, calls: Int = 1
  ) throws(DeviceError) -> Int64 {
    let count = try InputChecks.product([
      ("sequences", contexts.count), ("head_dim", heads.headDim),
      ("query_heads", heads.queryHeads),
    ])
    let queries = try arena.nextActivations(count)
    let outputs = try arena.nextResults(count)
    let rows = try PageRows(contexts, of: layout)
    let numbers: [Int32]
    if let pages {
      numbers = pages
    } else {
      numbers = try arena.nextPages(rows.pages, of: layout)
    }
    let plan = DecodePlan(
      contexts: contexts, kvHeads: heads.kvHeads, workers: dispatch.workers.workerCount)
    let shape = CPUDispatch.shape(layout, groupSize: heads.groupSize)
    let turned = try arena.nextResults(count)
    let partials = try arena.nextResults(CPUBackend.partialBytes(shape, plan) / 4)
    var elapsed_ns: Int64 = 0
    try withPointers(rows.tables(of: numbers), plan.spans, plan.spanStarts) {
      (tables, spans, starts) throws(DeviceError) in
      let call = kv_decode(
        shape: shape, soft_cap: 0, pages: arena.pageBase.assumingMemoryBound(to: UInt8.self),
        tables: tables, table_stride: Int64(rows.width), queries: queries,
        turned: turned, spans: spans,
        partials: partials, span_starts: starts, outputs: outputs)
      elapsed_ns = try MonotonicClock.time_ns { () throws(DeviceError) in
        for _ in 0..<calls { try dispatch.decode(call, plan: plan) }
      }
    }
    return elapsed_ns
  }

  private func timePrefill(
    _ tokens: Int, _ prefix: Int, _ heads: HeadGeometry, _ layout: PageLayout,
    _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    try InputChecks.check(positive: tokens, "tokens")
    guard prefix >= 0 else {
      throw .unsupportedShape(field: "prefix", value: prefix, accepted: "0 and more")
    }
    let count = try InputChecks.product([
      ("tokens", tokens), ("head_dim", heads.headDim), ("query_heads", heads.queryHeads),
    ])
    let queries = try arena.nextActivations(count)
    let outputs = try arena.nextResults(count)
    _ = try InputChecks.product([("prefix", prefix)])
    let table = try arena.nextPages(tokens: prefix + tokens, of: layout)
    var elapsed_ns: Int64 = 0
    try withPointers(table, [0], [0]) { (table, _, _) throws(DeviceError) in
      let call = kv_prefill(
        shape: CPUDispatch.shape(layout, groupSize: heads.groupSize), soft_cap: 0, window: 0,
        pages: arena.pageBase.assumingMemoryBound(to: UInt8.self), table: table,
        prefix: Int64(prefix), tokens: Int64(tokens), queries: queries, outputs: outputs,
        tokens_per_item: 0)
      elapsed_ns = try MonotonicClock.time_ns { () throws(DeviceError) in
        try dispatch.prefill(call)
      }
    }
    return elapsed_ns
  }
}
