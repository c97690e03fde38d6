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

/// `kvsim profile import`.
struct ProfileImportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Make a profile of operator times that other software measured.",
    discussion: """
      Reads a folder of LLMServingSim 2.0, profiled inside vLLM: profile-meta.yaml, cluster.json, \
      dense.csv, per_sequence.csv and attention.csv (see docs/cost-model.md). What a result rests \
      on stays visible: the profile says `imported` wherever it shows.
      """)

  /// The forms that can be read.
  enum Form: String, ExpressibleByArgument, CaseIterable {
    case llmservingsim
  }

  @Argument(help: ArgumentHelp("The folder to read.", valueName: "folder"))
  var folder: String

  @Option(help: "The form of the files: \(Form.allCases.map(\.rawValue).joined(separator: ", ")).")
  var from: Form

  @Option(help: "The config.json of the model whose layers were timed.")
  var model: String

  @Option(help: "The tensor parallelism whose tables to read: of one device's share.")
  var tensorParallelSize = 1

  @OptionGroup var output: OutputFile

  func validate() throws {
    guard (1...Limits.heads).contains(tensorParallelSize) else {
      throw ValidationError("--tensor-parallel-size takes a whole number from 1.")
    }
  }

  func run() throws {
    try output.check()
    let imported = try readingInput { () throws(ScenarioError) in
      let model = try ModelFile.read(path: model).architecture
      switch from {
      case .llmservingsim:
        return try LLMServingSimImport(
          folder: folder, model: model, degree: tensorParallelSize)
      }
    }
    try output.write(ProfileFile.encode(imported.profile))
    for note in imported.notes { printError("kvsim: warning: \(note)") }
    output.announce()
  }
}
