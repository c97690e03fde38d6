import ArgumentParser
import KernelStudies
import Trace

/// `kvsim merge`.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Put the shares of a sweep together into one database.",
    discussion: """
      The databases are those of `kvsim sweep --shard`. They have to be of one sweep, and have \
      each of its points once. Exits with 65 where they do not, 1 where the result cannot be \
      written.
      """)

  @Argument(help: "The databases of the shares.")
  var shares: [String]

  @Option(
    name: [.customShort("o"), .customLong("output")],
    help: ArgumentHelp("The database to write.", valueName: "file"))
  var output: String

  @Flag(help: "Overwrite the database if it exists.")
  var force = false

  func run() throws {
    do throws(TraceError) {
      let result = try SweepMerge.merge(shares, into: output, overwrite: force)
      let failed = result.failed > 0 ? ", \(result.failed) of them failed" : ""
      printError("sweep: \(output): \(Counted.of(result.points, "point"))\(failed)")
    } catch {
      switch error {
      case .diskFull, .io, .busy: throw failure(error, .runFailed)
      // Of a share these are wrong input.
      case .noSuchFolder(let path, _) where path == output: throw failure(error, .runFailed)
      case .notARegularFile(let path) where path == output: throw failure(error, .runFailed)
      default: throw failure(error, .badInput)
      }
    }
  }
}
