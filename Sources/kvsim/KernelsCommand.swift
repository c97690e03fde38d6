import ArgumentParser

/// `kvsim kernels`: what the bundled kernels do here.
struct KernelsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels",
    abstract: "Checks and times the bundled kernels.",
    subcommands: [KernelsCheckCommand.self, KernelsBenchCommand.self])
}
