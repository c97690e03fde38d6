#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The life of a trace that is being written: it grows as `<path>.partial` beside its target and
/// gets its name when it is complete, so that nobody ever sees half a trace under the real name.
///
/// `<path>.partial-lock` is held with `flock` meanwhile. A second live process finds it taken and
/// is refused; the lock of a killed process is gone with it, and what it left is replaced. The lock
/// is a file of its own because SQLite locks the partial file itself, and over NFS the two kinds of
/// lock are one and would shut SQLite out.
final class PartialFile {
  /// What its name has behind the target's.
  static let ending = ".partial"
  /// What SQLite adds to a file's name for that of its journal.
  static let journalEnding = "-journal"
  /// What the lock's name has behind the partial file's.
  static let lockEnding = "-lock"

  /// The target.
  let path: TracePath
  /// The file to write to.
  var file: String { path.file + PartialFile.ending }
  /// The name that the target will get over an existing file, or only over none.
  let overwrites: Bool

  /// Whether what was written stays whatever happens, for somebody to go on with.
  var isKept = false

  private var lock: Int32
  private var lockFile: String { PartialFile.lockFile(path) }
  private var journal: String { file + PartialFile.journalEnding }

  /// Refuses a target that may not be written: an existing file unless `overwrites`, and what is
  /// no regular file in any case.
  static func check(_ path: TracePath, overwrites: Bool) throws(TraceError) {
    switch try path.kind() {
    case .nothing: return
    case .other: throw .notARegularFile(path: path.given)
    case .regularFile where overwrites: return
    case .regularFile: throw .fileExists(path: path.given)
    }
  }

  /// Takes the lock and clears away what a killed process may have left.
  /// - Parameter continues: leaves that there instead, if there is any, to be written on.
  init(_ path: TracePath, overwrites: Bool, continues: Bool = false) throws(TraceError) {
    try PartialFile.check(path, overwrites: overwrites)
    self.path = path
    self.overwrites = overwrites
    lock = try PartialFile.takeLock(path)
    if continues { return }
    // The journal goes first: left beside a new file, SQLite would play it back into that file.
    for stale in [journal, file] where unlink(stale) != 0 && errno != ENOENT {
      let failure = path.failure("remove \(stale)")
      release()
      throw failure
    }
  }

  deinit {
    discard()
  }

  /// Removes the file, unless it has its name already or is kept.
  func discard() {
    guard lock >= 0 else { return }
    guard !isKept else { return release() }
    unlink(journal)
    unlink(file)
    release()
  }

  /// Whether somebody began to write it.
  func isThere() throws(TraceError) -> Bool {
    var information = stat()
    guard lstat(file, &information) == 0 else {
      if errno == ENOENT { return false }
      throw path.failure("look at it")
    }
    guard information.st_mode & S_IFMT == S_IFREG else { throw .notARegularFile(path: file) }
    return true
  }

  /// Takes the target back, to be written on.
  func reopen() throws(TraceError) {
    guard rename(path.file, file) == 0 else { throw path.failure("open it again") }
  }

  /// Lets go of the file as it is, for somebody to go on with.
  func leave() {
    if lock >= 0 { release() }
  }

  /// Makes the finished file durable and gives it its name, in one atomic step.
  /// - Precondition: nothing has the file open any more.
  func publish() throws(TraceError) {
    precondition(lock >= 0, "a partial file is published once")
    do throws(TraceError) {
      try synchronise(file)
      // Looked at again: the target may have appeared while the simulation ran.
      try PartialFile.check(path, overwrites: overwrites)
      overwrites ? try replaceTarget() : try createTarget()
    } catch {
      discard()
      throw error
    }
    unlink(journal)
    release()
    // The name is in place; a file system that cannot synchronise a folder does not undo that.
    try? synchronise(path.folder)
  }

  private func replaceTarget() throws(TraceError) {
    guard rename(file, path.file) == 0 else { throw path.failure("give it its name") }
  }

  /// A link fails where a name is taken, which `rename` would replace without a word.
  private func createTarget() throws(TraceError) {
    if link(file, path.file) == 0 {
      unlink(file)
      return
    }
    if errno == EEXIST { throw .fileExists(path: path.given) }
    // File systems without hard links: the check just before has to do.
    try replaceTarget()
  }

  private func synchronise(_ name: String) throws(TraceError) {
    let descriptor = open(name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw path.failure("open it to synchronise") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw path.failure("synchronise it") }
  }

  private func release() {
    // Removed while still held: whoever waits for this very file sees that its name is gone.
    unlink(lockFile)
    close(lock)
    lock = -1
  }

  private static func lockFile(_ path: TracePath) -> String { path.file + ending + lockEnding }

  private static func takeLock(_ path: TracePath) throws(TraceError) -> Int32 {
    let name = lockFile(path)
    // Each further round means that a holder let go between our opening and our locking.
    for _ in 0..<100 {
      let descriptor = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
      guard descriptor >= 0 else { throw path.failure("create it") }
      guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
        let failure = errno == EWOULDBLOCK ? .busy(path: path.given) : path.failure("lock it")
        close(descriptor)
        throw failure
      }
      var held = stat()
      var named = stat()
      if fstat(descriptor, &held) == 0, lstat(name, &named) == 0,
        held.st_ino == named.st_ino, held.st_dev == named.st_dev
      {
        return descriptor
      }
      close(descriptor)
    }
    throw .busy(path: path.given)
  }
}
