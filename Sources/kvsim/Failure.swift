import ArgumentParser
import Foundation

/// Exit codes beside 0 and those of the argument parser (64 for a wrong command line).
extension ExitCode {
  /// The run failed: a trace that could not be written, a device that could not be used.
  static let runFailed = ExitCode(1)
  /// A scenario, or a file that it names, is wrong.
  static let badInput = ExitCode(65)
}

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table
  case json
}

/// Says on standard error what went wrong, and gives the exit code to throw.
func failure(_ error: some CustomStringConvertible, _ code: ExitCode) -> ExitCode {
  printError("kvsim: error: \(error)")
  return code
}

/// Prints a line on standard error.
func printError(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}
