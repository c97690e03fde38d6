#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The first hundred bytes of a file, which tell a trace from everything else before SQLite gets to
/// see any of it (https://sqlite.org/fileformat2.html, section 1.3).
struct TraceHeader {
  private var bytes: [UInt8]
  private let sizeBytes: Int64

  /// Reads the header of a regular file; a shorter file gives a shorter header.
  /// - Throws: `noSuchFile`, `notARegularFile`, `io`.
  init(reading path: TracePath) throws(TraceError) {
    switch try path.kind() {
    case .nothing: throw .noSuchFile(path: path.given)
    case .other: throw .notARegularFile(path: path.given)
    case .regularFile: break
    }
    // Without blocking, in case the file has just been replaced by a pipe.
    let descriptor = open(path.file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw path.failure("open it") }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw path.failure("look at it") }
    sizeBytes = Int64(information.st_size)
    var read = 0
    bytes = [UInt8](repeating: 0, count: 100)
    bytes.withUnsafeMutableBytes { read = pread(descriptor, $0.baseAddress, $0.count, 0) }
    guard read >= 0 else { throw path.failure("read it") }
    bytes.removeSubrange(read...)
  }

  /// Refuses everything but a trace of this version in rollback mode.
  /// - Throws: `notATrace`, `writeAheadLog`, `wrongVersion`.
  func checkKind(path: String) throws(TraceError) {
    guard bytes.count == 100, bytes.starts(with: Array("SQLite format 3\0".utf8)),
      word(at: 68) == TraceSchema.applicationID
    else { throw .notATrace(path: path) }
    // A write-ahead log, mode 2, would have SQLite create files beside a trace that is only read.
    guard bytes[18] != 2, bytes[19] != 2 else { throw .writeAheadLog(path: path) }
    guard bytes[18] == 1, bytes[19] == 1 else { throw .notATrace(path: path) }
    let version = word(at: 60)
    guard version == TraceSchema.version else {
      throw .wrongVersion(path: path, found: version, expected: TraceSchema.version)
    }
  }

  /// The same, and that all of it is there.
  /// - Throws: `notATrace`, `writeAheadLog`, `wrongVersion`, `damaged`.
  func check(path: String) throws(TraceError) {
    try checkKind(path: path)
    // SQLite would take a last page that is cut short for one that ends in zeros. A page size of
    // 64 KiB does not fit its two bytes and stands there as 1.
    let storedPageBytes = word(at: 16) >> 16 & 0xffff
    let pageBytes = storedPageBytes == 1 ? 65_536 : storedPageBytes
    guard sizeBytes >= pageBytes * word(at: 28) else {
      throw .damaged(path: path, reason: "its end is missing")
    }
  }

  /// A signed big-endian 32-bit number.
  private func word(at offset: Int) -> Int64 {
    let unsigned = bytes[offset..<offset + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    return Int64(Int32(bitPattern: unsigned))
  }
}
