/// NumPy's `.npy` files, versions 1.0, 2.0 and 3.0 (`numpy.lib.format`): a magic string, a version,
/// the length of a header, the header (a Python dictionary), and the elements.
enum NPYFile {
  private static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
  private static let types: [String: ElementType] = [
    "<f2": .half, "<f4": .single, "<f8": .double,
  ]

  /// Reads the array.
  static func read(_ source: some ByteSource) throws(TensorFileError) -> Tensor {
    let (header, dataOffset) = try header(source)
    guard case .name(let descr) = header.descr, let type = types[descr] else {
      throw .unsupportedType(
        file: source.name, given: "elements of type \(TensorLimits.quoted(header.descr.text))",
        accepted: "'<f2', '<f4' or '<f8'; bfloat16 has no .npy type: use safetensors for it")
    }
    guard !header.isFortranOrder else {
      throw .unsupportedType(
        file: source.name, given: "fortran_order True",
        accepted: "C order: save numpy.ascontiguousarray(array)")
    }
    guard let count = TensorLimits.elementCount(header.shape) else {
      throw .tooLarge(
        file: source.name, given: "an array of shape \(Tensor.text(header.shape))",
        accepted: "at most \(TensorLimits.elements) elements")
    }
    let (present, needed) = (source.size - dataOffset, count * type.byteCount)
    guard present == needed else {
      throw .badLength(
        file: source.name, given: "\(present) bytes of elements",
        accepted: "the \(needed) of shape \(Tensor.text(header.shape)) and type '\(descr)'")
    }
    let bytes = try source.read(offset: dataOffset, count: needed)
    return try Tensor(name: source.name, shape: header.shape, type: type, bytes: bytes)
  }

  /// The parsed header, and where the elements start.
  private static func header(
    _ source: some ByteSource
  ) throws(TensorFileError) -> (NPYHeader, dataOffset: Int) {
    func refused(_ given: String, _ accepted: String) -> TensorFileError {
      .badHeader(file: source.name, given: given, accepted: accepted)
    }
    let start = try source.read(offset: 0, count: min(source.size, 12))
    guard start.count >= 10, Array(start[..<6]) == magic else {
      throw refused(
        "it does not start with NumPy's magic string", "a file that numpy.save wrote")
    }
    guard (1...3).contains(start[6]), start[7] == 0 else {
      throw refused("version \(start[6]).\(start[7])", "versions 1.0, 2.0 and 3.0")
    }
    let lengthBytes = start[6] == 1 ? 2 : 4
    guard start.count >= 8 + lengthBytes else {
      throw refused("a file that ends in its header", "a whole file")
    }
    let length = (0..<lengthBytes).reduce(0) { $0 | Int(start[8 + $1]) << (8 * $1) }
    guard length <= TensorLimits.npyHeaderBytes else {
      throw .tooLarge(
        file: source.name, given: "a header of \(length) bytes",
        accepted: "at most \(TensorLimits.npyHeaderBytes)")
    }
    let headerOffset = 8 + lengthBytes
    guard length <= source.size - headerOffset else {
      throw refused(
        "a header of \(length) bytes in a file of \(source.size)", "a whole file")
    }
    let bytes = try source.read(offset: headerOffset, count: length)
    do throws(NPYHeader.SyntaxError) {
      return (try NPYHeader(bytes), headerOffset + length)
    } catch {
      throw refused(
        "a header that, at byte \(headerOffset + error.offset), has \(error.given)",
        error.accepted)
    }
  }
}
