/// An array from a file, as FP32: what FP16, BF16 and FP32 hold, they hold in FP32 to the bit, and
/// FP64 is rounded once.
public struct Tensor: Sendable {
  /// What errors call it: its file, and its name where the file holds several.
  public let name: String
  /// Its dimensions, the slowest first.
  public let shape: [Int]
  /// Its elements in C order.
  public let elements: [Float]

  /// A tensor in memory.
  ///
  /// - Precondition: `elements` are as many as `shape` says.
  public init(name: String, shape: [Int], elements: [Float]) {
    precondition(TensorLimits.elementCount(shape) == elements.count)
    self.name = name
    self.shape = shape
    self.elements = elements
  }

  /// Reads `FILE.npy`, `FILE.safetensors` (which then holds one tensor) or
  /// `FILE.safetensors:NAME`.
  ///
  /// - Throws: what is wrong with the file; no content of it traps.
  public static func load(_ argument: String) throws(TensorFileError) -> Tensor {
    if argument.hasSuffix(".npy") {
      return try NPYFile.read(FileBytes(path: argument))
    }
    if argument.hasSuffix(".safetensors") {
      return try SafetensorsFile(FileBytes(path: argument)).tensor(named: nil)
    }
    if let colon = argument.colonAfterSafetensors {
      let name = String(argument[argument.index(after: colon)...])
      return try SafetensorsFile(FileBytes(path: String(argument[..<colon]))).tensor(named: name)
    }
    throw .unreadable(
      file: argument, given: "a name with another ending",
      accepted: "FILE.npy, FILE.safetensors or FILE.safetensors:TENSOR")
  }

  /// Where in C order the element `index` stands, as Python writes it.
  static func place(_ index: Int, in shape: [Int]) -> String {
    var (place, rest) = ([Int](), index)
    for dimension in shape.reversed() {
      place.insert(rest % dimension, at: 0)
      rest /= dimension
    }
    return text(place)
  }

  /// The tensor of these bytes.
  ///
  /// - Precondition: `bytes` are the elements of `shape`, no more and no less.
  /// - Throws: ``TensorFileError/badValue(file:given:accepted:)`` for a finite element that FP32
  ///   does not hold: as infinity it would be reported as what it is not.
  init(
    name: String, shape: [Int], type: ElementType, bytes: [UInt8]
  ) throws(TensorFileError) {
    self.init(name: name, shape: shape, elements: type.decoded(bytes))
    guard type == .double, let index = elements.firstIndex(where: \.isInfinite) else { return }
    let wide = type.double(bytes, index)
    guard wide.isFinite else { return }
    throw .badValue(
      file: name, given: "\(wide) at \(Tensor.place(index, in: shape)), which is beyond float32",
      accepted: TensorLimits.acceptedValues(65_504))
  }

  /// The shape as Python writes it.
  static func text(_ shape: [Int]) -> String {
    "[" + shape.map(String.init).joined(separator: ", ") + "]"
  }
}

extension String {
  /// The colon of the first `.safetensors:`; names of tensors may hold further ones.
  fileprivate var colonAfterSafetensors: String.Index? {
    indices.first { self[$0] == ":" && self[..<$0].hasSuffix(".safetensors") }
  }
}

/// The types of elements that are read; all little-endian.
enum ElementType: String, CaseIterable {
  case half = "F16"
  case brain = "BF16"
  case single = "F32"
  case double = "F64"

  /// Bytes of one element.
  var byteCount: Int {
    switch self {
    case .half, .brain: 2
    case .single: 4
    case .double: 8
    }
  }

  /// The elements as FP32.
  ///
  /// - Precondition: `bytes` hold a whole number of elements.
  func decoded(_ bytes: [UInt8]) -> [Float] {
    precondition(bytes.count % byteCount == 0)
    let count = bytes.count / byteCount
    return bytes.withUnsafeBytes { raw in
      [Float](unsafeUninitializedCapacity: count) { floats, filled in
        for i in 0..<count { floats.initializeElement(at: i, to: element(raw, i)) }
        filled = count
      }
    }
  }

  /// Element `index` of FP64 bytes as it stands.
  func double(_ bytes: [UInt8], _ index: Int) -> Double {
    precondition(self == .double)
    return bytes.withUnsafeBytes { raw in
      Double(
        bitPattern: UInt64(
          littleEndian: raw.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self)))
    }
  }

  private func element(_ raw: UnsafeRawBufferPointer, _ i: Int) -> Float {
    func bits<Word: FixedWidthInteger>(_ type: Word.Type) -> Word {
      Word(littleEndian: raw.loadUnaligned(fromByteOffset: i * byteCount, as: type))
    }
    switch self {
    case .half: return Float(Float16(bitPattern: bits(UInt16.self)))
    case .brain: return Float(bitPattern: UInt32(bits(UInt16.self)) << 16)
    case .single: return Float(bitPattern: bits(UInt32.self))
    case .double: return Float(Double(bitPattern: bits(UInt64.self)))
    }
  }
}
