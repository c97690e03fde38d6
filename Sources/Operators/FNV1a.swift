/// The 64-bit FNV-1a hash, offset basis 14695981039346656037 and prime 1099511628211
/// (Fowler, Noll and Vo; RFC 9923). It tells versions apart and finds damage; it is no signature.
public struct FNV1a: Hashable, Sendable {
  private var state: UInt64 = 14_695_981_039_346_656_037

  /// The hash of no bytes.
  public init() {}

  /// Takes bytes in.
  public mutating func combine(_ bytes: some Sequence<UInt8>) {
    // Callers of other modules do not specialise this: a buffer takes a fiftieth of the time.
    let isDone: Void? = bytes.withContiguousStorageIfAvailable { buffer in
      for byte in buffer { combine(byte) }
    }
    if isDone == nil { for byte in bytes { combine(byte) } }
  }

  private mutating func combine(_ byte: UInt8) {
    state = (state ^ UInt64(byte)) &* 1_099_511_628_211
  }

  /// The hash so far.
  public var value: UInt64 { state }

  /// Sixteen lower-case hexadecimal digits.
  public var digits: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The digits of the hash of `bytes`.
  public static func digits(_ bytes: some Sequence<UInt8>) -> String {
    var hash = FNV1a()
    hash.combine(bytes)
    return hash.digits
  }
}
