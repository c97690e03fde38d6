import ArgumentParser

/// `kvsim trace`: request traces.
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Converts the request traces that a scenario replays.",
    subcommands: [TraceConvertCommand.self])
}
