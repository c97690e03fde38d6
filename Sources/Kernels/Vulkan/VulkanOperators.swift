import CVulkan
import Operators

/// The operators as commands: which shaders run, with which constants and push constants, on how many
/// workgroups. Buffers are addresses; who owns them is the caller's matter. Push constants are laid
/// out as the shaders' headers say.
struct VulkanOperators {
  let context: VulkanContext
  let work: VulkanWork

  /// Threads of the shaders that go over rows: a multiple of every row's lanes.
  private static let rowThreads = 64

  // MARK: Rows

  private struct AppendPush {
    var pages, keys, values, slots: UInt64
    var tokens, kvHeads: UInt32
    var keyNorm, valueNorm: Float
  }

  /// Writes `tokens` rows of K and V into the slots (32 bits each) that `slots` lists.
  func append(
    _ page: PageConstants, pages: UInt64, keys: UInt64, values: UInt64, slots: UInt64, tokens: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let pipeline = try rowPipeline(.append, page)
    let (x, y) = groups(rows: tokens * page.layout.kvHeads, page)
    recorder.dispatch(
      pipeline,
      AppendPush(
        pages: pages, keys: keys, values: values, slots: slots, tokens: UInt32(tokens),
        kvHeads: UInt32(page.layout.kvHeads), keyNorm: PageConstants.norm(page.keyOrder),
        valueNorm: PageConstants.norm(page.valueOrder)), x, y, 2)
  }

  private struct GatherPush {
    var pages, table, keys, values: UInt64
    var tokens, kvHeads: UInt32
    var keyNorm, valueNorm: Float
  }

  /// Reads `tokens` tokens back, dequantised and turned back.
  func gather(
    _ page: PageConstants, pages: UInt64, table: UInt64, keys: UInt64, values: UInt64, tokens: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let pipeline = try rowPipeline(.gather, page)
    let (x, y) = groups(rows: tokens * page.layout.kvHeads, page)
    recorder.dispatch(
      pipeline,
      GatherPush(
        pages: pages, table: table, keys: keys, values: values, tokens: UInt32(tokens),
        kvHeads: UInt32(page.layout.kvHeads), keyNorm: PageConstants.norm(page.keyOrder),
        valueNorm: PageConstants.norm(page.valueOrder)), x, y, 2)
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
        from: from, to: to, rows: UInt32(rows), norm: PageConstants.norm(order), scale: scale), x, y)
  }

  private func rowPipeline(
    _ shader: VulkanShader, _ page: PageConstants
  ) throws(DeviceError) -> VkPipeline {
    try context.pipeline(
      shader, page.constants(workgroup: VulkanOperators.rowThreads), for: work)
  }

  /// Workgroups for so many rows of a head's vectors, a lane for each eight elements, up to the next
  /// power of two.
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
