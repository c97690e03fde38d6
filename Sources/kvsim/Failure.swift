import ArgumentParser
import Foundation
import Scenario

/// Exit codes beside 0 and those of the argument parser (64 for a wrong command line).
extension ExitCode {
  /// The run failed: a trace that could not be written, a device that could not be used.
  static let runFailed = ExitCode(1)
  /// A scenario, or a file that it names, is wrong.
  static let badInput = ExitCode(65)
  /// Another process writes the file just now; scripts try again later (`EX_TEMPFAIL`).
  static let busy = ExitCode(75)
}

/// How results are printed.
enum OutputFormat: String, ExpressibleByArgument, CaseIterable {
  case table
  case json
}

/// Says on standard error what went wrong, and gives the exit code to throw. What stands in it may
/// be from a stranger's file.
func failure(_ error: some CustomStringConvertible, _ code: ExitCode) -> ExitCode {
  printError("kvsim: error: \(Escaping.escapedLines(error.description))")
  return code
}

/// Reads files from outside; prints every error of every file on standard error.
/// - Throws: exit code 65 where there is one.
func readingInput<Value>(_ body: () throws(ScenarioError) -> Value) throws -> Value {
  do throws(ScenarioError) {
    return try body()
  } catch {
    printError("\(error)")
    throw ExitCode.badInput
  }
}

/// Whether a folder stands at the path.
func isFolder(_ path: String) -> Bool {
  var isFolder: ObjCBool = false
  return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
    && isFolder.boolValue
}

/// Prints a line on standard error, if anybody takes it.
func printError(_ line: String) {
  try? FileHandle.standardError.write(contentsOf: Data((line + "\n").utf8))
}

/// Prints a result on standard output.
/// - Throws: exit code 1 where it could not be written: a result that is cut off is a failure.
func printResult(_ text: String) throws {
  do {
    try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
  } catch {
    throw failure("the result could not be written to standard output", .runFailed)
  }
}
