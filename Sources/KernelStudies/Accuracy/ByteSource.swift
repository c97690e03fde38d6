import Glibc

/// Bytes that a reader asks for piece by piece: of a file, or of memory in tests.
protocol ByteSource {
  /// What errors call it.
  var name: String { get }
  /// Bytes that there are.
  var size: Int { get }
  /// The bytes `offset ..< offset + count`.
  ///
  /// - Precondition: they lie within ``size``.
  func read(offset: Int, count: Int) throws(TensorFileError) -> [UInt8]
}

/// A regular file, open for reading as long as this lives.
final class FileBytes: ByteSource {
  let name: String
  let size: Int
  private let descriptor: Int32
  private static let accepted = "a readable .npy or .safetensors file"

  /// - Throws: ``TensorFileError/unreadable(file:given:accepted:)`` or
  ///   ``TensorFileError/tooLarge(file:given:accepted:)``.
  init(path: String) throws(TensorFileError) {
    name = path
    // Without O_NONBLOCK, opening a pipe would wait for somebody to write into it.
    descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .unreadable(file: path, given: FileBytes.reason(errno), accepted: FileBytes.accepted)
    }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(descriptor)
      throw .unreadable(file: path, given: "not a regular file", accepted: FileBytes.accepted)
    }
    guard status.st_size <= TensorLimits.fileBytes else {
      close(descriptor)
      throw .tooLarge(
        file: path, given: "a file of \(status.st_size) bytes",
        accepted: "at most \(TensorLimits.fileBytes) bytes")
    }
    size = Int(status.st_size)
  }

  deinit {
    close(descriptor)
  }

  func read(offset: Int, count: Int) throws(TensorFileError) -> [UInt8] {
    precondition(offset >= 0 && count >= 0 && count <= size - offset)
    var failure: String?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      while filled < count {
        let part = pread(
          descriptor, buffer.baseAddress! + filled, count - filled, off_t(offset + filled))
        if part < 0 && errno == EINTR { continue }
        guard part > 0 else {
          failure = part < 0 ? FileBytes.reason(errno) : "it became shorter while it was read"
          return
        }
        filled += part
      }
    }
    if let failure {
      throw .unreadable(file: name, given: failure, accepted: FileBytes.accepted)
    }
    return bytes
  }

  private static func reason(_ code: Int32) -> String {
    strerror(code).map { String(cString: $0) } ?? "error \(code)"
  }
}
