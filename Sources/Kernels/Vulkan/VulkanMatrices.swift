import CVulkan
import Operators

// Prefill attention by products of matrices of halves. Another shader first brings what they
// multiply into the order that lanes fill matrices in, in scratch memory.

extension VulkanOperators {
  private struct GatherHalvesPush {
    var pages, table, keys, values: UInt64
    var tokens, kvHeads: UInt32
  }

  private struct PrefillMatrixPush {
    var queries, outputs, keys, values: UInt64
    var kvHeads, prefix, tokens, window: UInt32
    var softCap: Float
  }

  private static let prefillThreads = 256
  /// Rows and keys of a workgroup's tile.
  private static let (prefillRows, prefillKeys) = (prefillThreads / 2, 64)
  /// Beyond it, keys and values of a tile do not fit into the memory that a workgroup shares.
  private static let largestPrefillHeadDim = 128

  /// Whether prefill attention goes by products of matrices.
  func takesMatricesInPrefill(_ page: PageConstants, tokens: Int) -> Bool {
    let dim = page.layout.headDim
    return context.fragmentsAreKnown && dim % 32 == 0
      && dim <= VulkanOperators.largestPrefillHeadDim
      && 2 * VulkanOperators.prefillKeys * dim * 2 <= context.features.max_shared_bytes
      && VulkanOperators.prefillThreads <= context.features.max_workgroup_invocations
      && tokens * page.groupSize / VulkanOperators.prefillRows < 65535
  }

  /// Attends a chunk; outputs are left to be turned back.
  func prefillByMatrices(
    _ page: PageConstants, pages: UInt64, table: UInt64, queries: UInt64, outputs: UInt64,
    prefix: Int, tokens: Int, options: AttentionOptions, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let (heads, dim) = (page.layout.kvHeads, page.layout.headDim)
    let (rows, keys) = (VulkanOperators.prefillRows, VulkanOperators.prefillKeys)
    let tiles = (prefix + tokens + keys - 1) / keys
    let byteCount = heads * tiles * keys * dim * 2
    let scratch = try context.scratch(byteCount: 2 * byteCount, for: work)
    let attend = try context.pipeline(
      .prefillMatrix,
      page.constants(workgroup: VulkanOperators.prefillThreads)
        + [options.softCap == nil ? 0 : 1], for: work)
    try gatherHalves(
      page, pages: pages, table: table, keys: scratch, values: scratch + UInt64(byteCount),
      tokens: prefix + tokens, tiles: keys / 32 * tiles, recorder)
    recorder.barrier()
    recorder.dispatch(
      attend,
      PrefillMatrixPush(
        queries: queries, outputs: outputs, keys: scratch, values: scratch + UInt64(byteCount),
        kvHeads: UInt32(heads), prefix: UInt32(prefix), tokens: UInt32(tokens),
        window: UInt32(min(options.slidingWindow ?? 0, Int(UInt32.max))),
        softCap: options.softCap ?? 0), heads, (tokens * page.groupSize + rows - 1) / rows)
  }

  /// Reads a sequence as halves, still rotated: `tiles` of 32 tokens for each KV head, zeros where
  /// there is no token. For the order within a tile see `gather_halves.comp`.
  func gatherHalves(
    _ page: PageConstants, pages: UInt64, table: UInt64, keys: UInt64, values: UInt64, tokens: Int,
    tiles: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let gather = try context.pipeline(.gatherHalves, page.constants(workgroup: 256), for: work)
    recorder.dispatch(
      gather,
      GatherHalvesPush(
        pages: pages, table: table, keys: keys, values: values, tokens: UInt32(tokens),
        kvHeads: UInt32(page.layout.kvHeads)), tiles, page.layout.kvHeads, 2)
  }
}
