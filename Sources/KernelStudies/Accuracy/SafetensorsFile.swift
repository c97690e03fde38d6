/// Hugging Face's `safetensors` files: eight bytes with the length of a header, little-endian; the
/// header, a JSON object of tensors with type, shape and place; and their bytes without holes.
struct SafetensorsFile<Source: ByteSource> {
  private let source: Source
  private let entries: [String: SafetensorsHeader.Entry]
  private let dataOffset: Int

  /// Reads the header and checks the place of every tensor.
  init(_ source: Source) throws(TensorFileError) {
    self.source = source
    guard source.size >= 8 else {
      throw .badHeader(
        file: source.name, given: "a file of \(source.size) bytes",
        accepted: "a safetensors file: eight bytes with the length of its header come first")
    }
    let length = try source.read(offset: 0, count: 8).reversed().reduce(UInt64(0)) {
      $0 << 8 | UInt64($1)
    }
    guard length <= UInt64(TensorLimits.safetensorsHeaderBytes) else {
      throw .tooLarge(
        file: source.name, given: "a header of \(length) bytes",
        accepted: "at most \(TensorLimits.safetensorsHeaderBytes)")
    }
    guard Int(length) <= source.size - 8 else {
      throw .badHeader(
        file: source.name, given: "a header of \(length) bytes in a file of \(source.size)",
        accepted: "a whole file")
    }
    let bytes = try source.read(offset: 8, count: Int(length))
    do throws(SafetensorsHeader.SyntaxError) {
      entries = try SafetensorsHeader(bytes).entries
    } catch {
      throw .badHeader(
        file: source.name,
        given: "a header that, at byte \(8 + error.offset), has \(error.given)",
        accepted: error.accepted)
    }
    dataOffset = 8 + Int(length)
    try checkPlaces()
  }

  /// The tensor of this name; without one the only tensor.
  func tensor(named name: String?) throws(TensorFileError) -> Tensor {
    let names = entries.keys.sorted()
    guard let chosen = name ?? (names.count == 1 ? names[0] : nil), let entry = entries[chosen]
    else {
      throw .unknownTensor(
        file: source.name,
        given: name.map { "no tensor \(TensorLimits.quoted($0))" }
          ?? "\(names.count) tensors, of which none is chosen",
        accepted: SafetensorsFile.listing(names))
    }
    let label = "\(source.name):\(chosen)"
    guard let type = ElementType(rawValue: entry.dtype) else {
      throw .unsupportedType(
        file: label, given: "elements of type \(TensorLimits.quoted(entry.dtype))",
        accepted: ElementType.allCases.map(\.rawValue).joined(separator: ", "))
    }
    guard entry.shape.count <= TensorLimits.dimensions,
      let count = TensorLimits.elementCount(entry.shape)
    else {
      throw .tooLarge(
        file: label, given: "a tensor of shape \(TensorLimits.quoted(Tensor.text(entry.shape)))",
        accepted: "at most \(TensorLimits.elements) elements in \(TensorLimits.dimensions) "
          + "dimensions")
    }
    guard entry.end - entry.begin == count * type.byteCount else {
      throw .badLength(
        file: label, given: "\(entry.end - entry.begin) bytes of elements",
        accepted: "the \(count * type.byteCount) of shape \(Tensor.text(entry.shape)) and type "
          + entry.dtype)
    }
    let bytes = try source.read(offset: dataOffset + entry.begin, count: count * type.byteCount)
    return try Tensor(name: label, shape: entry.shape, type: type, bytes: bytes)
  }

  /// Tensors lie one behind the other and end where the file ends, as the format demands.
  private func checkPlaces() throws(TensorFileError) {
    let present = source.size - dataOffset
    var end = 0
    let ordered = entries.sorted {
      ($0.value.begin, $0.value.end, $0.key) < ($1.value.begin, $1.value.end, $1.key)
    }
    for (name, entry) in ordered {
      guard entry.begin == end, entry.end >= entry.begin, entry.end <= present else {
        throw .badLength(
          file: "\(source.name):\(name)",
          given: "data_offsets [\(entry.begin), \(entry.end)]",
          accepted: "a place that starts at \(end), where the tensor before it ends, and lies "
            + "within the \(present) bytes behind the header")
      }
      end = entry.end
    }
    guard end == present else {
      throw .badLength(
        file: source.name, given: "\(present) bytes behind the header",
        accepted: "the \(end) that its tensors take")
    }
  }

  private static func listing(_ names: [String]) -> String {
    guard !names.isEmpty else { return "a file with at least one tensor" }
    let shown = names.prefix(TensorLimits.namedTensors).map(TensorLimits.quoted)
    let rest = names.count - shown.count
    return "FILE.safetensors:NAME with NAME one of " + shown.joined(separator: ", ")
      + (rest > 0 ? " and \(rest) more" : "")
  }
}
