import ArgumentParser

/// The command line: one file per subcommand, no logic of its own.
@main
struct KVSim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kvsim",
    abstract: "Simulates LLM serving, with FP16, INT4 and rotated INT4 KV caches side by side.",
    discussion: """
      Start with `kvsim run Scenarios/quickstart.yaml`, which plays requests on an H200 as it was \
      measured. `kvsim calibrate --device cpu -o mine.json` measures this machine (with \
      `--device vulkan` its GPU), and `kvsim run … --profile mine.json` plays them on that.
      """,
    version: version,
    subcommands: [
      RunCommand.self, CheckCommand.self, SchemaCommand.self, ValidateCommand.self,
      CostCommand.self,
      PlanCommand.self, SweepCommand.self, MergeCommand.self,
      QueryCommand.self, ReportCommand.self, ExportCommand.self, CalibrateCommand.self,
      ProfileCommand.self,
      TraceCommand.self,
      KernelsCommand.self, AccuracyCommand.self, DevicesCommand.self,
    ])

  static let version = "0.1.0"
}
