import ArgumentParser
import CostModel
import Report
import Scenario

/// `kvsim profile`: what device profiles hold.
struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile",
    abstract: "Shows or compares what device profiles hold, or makes one without measuring here.",
    subcommands: [
      ProfileShowCommand.self, ProfileCompareCommand.self, ProfileImportCommand.self,
      ProfileDeriveCommand.self,
    ])
}

/// `kvsim profile show`.
struct ProfileShowCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show",
    abstract: "Show a profile's device, grids and errors.",
    discussion: """
      A fifth of a profile's points is kept out of the fit. The tables show how far predictions \
      lie from them, for each operator and at the points where they err most: where results that \
      rest on the profile are to be taken with care.
      """)

  @Argument(help: "The profile (see kvsim calibrate).")
  var file: String

  @Option(help: "How many of the points with the largest errors to list.")
  var worst = 10

  @Flag(help: "List every point that is held out, in the order of measuring.")
  var points = false

  func validate() throws {
    if worst < 0 { throw ValidationError("--worst takes a whole number from 0.") }
  }

  func run() throws {
    let loaded = try readingInput { () throws(ScenarioError) in
      try ProfileFile.read(path: file)
    }
    let table: ProfileTable
    do throws(ProfileError) {
      table = try ProfileTable(loaded.profile, worst: points ? nil : worst)
    } catch {
      throw failure("\(file): \(error)", .badInput)
    }
    try printResult(table.rendered())
  }
}
