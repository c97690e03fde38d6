import ArgumentParser
import Scenario

/// `kvsim profile derive`.
struct ProfileDeriveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "derive",
    abstract: "Make a profile of a device that was not measured from that of another.",
    discussion: """
      Scales memory-bound time by the bandwidths and compute-bound time by the arithmetic rates \
      that data sheets state (see docs/cost-model.md). What a result rests on stays visible: the \
      profile says `derived` and from what wherever it shows. A data sheet is named by its id, \
      such as nvidia-h100-sxm, in the folder data-sheets beside the profile or in \
      Scenarios/devices, or by its path.
      """)

  @Argument(help: "The profile to derive from.")
  var file: String

  @Option(
    help: ArgumentHelp(
      "The data sheet of the device that was measured; by default the one that is named like it."))
  var source: String?

  @Option(help: "The data sheet of the device to derive for.")
  var device: String

  @OptionGroup var output: OutputFile

  func run() throws {
    try output.check()
    let derived = try readingInput { () throws(ScenarioError) in
      let loaded = try ProfileFile.read(path: file)
      let shelf = DataSheetShelf(beside: [file, DataSheetShelf.shipped])
      return ProfileFile.derived(
        from: loaded, source: try shelf.source(source, of: loaded), target: try shelf.read(device))
    }
    try output.write(derived.profile, madeFrom: file)
    output.announce("profile")
  }
}

extension DataSheetShelf {
  /// Where the shipped data sheets stand in a clone.
  static let shipped = "Scenarios/devices/"
}
