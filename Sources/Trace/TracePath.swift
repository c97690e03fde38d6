#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `errno` of a full disk.
let noRoom = ENOSPC

/// Where a trace is or will be: links in the folders are resolved once, so that SQLite's refusal of
/// links can stay on for the file itself.
struct TracePath {
  /// The path as the user wrote it, for errors.
  let given: String
  /// The folder, absolute and without links.
  let folder: String
  /// The file: the folder and the last component.
  let file: String

  /// What stands at a path.
  enum Kind {
    case nothing, regularFile, other
  }

  /// Resolves the folder, which must exist; the file need not.
  init(_ given: String) throws(TraceError) {
    self.given = given
    let slash = given.lastIndex(of: "/")
    let name = slash.map { given[given.index(after: $0)...] } ?? given[...]
    guard !name.isEmpty, name != ".", name != "..", !given.utf8.contains(0) else {
      throw .notARegularFile(path: given)
    }
    let parent = slash.map { $0 == given.startIndex ? "/" : String(given[..<$0]) } ?? "."
    guard let resolved = realpath(parent, nil) else {
      let code = errno
      if code == ENOENT || code == ENOTDIR { throw .noSuchFolder(path: given, folder: parent) }
      throw TracePath.failure(given, "open its folder", code)
    }
    defer { free(resolved) }
    folder = String(cString: resolved)
    file = folder == "/" ? "/\(name)" : "\(folder)/\(name)"
  }

  /// What stands at the path now, links not followed.
  func kind() throws(TraceError) -> Kind {
    var information = stat()
    guard lstat(file, &information) == 0 else {
      if errno == ENOENT { return .nothing }
      throw failure("look at it")
    }
    return information.st_mode & S_IFMT == S_IFREG ? .regularFile : .other
  }

  /// Which file a name leads to, whatever other names it has: its file system and its number
  /// there. Nil where there is none.
  static func identity(of file: String) -> [UInt64]? {
    var information = stat()
    guard stat(file, &information) == 0 else { return nil }
    return [UInt64(information.st_dev), UInt64(information.st_ino)]
  }

  /// The error for the system call that has just failed.
  func failure(_ operation: String) -> TraceError {
    TracePath.failure(given, operation, errno)
  }

  /// The error for a system call that failed with `code`, an `errno`.
  static func failure(_ path: String, _ operation: String, _ code: Int32) -> TraceError {
    if code == ENOSPC || code == EDQUOT { return .diskFull(path: path) }
    return .io(
      path: path, operation: operation, code: code, reason: String(cString: strerror(code)))
  }
}
