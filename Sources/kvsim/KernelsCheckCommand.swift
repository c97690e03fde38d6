import ArgumentParser
import KernelStudies
import Kernels
import Report

/// `kvsim kernels check`.
struct KernelsCheckCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Hold the bundled kernels against float64 on thousands of shapes.",
    discussion: """
      Every operator, format and size, on every path that this CPU runs, or on the one that \
      --path or KVSIM_CPU_PATH names, with fresh random data. The kernels of a Vulkan device are \
      held against those of the CPU besides. Exits with 1 where a normalised mean squared error \
      is above 5e-4, an output is left unwritten, or a law does not hold.
      """)

  @Option(help: "The device whose kernels are checked: \(DeviceChoice.accepted).")
  var device = DeviceChoice.cpu

  @Option(
    help: ArgumentHelp(
      "The CPU kernels to check: a path's name; by default the one that "
        + "\(CPUPath.environmentVariable) names, else all that run here. With a Vulkan device, "
        + "the CPU kernels that it is compared with, by default the fastest."))
  var path: String?

  @Option(help: "Draws the cases and their data; by default a fresh one, which is printed.")
  var seed: UInt64?

  @Flag(help: "Fewer cases, and contexts up to 4,096 tokens.")
  var quick = false

  @Option(name: .customLong("case"), help: "Run one case alone, by its number in --seed's plan.")
  var only: Int?

  @Option(help: "How the result is printed.")
  var format = OutputFormat.table

  func validate() throws {
    if let path, CPUPath(rawValue: path) == nil {
      let known = CPUPath.allCases.map(\.name).joined(separator: ", ")
      throw ValidationError("--path takes one of \(known).")
    }
    guard let only else { return }
    guard let seed else {
      throw ValidationError("--case takes --seed beside it: a case's number means it in one plan.")
    }
    let count = plan(seed: seed).cases.count
    guard (0..<count).contains(only) else {
      throw ValidationError("--case takes a number from 0 to \(count - 1).")
    }
  }

  private func plan(seed: UInt64) -> CheckPlan {
    CheckPlan(seed: seed, extent: quick ? .quick : .full)
  }

  func run() throws {
    let report = try check(plan(seed: seed ?? UInt64.random(in: 0...UInt64(UInt32.max))))
    var skipped: [String] = []
    if device == .cpu {
      skipped = CPUPath.allCases.filter { !CPUPath.available.contains($0) }.map(\.name)
    }
    switch format {
    case .table:
      try printResult(
        KernelCheckTable(
          report, skippedPaths: skipped,
          repeatCommand: { repeatCommand(seed: report.seed, path: $0, peer: report.peer) }
        ).rendered())
    case .json:
      try printResult(try KernelCheckJSON(report, skippedPaths: skipped).rendered())
    }
    guard report.passed else { throw ExitCode.runFailed }
  }

  /// The command line that runs the cases of one path again; `peer` is what they were held against.
  func repeatCommand(seed: UInt64, path: String, peer: String?) -> String {
    let command = "kvsim kernels check --seed \(seed)" + (quick ? " --quick" : "")
    guard let peer else { return command + " --path \(path)" }
    return command + " --device \(device.commandLineArgument) --path \(peer)"
  }

  private func check(_ plan: CheckPlan) throws -> CheckReport {
    var bar = ProgressBar()
    defer { bar.clear() }
    do throws(DeviceError) {
      let backends = try backends()
      let suite = CheckSuite(
        plan: plan, backends: backends, writer: try CPUBackend(path: .scalar), peer: try peer())
      let report = try suite.run(only: only) { bar.show($0, $1) }
      for case let backend as VulkanBackend in backends { try refuseMessages(of: backend) }
      return report
    } catch {
      throw failure(error, .runFailed)
    }
  }

  private var chosenPath: String? { path ?? CPUPath.environmentChoice }

  /// The Vulkan device, or the CPU once for each path.
  private func backends() throws(DeviceError) -> [any KernelBackend] {
    if case .vulkan = device { return [try device.backend()] }
    let paths = try chosenPath.map { (name) throws(DeviceError) in
      [try CPUPath.select(forced: name)]
    }
    return try (paths ?? CPUPath.available).map { (path) throws(DeviceError) in
      try CPUBackend(path: path)
    }
  }

  /// The CPU, where the kernels of another device are checked.
  private func peer() throws(DeviceError) -> CPUBackend? {
    guard case .vulkan = device else { return nil }
    return try CPUBackend(path: try CPUPath.select(forced: chosenPath))
  }

  /// A kernel that the validation layer has something to say of is not right, whatever it computes.
  private func refuseMessages(of backend: VulkanBackend) throws(DeviceError) {
    guard let said = backend.validation, said.count > 0 else { return }
    throw .validation(messages: said.count, first: said.first)
  }
}
