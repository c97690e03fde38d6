import CVulkan
import Operators

/// The buffers of a decode call besides pages and tables.
struct VulkanDecodeBuffers {
  let plan: VulkanDecodePlan
  /// `[sequence][query head][head dim]`, as they come and scaled and rotated; and the outputs.
  let queries, turned, outputs: VulkanMemory
  let spans, starts, partials: VulkanMemory

  init(
    _ plan: VulkanDecodePlan, _ page: PageConstants, _ context: VulkanContext, _ work: VulkanWork,
    isHostVisible: Bool
  ) throws(DeviceError) {
    self.plan = plan
    let dim = page.layout.headDim
    let floats = plan.pairCount * page.groupSize * dim
    queries = try context.memory(
      byteCount: 4 * floats, isHostVisible: isHostVisible, for: work)
    turned = try context.memory(byteCount: 4 * floats, for: work)
    outputs = try context.memory(byteCount: 4 * floats, isHostVisible: isHostVisible, for: work)
    if isHostVisible {
      spans = try context.memory(of: plan.spans, for: work)
      starts = try context.memory(of: plan.starts, for: work)
    } else {
      spans = try context.deviceMemory(of: plan.spans, for: work)
      starts = try context.deviceMemory(of: plan.starts, for: work)
    }
    partials = try context.memory(
      byteCount: 4 * plan.spanCount * page.groupSize * (dim + 2), for: work)
  }
}

extension VulkanOperators {
  private struct DecodePush {
    var pages, tables, queries, spans, partials: UInt64
    var tableStride, kvHeads, spanCount: UInt32
    var softCap: Float
  }

  private struct DecodeMatrixPush {
    var pages, tables, queries, spans, partials, outputs: UInt64
    var tableStride, kvHeads, spanCount, keyOrder: UInt32
    var keyNorm, scale, softCap: Float
  }

  private struct MergePush {
    var partials, spanStarts, outputs: UInt64
    var kvHeads, pairCount: UInt32
  }

  /// Turns the queries, attends span by span, joins the spans, and turns outputs back.
  func decode(
    _ page: PageConstants, _ buffers: VulkanDecodeBuffers, pages: UInt64, tables: UInt64,
    tableStride: Int, softCap: Float, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let usesMatrices = takesMatrices(page)
    if usesMatrices {
      try decodeByMatrices(
        page, buffers, pages: pages, tables: tables, tableStride: tableStride, softCap: softCap,
        recorder)
    } else {
      try decodeByLanes(
        page, buffers, pages: pages, tables: tables, tableStride: tableStride, softCap: softCap,
        recorder)
    }
    if !(usesMatrices && buffers.plan.isWhole) {
      let join = try context.pipeline(
        .merge, page.constants(workgroup: VulkanOperators.attentionThreads), for: work)
      recorder.barrier()
      let (x, y) = VulkanOperators.spread(buffers.plan.pairCount)
      recorder.dispatch(
        join,
        MergePush(
          partials: buffers.partials.address, spanStarts: buffers.starts.address,
          outputs: buffers.outputs.address, kvHeads: UInt32(page.layout.kvHeads),
          pairCount: UInt32(buffers.plan.pairCount)), x, y, page.groupSize)
    }
    guard page.valueOrder > 0 else { return }
    recorder.barrier()
    try rotate(
      page, order: page.valueOrder, scale: 1, from: buffers.outputs.address,
      to: buffers.outputs.address, rows: buffers.plan.pairCount * page.groupSize, recorder)
  }

  /// Whether products of matrices serve pages of these sizes: blocks of 16 tokens in one page, and
  /// whole words of a row for each lane.
  private func takesMatrices(_ page: PageConstants) -> Bool {
    let layout = page.layout
    let isFourBit = layout.format.bitsPerElement == 4
    return context.fragmentsAreKnown && layout.blockSize % 16 == 0
      && layout.headDim % (isFourBit ? 64 : 16) == 0
      && layout.headDim <= VulkanOperators.largestMatrixHeadDim
  }

  private func decodeByMatrices(
    _ page: PageConstants, _ buffers: VulkanDecodeBuffers, pages: UInt64, tables: UInt64,
    tableStride: Int, softCap: Float, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    // Four-bit tiles leave room in registers for the next one; a tile of halves does not.
    let (tile, isAhead) = (UInt32(16), page.layout.format.bitsPerElement == 4)
    let attend = try context.pipeline(
      .decodeMatrix,
      page.constants(workgroup: VulkanOperators.attentionThreads) + [tile, isAhead ? 1 : 0],
      for: work)
    let (x, y) = VulkanOperators.spread(buffers.plan.spanCount)
    recorder.dispatch(
      attend,
      DecodeMatrixPush(
        pages: pages, tables: tables, queries: buffers.queries.address,
        spans: buffers.spans.address, partials: buffers.partials.address,
        outputs: buffers.plan.isWhole ? buffers.outputs.address : 0,
        tableStride: UInt32(tableStride), kvHeads: UInt32(page.layout.kvHeads),
        spanCount: UInt32(buffers.plan.spanCount), keyOrder: UInt32(page.keyOrder),
        keyNorm: PageConstants.norm(page.keyOrder),
        scale: 1 / Float(page.layout.headDim).squareRoot(), softCap: softCap), x, y)
  }

  private func decodeByLanes(
    _ page: PageConstants, _ buffers: VulkanDecodeBuffers, pages: UInt64, tables: UInt64,
    tableStride: Int, softCap: Float, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let attend = try context.pipeline(
      .decode,
      page.constants(workgroup: VulkanOperators.attentionThreads)
        + [context.features.subgroup_size], for: work)
    try rotate(
      page, order: page.keyOrder, scale: 1 / Float(page.layout.headDim).squareRoot(),
      from: buffers.queries.address, to: buffers.turned.address,
      rows: buffers.plan.pairCount * page.groupSize, recorder)
    recorder.barrier()
    let (x, y) = VulkanOperators.spread(buffers.plan.spanCount)
    recorder.dispatch(
      attend,
      DecodePush(
        pages: pages, tables: tables, queries: buffers.turned.address,
        spans: buffers.spans.address, partials: buffers.partials.address,
        tableStride: UInt32(tableStride), kvHeads: UInt32(page.layout.kvHeads),
        spanCount: UInt32(buffers.plan.spanCount), softCap: softCap), x, y)
  }

  private struct PrefillPush {
    var pages, table, queries, outputs: UInt64
    var kvHeads, prefix, tokens, window: UInt32
    var softCap: Float
  }

  /// Attends a chunk; without matrices, `queries` are turned in place.
  func prefill(
    _ page: PageConstants, pages: UInt64, table: UInt64, queries: UInt64, outputs: UInt64,
    prefix: Int, tokens: Int, options: AttentionOptions, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    if takesMatricesInPrefill(page, tokens: tokens) {
      try prefillByMatrices(
        page, pages: pages, table: table, queries: queries, outputs: outputs, prefix: prefix,
        tokens: tokens, options: options, recorder)
    } else {
      try prefillByLanes(
        page, pages: pages, table: table, queries: queries, outputs: outputs, prefix: prefix,
        tokens: tokens, options: options, recorder)
    }
    guard page.valueOrder > 0 else { return }
    recorder.barrier()
    try rotate(
      page, order: page.valueOrder, scale: 1, from: outputs, to: outputs,
      rows: tokens * page.layout.kvHeads * page.groupSize, recorder)
  }

  private func prefillByLanes(
    _ page: PageConstants, pages: UInt64, table: UInt64, queries: UInt64, outputs: UInt64,
    prefix: Int, tokens: Int, options: AttentionOptions, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let rowsEach = 4
    let rowsOfGroup = VulkanOperators.attentionThreads / 16 * rowsEach
    let attend = try context.pipeline(
      .prefill,
      page.constants(workgroup: VulkanOperators.attentionThreads) + [UInt32(rowsEach)], for: work)
    try rotate(
      page, order: page.keyOrder, scale: 1 / Float(page.layout.headDim).squareRoot(),
      from: queries, to: queries, rows: tokens * page.layout.kvHeads * page.groupSize, recorder)
    recorder.barrier()
    recorder.dispatch(
      attend,
      PrefillPush(
        pages: pages, table: table, queries: queries, outputs: outputs,
        kvHeads: UInt32(page.layout.kvHeads), prefix: UInt32(prefix), tokens: UInt32(tokens),
        window: UInt32(min(options.slidingWindow ?? 0, Int(UInt32.max))),
        softCap: options.softCap ?? 0),
      (tokens * page.groupSize + rowsOfGroup - 1) / rowsOfGroup, page.layout.kvHeads)
  }

  /// Threads of the attention shaders.
  private static let attentionThreads = 128
  /// Beyond it, sums and queries leave a lane no registers.
  private static let largestMatrixHeadDim = 256
}
