#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The partial file of a trace whose writer was killed: whole batches of rows, and a journal that
/// takes the batch back that was under way.
///
/// SQLite plays such a journal back when the file is opened for writing, and refuses to read the
/// file before that. So it is opened for writing once, if nobody writes it any more.
struct LeftTrace {
  /// The last bytes of a journal that names another file, which SQLite might then delete
  /// (https://sqlite.org/fileformat2.html, section 3).
  private static let superJournalMark: [UInt8] = [
    0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7,
  ]

  private let path: TracePath
  private var journal: String { path.file + PartialFile.journalEnding }

  /// What was left; nil where the file is none, or no journal stands beside it.
  init?(_ path: TracePath) {
    self.path = path
    guard path.file.hasSuffix(PartialFile.ending) else { return nil }
    var information = stat()
    guard lstat(journal, &information) == 0,
      information.st_mode & S_IFMT == S_IFREG, information.st_size > 0
    else { return nil }
  }

  /// Takes the batch back that was under way.
  /// - Parameter isOurs: whether the caller holds the writer's lock.
  /// - Throws: `busy` while the writer lives; `damaged` where the journal is not one of a trace's;
  ///   what SQLite finds wrong.
  func takeBackLastBatch(isOurs: Bool = false) throws(TraceError) {
    let lock =
      isOurs ? -1 : open(path.file + PartialFile.lockEnding, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    defer { if lock >= 0 { close(lock) } }
    if lock >= 0, flock(lock, LOCK_EX | LOCK_NB) != 0 { throw .busy(path: path.given) }
    guard try !namesAnotherFile() else {
      throw .damaged(path: path.given, reason: "its journal names another file")
    }
    let connection = try Connection(file: path.file, path: path.given, mode: .recoverUntrusted)
    _ = try connection.integer("SELECT count(*) FROM sqlite_schema")
    try connection.close()
  }

  private func namesAnotherFile() throws(TraceError) -> Bool {
    let descriptor = open(journal, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw path.failure("open its journal") }
    defer { close(descriptor) }
    var information = stat()
    guard fstat(descriptor, &information) == 0 else { throw path.failure("look at its journal") }
    var mark = [UInt8](repeating: 0, count: LeftTrace.superJournalMark.count)
    let place = Int(information.st_size) - mark.count
    let read = mark.withUnsafeMutableBytes { pread(descriptor, $0.baseAddress, $0.count, place) }
    return read == mark.count && mark == LeftTrace.superJournalMark
  }
}
