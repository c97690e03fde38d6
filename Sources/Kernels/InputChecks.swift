import CAttention
import Operators

/// What is refused before dispatch: the C kernels check nothing themselves.
enum InputChecks {
  /// Tokens per page that the kernels are proven for, and some.
  static let blockSizes = 1...1024
  /// Elements or bytes that one call may come to: far more than memory holds, and few enough that
  /// their bytes can be counted.
  private static let mostElements = 1 << 48

  /// Refuses head dimensions, page sizes and rotations that no kernel was written for.
  static func check(_ layout: PageLayout) throws(DeviceError) {
    guard blockSizes.contains(layout.blockSize) else {
      throw .unsupportedShape(
        field: "block_size", value: layout.blockSize,
        accepted: "\(blockSizes.lowerBound) to \(blockSizes.upperBound)")
    }
    if let order = layout.format.rotation?.order, !KVFormat.rotationOrders.contains(order) {
      throw .unsupportedShape(
        field: "rotation_order", value: order,
        accepted: KVFormat.rotationOrders.map(String.init).joined(separator: ", "))
    }
    try check(headDim: layout.headDim)
    try check(positive: layout.kvHeads, "kv_heads")
    _ = try product([
      ("slab_bytes", layout.slabBytes), ("kv_heads", layout.kvHeads),
    ])
  }

  /// Refuses head dimensions that no kernel was written for.
  static func check(headDim: Int) throws(DeviceError) {
    let most = Int(KV_MAX_HEAD_DIM)
    guard headDim > 0 && headDim % 16 == 0 && headDim <= most else {
      throw .unsupportedShape(
        field: "head_dim", value: headDim, accepted: "multiples of 16 up to \(most)")
    }
  }

  /// The product of named sizes that are not negative; refuses, by its name, the one that makes it
  /// more than any memory holds. Sizes come from callers, and a product that overflows would trap.
  static func product(
    _ factors: [(field: String, value: Int)]
  ) throws(DeviceError) -> Int {
    var product = 1
    for (field, value) in factors {
      let (next, overflows) = product.multipliedReportingOverflow(by: value)
      guard !overflows && next <= mostElements else {
        let others = factors.map(\.field).filter { $0 != field }.joined(separator: " × ")
        throw .unsupportedShape(
          field: field, value: value,
          accepted: "at most \(mostElements) of it" + (others.isEmpty ? "" : " × \(others)"))
      }
      product = next
    }
    return product
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

  /// Refuses two tokens for one slot: which of them stayed would depend on the threads.
  static func checkEachOnce(slots: [Int]) throws(DeviceError) {
    var seen = Set<Int>(minimumCapacity: slots.count)
    for (token, slot) in slots.enumerated() {
      guard seen.insert(slot).inserted else { throw .slotTwice(token: token, slot: slot) }
    }
  }

  /// Refuses elements that are not finite, or whose magnitude is above `limit`, and says of what.
  static func check(
    finite elements: [Float], count: Int, limit: Float = .greatestFiniteMagnitude, _ field: String,
    as use: String = "in pages of this format"
  ) throws(DeviceError) {
    for index in 0..<count where !(elements[index].magnitude <= limit) {
      throw .notRepresentable(
        field: field, index: index, value: elements[index],
        accepted: limit < .greatestFiniteMagnitude
          ? "magnitudes up to \(limit) \(use)" : "finite numbers")
    }
  }

  /// Refuses a cap or a window that is not positive.
  static func check(_ options: AttentionOptions) throws(DeviceError) {
    if let cap = options.softCap, !(cap > 0 && cap.isFinite) {
      throw .notRepresentable(
        field: "soft_cap", index: 0, value: cap, accepted: "positive finite numbers")
    }
    if let window = options.slidingWindow { try check(positive: window, "sliding_window") }
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
