import Foundation

@testable import KernelStudies

/// Bytes in memory in place of a file.
struct MemoryBytes: ByteSource {
  let name: String
  let bytes: [UInt8]

  init(_ bytes: [UInt8], name: String = "k.npy") {
    self.bytes = bytes
    self.name = name
  }

  var size: Int { bytes.count }

  func read(offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
    // Reading beyond the end traps here, and fails every test of the readers.
    Array(bytes[offset..<offset + count])
  }
}

/// Files made by hand.
enum TensorFiles {
  /// An `.npy` file with `header` as it stands, without padding.
  static func npy(version: UInt8 = 1, header: String, data: [UInt8]) -> [UInt8] {
    let length = header.utf8.count
    let lengthBytes = (0..<(version == 1 ? 2 : 4)).map {
      UInt8(truncatingIfNeeded: length >> (8 * $0))
    }
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + lengthBytes + Array(header.utf8) + data
  }

  static func header(_ descr: String, _ shape: String, order: String = "False") -> String {
    "{'descr': '\(descr)', 'fortran_order': \(order), 'shape': \(shape), }     \n"
  }

  /// A safetensors file with `header` as it stands.
  static func safetensors(_ header: String, data: [UInt8]) -> [UInt8] {
    littleEndian(UInt64(header.utf8.count)) + Array(header.utf8) + data
  }

  static func littleEndian<Word: FixedWidthInteger>(_ word: Word) -> [UInt8] {
    withUnsafeBytes(of: word.littleEndian) { Array($0) }
  }

  static func singles(_ values: [Float]) -> [UInt8] {
    values.flatMap { littleEndian($0.bitPattern) }
  }
}

/// What `body` is refused with; nil where it is not.
func refusal<T>(_ body: () throws(TensorFileError) -> T) -> TensorFileError? {
  do throws(TensorFileError) {
    _ = try body()
    return nil
  } catch {
    return error
  }
}
