import Foundation

/// A file from outside, read whole.
struct SourceFile: Sendable {
  /// The path, as it was opened.
  let path: String
  /// The bytes, as they stand there.
  let bytes: [UInt8]

  /// A path that a file gives, as it can be opened: itself where it is absolute, else behind that
  /// file's folder, which is empty or ends in a slash.
  static func path(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") ? path : folder + path
  }

  /// Whether a folder stands at the path.
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether anything stands at the path.
  static func exists(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0
  }

  /// Reads a regular file of at most `limit` bytes.
  static func read(path: String, limit: Int) throws(ScenarioError) -> SourceFile {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw .unreadable(path: path, reason: "this is not a path of a file")
    }
    // Without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw .unreadable(path: path, reason: "cannot be read: \(reason(errno))")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw .unreadable(path: path, reason: "cannot be read: \(reason(errno))")
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw .unreadable(path: path, reason: "is a directory; a file is wanted")
    default: throw .unreadable(path: path, reason: "is not a regular file")
    }
    guard status.st_size <= limit else {
      throw .unreadable(
        path: path, reason: "has \(status.st_size) bytes; the limit is \(limit) bytes")
    }
    return SourceFile(path: path, bytes: try contents(descriptor, Int(status.st_size), path))
  }

  private static func contents(
    _ descriptor: Int32, _ size: Int, _ path: String
  ) throws(ScenarioError) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
      while count < size {
        let got = Foundation.read(descriptor, buffer.baseAddress! + count, size - count)
        if got < 0 && errno == EINTR { continue }
        if got < 0 { failure = errno }
        if got <= 0 { return }
        count += got
      }
    }
    guard failure == 0 else {
      throw .unreadable(path: path, reason: "cannot be read: \(reason(failure))")
    }
    return bytes
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT: "there is no such file"
    case EACCES: "permission denied"
    default: String(cString: strerror(code))
    }
  }

  /// The text, or nil with an error where the bytes are not UTF-8 or hold characters that no
  /// text file has. A byte order mark at the start is dropped.
  func text(into log: DiagnosticLog) -> String? {
    if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
      log.report(at: .start, "the file is UTF-16; save it as UTF-8")
      return nil
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      log.report(at: invalidPosition(), "the bytes here are not UTF-8; save the file as UTF-8")
      return nil
    }
    guard isClean(text, into: log) else { return nil }
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
      return String(text.unicodeScalars.dropFirst())
    }
    return text
  }

  /// The place of the first byte that is not UTF-8: where a repaired decoding first differs.
  private func invalidPosition() -> Position {
    var column = 1
    var line = 1
    var offset = 0
    for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
      let encoded = Array(String(Character(scalar)).utf8)
      let isHere = bytes[offset...].starts(with: encoded)
      guard isHere else { break }
      offset += encoded.count
      column += 1
      if scalar == "\n" {
        line += 1
        column = 1
      }
    }
    return Position(line: line, column: column)
  }

  /// Refuses control characters and the line separators that editors and YAML count differently.
  private func isClean(_ text: String, into log: DiagnosticLog) -> Bool {
    // Bytes are quick to scan, and almost every file is clean: look closer only at suspects.
    let isSuspect = bytes.contains { $0 < 0x20 && $0 != 10 && $0 != 9 || $0 >= 0x7F }
    guard isSuspect else { return true }
    var line = 1
    var column = 1
    var isFirst = true
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      let value = scalar.value
      // A carriage return ends a line for YAML and not for JSON: only CR LF is one for both.
      if previous == "\r", scalar != "\n" {
        log.report(
          at: Position(line: line, column: column - 1),
          "a carriage return without a line feed; end lines with LF or CR LF")
        return false
      }
      previous = scalar
      if scalar == "\n" {
        line += 1
        column = 1
        isFirst = false
        continue
      }
      let isControl = value < 0x20 && value != 9 && value != 13 || (0x7F..<0xA0).contains(value)
      let isSeparator = value == 0x2028 || value == 0x2029
      let isNoCharacter = value == 0xFFFE || value == 0xFFFF || value == 0xFEFF && !isFirst
      if isControl || isSeparator || isNoCharacter {
        log.report(
          at: Position(line: line, column: column),
          "a character that no text has stands here: U+"
            + String(value, radix: 16, uppercase: true))
        return false
      }
      if value != 0xFEFF { column += 1 }
      isFirst = false
    }
    return true
  }
}
