import CVulkan
import Operators

/// The operators as commands: which shaders run, with which constants and push constants, on how
/// many workgroups. Buffers are addresses; who owns them is the caller's matter. Push constants are
/// laid out as the shaders' headers say.
struct VulkanOperators {
  let context: VulkanContext
  let work: VulkanWork

  /// Threads of the shaders that go over rows: a multiple of every row's lanes.
  private static let rowThreads = 64
  /// From so many rows to a multiprocessor on append goes the way for many rows: the threads of few
  /// would no longer all fit at once.
  private static let manyRows = 64
  private static let manyRowsThreads = 128

  // MARK: Rows

  private struct RowsPush {
    /// Four, in the shader's order.
    var addresses: (UInt64, UInt64, UInt64, UInt64)
    var tokens, kvHeads: UInt32
    var keyNorm, valueNorm: Float
  }

  /// Writes `tokens` rows of K and V into the slots (32 bits each) that `slots` lists.
  func append(
    _ page: PageConstants, pages: UInt64, keys: UInt64, values: UInt64, slots: UInt64, tokens: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let layout = page.layout
    let isMany =
      layout.format.bitsPerElement == 4
      && tokens * layout.kvHeads >= VulkanOperators.manyRows * context.multiprocessors
    let (threads, most) =
      isMany ? (VulkanOperators.manyRowsThreads, 8) : (VulkanOperators.rowThreads, 16)
    // A power of two, so that an element and its partner of the row's other half are in one lane.
    let halfQuads = layout.headDim / 8
    let lanes = min(most, halfQuads & -halfQuads)
    let pipeline = try context.pipeline(
      .append, page.constants(workgroup: threads) + [UInt32(lanes), isMany ? 1 : 0], for: work)
    let tokensTogether = isMany ? 8 : 1
    let rows = (tokens + tokensTogether - 1) / tokensTogether * tokensTogether * layout.kvHeads
    let (x, y) = VulkanOperators.spread((rows * lanes + threads - 1) / threads)
    recorder.dispatch(
      pipeline, rowsPush(page, (pages, keys, values, slots), tokens: tokens), x, y, isMany ? 1 : 2)
  }

  /// Reads `tokens` tokens back, dequantised and turned back.
  func gather(
    _ page: PageConstants, pages: UInt64, table: UInt64, keys: UInt64, values: UInt64, tokens: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let pipeline = try context.pipeline(
      .gather, page.constants(workgroup: VulkanOperators.rowThreads), for: work)
    let (x, y) = groups(rows: tokens * page.layout.kvHeads, page)
    recorder.dispatch(
      pipeline, rowsPush(page, (pages, table, keys, values), tokens: tokens), x, y, 2)
  }

  private func rowsPush(
    _ page: PageConstants, _ addresses: (UInt64, UInt64, UInt64, UInt64), tokens: Int
  ) -> RowsPush {
    RowsPush(
      addresses: addresses, tokens: UInt32(tokens), kvHeads: UInt32(page.layout.kvHeads),
      keyNorm: PageConstants.norm(page.keyOrder), valueNorm: PageConstants.norm(page.valueOrder))
  }

  private struct RotatePush {
    var from, to: UInt64
    var rows: UInt32
    var norm, scale: Float
  }

  /// Scales rows and rotates them by blocks of `order`, where that is not 0.
  func rotate(
    _ page: PageConstants, order: Int, scale: Float, from: UInt64, to: UInt64, rows: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let pipeline = try context.pipeline(
      .rotate, page.constants(workgroup: VulkanOperators.rowThreads) + [UInt32(order)], for: work)
    let (x, y) = groups(rows: rows, page)
    recorder.dispatch(
      pipeline,
      RotatePush(
        from: from, to: to, rows: UInt32(rows), norm: PageConstants.norm(order), scale: scale), x, y
    )
  }

  /// Workgroups for so many rows of a head's vectors, a lane for each eight elements, up to the
  /// next power of two.
  private func groups(rows: Int, _ page: PageConstants) -> (Int, Int) {
    var lanes = 2
    while lanes * 8 < page.layout.headDim { lanes *= 2 }
    let perGroup = VulkanOperators.rowThreads / lanes
    return VulkanOperators.spread((rows + perGroup - 1) / perGroup)
  }

  /// Workgroups over two dimensions: one takes 65,535 of them at least.
  static func spread(_ groups: Int) -> (Int, Int) {
    let most = 65535
    return groups <= most ? (groups, 1) : (most, (groups + most - 1) / most)
  }
}

extension VulkanOperators {
  /// Of `linear_rows.comp`, `linear_tiles.comp` and `linear_few.comp`.
  struct LinearPush {
    var x, w, y: UInt64
    var tokens, outputs, inputs: UInt32
  }

  private static let linearThreads = 128

  /// `y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T`.
  func linear(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let push = LinearPush(
      x: x, w: w, y: y, tokens: UInt32(tokens), outputs: UInt32(outputs), inputs: UInt32(inputs))
    let threads = VulkanOperators.linearThreads
    if tokens <= DenseLayerPlan.fewTokens,
      takesMatricesInLinearOfFew(tokens: tokens, inputs: inputs)
    {
      try linearOfFew(push, tokens: tokens, outputs: outputs, inputs: inputs, recorder)
    } else if tokens <= DenseLayerPlan.fewTokens {
      var held = 1
      while held < tokens { held *= 2 }
      let subgroups = max(1, threads / Int(context.features.subgroup_size))
      let each = outputsOfSubgroup(tokens: tokens, outputs: outputs, subgroups: subgroups)
      let outputsOfGroup = each * subgroups
      let pipeline = try context.pipeline(
        .linearRows, linearConstants([held, each, outputsOfGroup]), for: work)
      recorder.dispatch(
        pipeline, push, min(65535, (outputs + outputsOfGroup - 1) / outputsOfGroup))
    } else if streamsWeights(tokens: tokens, outputs: outputs, inputs: inputs) {
      try linearByStreaming(
        x: x, w: w, y: y, tokens: tokens, outputs: outputs, inputs: inputs, recorder)
    } else if takesMatricesInLinear(tokens: tokens, outputs: outputs, inputs: inputs) {
      try linearByMatrices(
        x: x, w: w, y: y, tokens: tokens, outputs: outputs, inputs: inputs, recorder)
    } else {
      let (tokenQuads, outputQuads) = (2, 1)
      let tileTokens = threads / 16 * 4 * tokenQuads, tileOutputs = 16 * 4 * outputQuads
      let pipeline = try context.pipeline(
        .linearTiles, linearConstants([tokenQuads, outputQuads]), for: work)
      recorder.dispatch(
        pipeline, push, (outputs + tileOutputs - 1) / tileOutputs,
        (tokens + tileTokens - 1) / tileTokens)
    }
  }

  /// Outputs that a subgroup of `linear_rows.comp` takes at a time. For one token so few that the
  /// device is full, and so many that it holds all workgroups at once: 2,048 threads to a
  /// multiprocessor.
  private func outputsOfSubgroup(tokens: Int, outputs: Int, subgroups: Int) -> Int {
    guard tokens == 1 else { return 2 }
    let held = 2048 / VulkanOperators.linearThreads * context.multiprocessors * subgroups
    return [1, 2].first { outputs <= $0 * held } ?? 4
  }

  /// The workgroup's size, sizes of pages that mean nothing here, and a shader's own.
  private func linearConstants(_ own: [Int]) -> [UInt32] {
    PageConstants.none(workgroup: VulkanOperators.linearThreads, own)
  }
}
