import CVulkan

/// Why a device refuses to run, found before anything is dispatched; or how it failed.
public enum DeviceError: Error, Hashable, Sendable {
  /// No kernel path has this name.
  case unknownPath(name: String, accepted: [String])
  /// The path exists, but this CPU or its operating system does not run it.
  case pathUnavailable(name: String, available: [String])
  /// An operator that no bundled kernel computes, by its name.
  case noKernel(operation: String)
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
  /// There is no Vulkan here, or no such device.
  case noVulkan(device: String, reason: String)
  /// The Khronos validation layer found fault with what was asked of Vulkan.
  case validation(messages: Int, first: String)
  /// A device failed while it worked; the process goes on.
  case failed(DeviceFailure)
}

/// How a device failed, and at what.
public struct DeviceFailure: Hashable, Sendable {
  /// What kind of failure it is.
  public enum Kind: String, Hashable, Sendable {
    /// No memory is left on the device or the host.
    case outOfMemory = "out of memory"
    /// The device was reset or stopped answering; it has to be opened anew.
    case lost = "device lost"
    /// Commands did not end in time; the device has to be opened anew.
    case timedOut = "time-out"
    /// The device lacks what the kernels need.
    case missingFeature = "missing feature"
    /// Anything else.
    case other = "failure"
  }

  /// What kind of failure it is.
  public let kind: Kind
  /// The operator: "decode attention".
  public let operation: String
  /// Its sizes, in words; may be empty.
  public let shape: String
  /// The device's name.
  public let device: String
  /// What the driver said.
  public let reason: String

  /// A failure from elsewhere: another backend, a test.
  public init(kind: Kind, operation: String, shape: String, device: String, reason: String) {
    self.kind = kind
    self.operation = operation
    self.shape = shape
    self.device = device
    self.reason = reason
  }

  init(
    _ result: cvulkan_result, operation: String, shape: String, device: String, reason: String
  ) {
    kind =
      switch result {
      case CVULKAN_OUT_OF_MEMORY: .outOfMemory
      case CVULKAN_DEVICE_LOST: .lost
      case CVULKAN_TIMED_OUT: .timedOut
      case CVULKAN_MISSING_FEATURE: .missingFeature
      default: .other
      }
    self.operation = operation
    self.shape = shape
    self.device = device
    self.reason = reason
  }
}

extension DeviceError {
  /// Whether a shape is more than the device takes or holds, while smaller ones may go on.
  public var exceedsDevice: Bool {
    switch self {
    case .unsupportedShape: true
    case .failed(let failure): failure.kind == .outOfMemory
    default: false
    }
  }
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
    case .noKernel(let operation):
      return "no bundled kernel computes \(operation)"
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
    case .noVulkan(let device, let reason):
      return "--device \(device): \(reason)"
    case .validation(let messages, let first):
      return "the validation layer spoke \(messages) times; first: \(first)"
    case .failed(let failure):
      let shape = failure.shape.isEmpty ? "" : " (\(failure.shape))"
      return "\(failure.operation)\(shape) on \(failure.device): \(failure.kind.rawValue): "
        + failure.reason
    }
  }
}
