import CAttention
import Operators

/// What is refused before dispatch: the C kernels check nothing themselves.
enum InputChecks {
  /// Refuses head dimensions that no kernel was written for.
  static func check(_ layout: PageLayout) throws(DeviceError) {
    let most = Int(KV_MAX_HEAD_DIM)
    guard layout.headDim % 16 == 0 && layout.headDim <= most else {
      throw .unsupportedShape(
        field: "head_dim", value: layout.headDim, accepted: "multiples of 16 up to \(most)")
    }
  }

  /// Refuses query heads that KV heads do not divide.
  static func check(queryHeads: Int, _ layout: PageLayout) throws(DeviceError) {
    guard queryHeads > 0 && queryHeads % layout.kvHeads == 0 else {
      throw .unsupportedShape(
        field: "query_heads", value: queryHeads,
        accepted: "positive multiples of \(layout.kvHeads) KV heads")
    }
  }

  /// Refuses a sequence that is empty, longer than its table, or in pages that do not exist.
  static func check(
    _ sequence: CachedSequence, number: Int, _ pages: KVPages
  ) throws(DeviceError) {
    guard sequence.context > 0 else {
      throw .unsupportedShape(field: "context", value: sequence.context, accepted: "1 and more")
    }
    let size = pages.layout.blockSize
    guard sequence.context <= sequence.blocks.count * size else {
      throw .contextBeyondTable(
        sequence: number, context: sequence.context, capacity: sequence.blocks.count * size)
    }
    for (index, block) in sequence.blocks.enumerated() {
      guard block >= 0 && block < pages.pageCount else {
        throw .badBlock(
          sequence: number, index: index, block: Int(block), pageCount: pages.pageCount)
      }
    }
  }

  /// Refuses slots outside the pool.
  static func check(slots: [Int], _ pages: KVPages) throws(DeviceError) {
    for (token, slot) in slots.enumerated() {
      guard slot >= 0 && slot < pages.slotCount else {
        throw .badSlot(token: token, slot: slot, slotCount: pages.slotCount)
      }
    }
  }

  /// Refuses sizes below one.
  static func check(positive value: Int, _ field: String) throws(DeviceError) {
    guard value > 0 else {
      throw .unsupportedShape(field: field, value: value, accepted: "1 and more")
    }
  }

  /// Refuses a buffer that is too small.
  static func check(count: Int, atLeast needed: Int, _ field: String) throws(DeviceError) {
    guard count >= needed else {
      throw .bufferTooSmall(field: field, count: count, needed: needed)
    }
  }
}
