import Foundation

/// Runs the built `kvsim` with standard output on a pseudo-terminal.
struct TerminalRun {
  let status: Int32
  /// What it printed, with the line ends that it wrote.
  let output: String

  /// - Parameter columns: of the terminal.
  init(
    _ arguments: [String], in folder: URL, columns: UInt16, environment: [String: String]
  ) throws {
    var (own, other): (Int32, Int32) = (-1, -1)
    var size = winsize(ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&own, &other, nil, nil, &size) == 0 else {
      throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
    }
    defer { close(own) }
    let process = Process()
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.executableURL = CommandLineRun.program
    process.arguments = arguments
    process.currentDirectoryURL = folder
    process.standardOutput = FileHandle(fileDescriptor: other, closeOnDealloc: false)
    process.standardError = FileHandle.nullDevice
    try process.run()
    close(other)
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    // The read fails once nobody has the other end open.
    while case let count = read(own, &chunk, chunk.count), count > 0 {
      bytes += chunk.prefix(count)
    }
    process.waitUntilExit()
    status = process.terminationStatus
    output = String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
  }
}
