#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What an export writes to: standard output, or a file that gets its name when it is complete.
///
/// Let go without ``publish()``, a file leaves nothing behind.
final class ExportFile {
  /// What is to be written next; ``passOn()`` empties it when there is enough.
  var text = ExportText()

  private let name: String
  private let partial: PartialFile?
  private var descriptor: Int32

  /// Bytes that are gathered before they are written.
  private static let bytesAtOnce = 1 << 16

  /// Standard output.
  init() {
    name = "standard output"
    partial = nil
    descriptor = STDOUT_FILENO
  }

  /// A new file.
  /// - Throws: `fileExists`, unless it may be overwritten; `notARegularFile`, `busy`, `io`.
  init(_ path: TracePath, overwrites: Bool) throws(TraceError) {
    name = path.given
    let partial = try PartialFile(path, overwrites: overwrites)
    self.partial = partial
    descriptor = open(
      partial.file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw path.failure("create it") }
  }

  deinit {
    closeFile()
  }

  /// Writes what has been gathered, once that is a good deal.
  @inline(__always)
  func passOn() throws(TraceError) {
    if text.bytes.count >= ExportFile.bytesAtOnce { try write() }
  }

  /// Writes the rest. The file is complete, but has not got its name.
  func complete() throws(TraceError) {
    try write()
    closeFile()
  }

  /// Gives the complete file its name.
  func publish() throws(TraceError) {
    try partial?.publish()
  }

  private func write() throws(TraceError) {
    var failed: Int32?
    text.bytes.withUnsafeBytes { bytes in
      var done = 0
      while done < bytes.count {
        #if canImport(Darwin)
          let written = Darwin.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        #elseif canImport(Musl)
          let written = Musl.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        #else
          let written = Glibc.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
        #endif
        if written < 0, errno == EINTR { continue }
        guard written >= 0 else {
          failed = errno
          return
        }
        done += written
      }
    }
    if let failed { throw TracePath.failure(name, "write it", failed) }
    text.removeAll()
  }

  private func closeFile() {
    if partial != nil, descriptor >= 0 { close(descriptor) }
    descriptor = -1
  }
}

/// A folder for the files of one export. It is made where there is none, and taken away again if
/// the export fails.
final class ExportFolder {
  private let path: TracePath
  private let overwrites: Bool
  private var isNew = false
  private var files: [ExportFile] = []

  /// - Throws: `notARegularFile` where something else stands there, `noSuchFolder`, `io`.
  init(_ given: String, overwrites: Bool) throws(TraceError) {
    let slashes = given.utf8.reversed().prefix { $0 == UInt8(ascii: "/") }.count
    path = try TracePath(String(given.utf8.dropLast(slashes)) ?? given)
    self.overwrites = overwrites
    switch try path.kind() {
    case .nothing:
      guard mkdir(path.file, 0o755) == 0 else { throw path.failure("create it") }
      isNew = true
    case .regularFile: throw .notAFolder(path: given)
    case .other:
      var information = stat()
      guard lstat(path.file, &information) == 0, information.st_mode & S_IFMT == S_IFDIR else {
        throw .notAFolder(path: given)
      }
    }
  }

  deinit {
    files = []
    // Does nothing to a folder with anything in it.
    if isNew { rmdir(path.file) }
  }

  /// Begins a file of the folder.
  func file(_ name: String) throws(TraceError) -> ExportFile {
    let file = try ExportFile(TracePath("\(path.file)/\(name)"), overwrites: overwrites)
    files.append(file)
    return file
  }

  /// Gives all files their names, which are complete.
  func publish() throws(TraceError) {
    for file in files { try file.publish() }
    isNew = false
  }
}
