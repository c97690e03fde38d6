import CVulkan
import Operators

// Prefill attention and dense layers by products of matrices of halves. Other shaders first bring
// what they multiply into the order that lanes fill matrices in, in scratch memory.

extension VulkanOperators {
  // MARK: Prefill attention

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

  /// Attends a chunk; `queries` are turned in place, and outputs are left to be turned back.
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
    if page.keyOrder > 0 {
      try rotate(
        page, order: page.keyOrder, scale: 1, from: queries, to: queries,
        rows: tokens * heads * page.groupSize, recorder)
    }
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

  // MARK: Linear

  private struct HalvesPush {
    var rows, halves, factors: UInt64
    var rowCount, columns: UInt32
  }

  private struct LinearMatrixPush {
    var x, factors, w, y: UInt64
    var tokens, outputs, inputs: UInt32
  }

  /// What a workgroup and its subgroups take of a product.
  private struct Tile {
    let threads, tokens, outputs, ownTokens, ownOutputs: Int

    /// Bytes that a workgroup shares: two slices of 32 inputs.
    var sharedBytes: Int { 2 * (tokens + outputs) * 64 }

    func groups(tokens: Int, outputs: Int) -> Int {
      ((tokens + self.tokens - 1) / self.tokens) * ((outputs + self.outputs - 1) / self.outputs)
    }

    /// From the fastest on large products to the one that gives small ones the most workgroups.
    static let all = [
      Tile(threads: 256, tokens: 256, outputs: 128, ownTokens: 64, ownOutputs: 64),
      Tile(threads: 256, tokens: 128, outputs: 128, ownTokens: 64, ownOutputs: 32),
      Tile(threads: 256, tokens: 128, outputs: 64, ownTokens: 64, ownOutputs: 16),
      Tile(threads: 128, tokens: 64, outputs: 32, ownTokens: 64, ownOutputs: 8),
    ]
  }

  /// Whether a product for many tokens goes by products of matrices: whole slices of inputs, rows
  /// of results at multiples of eight bytes, and offsets of 32 bits.
  func takesMatricesInLinear(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    context.fragmentsAreKnown && inputs % 32 == 0 && outputs % 2 == 0
      && max(tokens + 15, outputs) * inputs * 2 <= Int(UInt32.max)
  }

  /// The first tile that occupies most of the device, or the last one.
  private func tile(tokens: Int, outputs: Int) -> Tile {
    let wanted = context.multiprocessors * 3 / 4
    let fitting = Tile.all.filter {
      $0.sharedBytes <= Int(context.features.max_shared_bytes)
        && $0.threads <= Int(context.features.max_workgroup_invocations)
    }
    return fitting.first {
      $0.tokens < 2 * tokens && $0.groups(tokens: tokens, outputs: outputs) >= wanted
    } ?? Tile.all[Tile.all.count - 1]
  }

  /// `y = x * w^T` by products of matrices.
  func linearByMatrices(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let padded = (tokens + 15) / 16 * 16
    let byteCount = padded * inputs * 2
    let scratch = try context.scratch(byteCount: byteCount + 4 * padded, for: work)
    let factors = scratch + UInt64(byteCount)
    let tile = tile(tokens: tokens, outputs: outputs)
    let convert = try context.pipeline(.halves, [256], for: work)
    let multiply = try context.pipeline(
      .linearMatrix,
      PageConstants.none(
        workgroup: tile.threads, [tile.tokens, tile.outputs, tile.ownTokens, tile.ownOutputs]),
      for: work)
    recorder.dispatch(
      convert,
      HalvesPush(
        rows: x, halves: scratch, factors: factors, rowCount: UInt32(tokens),
        columns: UInt32(inputs)), padded / 2)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearMatrixPush(
        x: scratch, factors: factors, w: w, y: y, tokens: UInt32(tokens),
        outputs: UInt32(outputs), inputs: UInt32(inputs)),
      tile.groups(tokens: tokens, outputs: outputs))
  }

  // MARK: Linear, of few tokens

  private struct ActivationsPush {
    var x, halves, factors: UInt64
    var inputs: UInt32
  }

  /// Threads of a workgroup that fills a multiprocessor.
  private static let fewThreads = 512

  /// Whether a product for up to 16 tokens goes by products of matrices.
  func takesMatricesInLinearOfFew(inputs: Int) -> Bool {
    // Two tiles of partial sums, of 16 tokens and 16 outputs for each subgroup.
    let sharedBytes = 2 * (VulkanOperators.fewThreads / 32) * 256 * 4
    return context.fragmentsAreKnown && inputs % 8 == 0
      && sharedBytes <= context.features.max_shared_bytes
      && VulkanOperators.fewThreads <= context.features.max_workgroup_invocations
  }

  /// `y = x * w^T` for up to 16 tokens, by products of matrices.
  func linearOfFew(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let groups = tokens > 8 ? 2 : 1
    let byteCount = (inputs + 31) / 32 * groups * 512
    let scratch = try context.scratch(byteCount: byteCount + 64, for: work)
    let factors = scratch + UInt64(byteCount)
    let convert = try context.pipeline(
      .activations, PageConstants.none(workgroup: 256, [groups]), for: work)
    let multiply = try context.pipeline(
      .linearFew,
      PageConstants.none(workgroup: VulkanOperators.fewThreads, [groups, 8 / groups]), for: work)
    recorder.dispatch(
      convert,
      ActivationsPush(x: x, halves: scratch, factors: factors, inputs: UInt32(inputs)), tokens)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearMatrixPush(
        x: scratch, factors: factors, w: w, y: y, tokens: UInt32(tokens),
        outputs: UInt32(outputs), inputs: UInt32(inputs)),
      min((outputs + 15) / 16, context.multiprocessors))
  }
}
