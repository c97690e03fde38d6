/// Why a device refuses to run: every case is found before anything is dispatched.
public enum DeviceError: Error, Hashable, Sendable {
  /// No kernel path has this name.
  case unknownPath(name: String, accepted: [String])
  /// The path exists, but this CPU or its operating system does not run it.
  case pathUnavailable(name: String, available: [String])
  /// A size that the kernels do not support.
  case unsupportedShape(field: String, value: Int, accepted: String)
  /// Entry `index` of a sequence's block table is no page of the pool.
  case badBlock(sequence: Int, index: Int, block: Int, pageCount: Int)
  /// A token's slot lies outside the pool.
  case badSlot(token: Int, slot: Int, slotCount: Int)
  /// A sequence is longer than its block table reaches.
  case contextBeyondTable(sequence: Int, context: Int, capacity: Int)
  /// A buffer does not hold what its shape says, in elements.
  case bufferTooSmall(field: String, count: Int, needed: Int)
  /// A token's slot is that of an earlier token of the same call.
  case slotTwice(token: Int, slot: Int)
  /// An element that is no number, infinite, or beyond what pages of the format can hold.
  case notRepresentable(field: String, index: Int, value: Float, accepted: String)
  /// The system gave no memory.
  case outOfMemory(bytes: Int)
}

extension DeviceError: CustomStringConvertible {
  /// One sentence for the person who asked.
  public var description: String {
    switch self {
    case .unknownPath(let name, let accepted):
      return "unknown kernel path '\(name)' (accepted: \(accepted.joined(separator: ", ")))"
    case .pathUnavailable(let name, let available):
      return "this CPU does not run the kernel path '\(name)' "
        + "(available: \(available.joined(separator: ", ")))"
    case .unsupportedShape(let field, let value, let accepted):
      return "\(field) is \(value), but the kernels accept \(accepted)"
    case .badBlock(let sequence, let index, let block, let pageCount):
      return "block \(index) of sequence \(sequence) is page \(block), "
        + "but the pool has pages 0..<\(pageCount)"
    case .badSlot(let token, let slot, let slotCount):
      return "token \(token) goes to slot \(slot), but the pool has slots 0..<\(slotCount)"
    case .contextBeyondTable(let sequence, let context, let capacity):
      return "sequence \(sequence) has \(context) tokens, but its block table holds \(capacity)"
    case .bufferTooSmall(let field, let count, let needed):
      return "\(field) has \(count) elements, but \(needed) are needed"
    case .slotTwice(let token, let slot):
      return "token \(token) goes to slot \(slot), as an earlier token of the same call does"
    case .notRepresentable(let field, let index, let value, let accepted):
      return "element \(index) of \(field) is \(value), but the kernels accept \(accepted)"
    case .outOfMemory(let bytes):
      return "the system gave no \(bytes) bytes of memory"
    }
  }
}
