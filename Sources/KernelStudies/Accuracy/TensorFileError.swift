/// Why a tensor from a file, or what is made of it, is refused.
///
/// Every case says which file, what it gives and what would be accepted instead.
public enum TensorFileError: Error, Hashable, Sendable {
  /// The file cannot be opened or read.
  case unreadable(file: String, given: String, accepted: String)
  /// The file, its header or its tensor is larger than kvsim reads.
  case tooLarge(file: String, given: String, accepted: String)
  /// The bytes are no `.npy` or `safetensors` file, or their header is malformed.
  case badHeader(file: String, given: String, accepted: String)
  /// The elements are of a type, byte order or memory order that is not read.
  case unsupportedType(file: String, given: String, accepted: String)
  /// The file has no tensor of this name, or several and none was named.
  case unknownTensor(file: String, given: String, accepted: String)
  /// Fewer or more bytes of data than the header says.
  case badLength(file: String, given: String, accepted: String)
  /// The shape is not one of keys, values or queries, or does not go with the others.
  case badShape(file: String, given: String, accepted: String)
  /// An element that is not finite, or larger than FP16 holds.
  case badValue(file: String, given: String, accepted: String)
}

extension TensorFileError: CustomStringConvertible {
  /// One sentence for the person who asked.
  public var description: String {
    let (file, given, accepted) = parts
    return "\(file): \(given) (accepted: \(accepted))"
  }

  /// The file, what it gives, and what is accepted.
  public var parts: (file: String, given: String, accepted: String) {
    switch self {
    case .unreadable(let file, let given, let accepted),
      .tooLarge(let file, let given, let accepted),
      .badHeader(let file, let given, let accepted),
      .unsupportedType(let file, let given, let accepted),
      .unknownTensor(let file, let given, let accepted),
      .badLength(let file, let given, let accepted),
      .badShape(let file, let given, let accepted),
      .badValue(let file, let given, let accepted):
      return (file, given, accepted)
    }
  }
}
