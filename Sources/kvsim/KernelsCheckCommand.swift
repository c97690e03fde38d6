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
      --path or KVSIM_CPU_PATH names, with fresh random data. Exits with 1 where a normalised \
      mean squared error is above 5e-4, an output is left unwritten, or a law does not hold.
      """)

  @Option(help: "The device whose kernels are checked: \(DeviceChoice.accepted).")
  var device = DeviceChoice.cpu

  @Option(
    help: ArgumentHelp(
      "The kernels to check: a path's name; by default the one that "
        + "\(CPUPath.environmentVariable) names, else all that run here."))
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
    let skipped = CPUPath.allCases.filter { !CPUPath.available.contains($0) }.map(\.name)
    switch format {
    case .table:
      let command = "kvsim kernels check --seed \(report.seed)" + (quick ? " --quick" : "")
      try printResult(
        KernelCheckTable(report, skippedPaths: skipped, repeatCommand: command).rendered())
    case .json:
      try printResult(try KernelCheckJSON(report, skippedPaths: skipped).rendered())
    }
    guard report.passed else { throw ExitCode.runFailed }
  }

  private func check(_ plan: CheckPlan) throws -> CheckReport {
    var bar = ProgressBar()
    defer { bar.clear() }
    do throws(DeviceError) {
      let backends = try backends()
      let suite = CheckSuite(
        plan: plan, backends: backends, writer: try CPUBackend(path: .scalar))
      let report = try suite.run(only: only) { bar.show($0, $1) }
      for case let backend as VulkanBackend in backends { try refuseMessages(of: backend) }
      return report
    } catch {
      throw failure(error, .runFailed)
    }
  }

  /// The Vulkan device, or the CPU once for each path.
  private func backends() throws(DeviceError) -> [any KernelBackend] {
    if case .vulkan = device { return [try device.backend()] }
    let chosen = path ?? CPUPath.environmentChoice
    let paths = try chosen.map { (name) throws(DeviceError) in [try CPUPath.select(forced: name)] }
    return try (paths ?? CPUPath.available).map { (path) throws(DeviceError) in
      try CPUBackend(path: path)
    }
  }

  /// A kernel that the validation layer has something to say of is not right, whatever it computes.
  private func refuseMessages(of backend: VulkanBackend) throws(DeviceError) {
    guard let said = backend.validation, said.count > 0 else { return }
    throw .validation(messages: said.count, first: said.first)
  }
}
