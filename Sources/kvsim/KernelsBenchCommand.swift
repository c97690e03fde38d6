import ArgumentParser
import KernelStudies
import Kernels
import Operators
import Report

/// `kvsim kernels bench`.
struct KernelsBenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Time the bundled kernels and set them against what a device can do.",
    discussion: """
      Measures read bandwidth first, on a CPU arithmetic too and one thread by itself, then every \
      operator on cold inputs, formats in turn; ends with the goals for speed and whether they are \
      met. Takes some 80 seconds on a CPU, and the figures want a machine that does nothing else. \
      A graphics processor has shapes and goals of its own; one made of software (llvmpipe) runs \
      small shapes, and nothing is judged there. KVSIM_CPU_PATH names the CPU's kernels (kvsim \
      devices lists them); by default the fastest. Exits with 1 where no shape could be measured, \
      or where the device stopped answering.
      """)

  @Option(help: "The device to time: \(DeviceChoice.accepted).")
  var device: DeviceChoice = .cpu

  @Flag(help: "Few shapes and few rounds: some 15 seconds on a CPU.")
  var quick = false

  @Option(
    help: ArgumentHelp("Batches of decode attention, 1 to 1024 each.", valueName: "n,n,…"))
  var batch: NumberList?

  @Option(
    help: ArgumentHelp("Cached tokens per sequence, 1 to 1048576 each.", valueName: "n,n,…"))
  var context: NumberList?

  @Option(help: ArgumentHelp("Tokens of dense layers, 1 to 65536 each.", valueName: "n,n,…"))
  var tokens: NumberList?

  @Option(
    help: ArgumentHelp(
      "Query heads, KV heads and head dimension, such as 32/8/128.", valueName: "q/kv/dim"))
  var heads: Heads?

  @Option(
    help: ArgumentHelp(
      "Only these: \(BenchGroup.Kind.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "kind,kind,…"))
  var only: KindList?

  @Option(help: "Tokens per page.")
  var blockSize: Int?

  @Option(help: "Rounds at most, 3 to 1000; shapes that take long have fewer.")
  var repeats: Int?

  @Option(
    help: "Threads of the CPU's figures on all threads; by default one for each processor.")
  var threads: Int?

  @Option(help: "How the result is printed.")
  var format: OutputFormat = .table

  private func plan(_ kind: BenchPlan.DeviceKind) -> BenchPlan {
    var plan = BenchPlan.standing(for: kind, isQuick: quick)
    if let batch { plan.batches = batch.numbers }
    if let context { plan.contexts = context.numbers }
    if let tokens { plan.linearTokens = tokens.numbers }
    if let heads { plan.heads = heads.geometry }
    if let only { plan.kinds = only.kinds }
    if let blockSize { plan.blockSize = blockSize }
    if let repeats { plan.repeats = repeats }
    return plan
  }

  func validate() throws {
    if let objection = plan(device.benchKind).objection { throw ValidationError(objection + ".") }
    guard let threads else { return }
    guard (1...1024).contains(threads) else {
      throw ValidationError("--threads takes a whole number from 1 to 1024.")
    }
    guard device == .cpu else { throw ValidationError("--threads is for --device cpu.") }
  }

  func run() throws {
    let result = try measure()
    switch format {
    case .table: try printResult(KernelBenchTable(result).rendered())
    case .json: try printResult(try KernelBenchJSON(result).rendered())
    }
    if let error = result.failure { throw failure(error, .runFailed) }
    if result.samples.isEmpty {
      throw failure("no shape was measured: every one was skipped", .runFailed)
    }
  }

  private func measure() throws -> BenchResult {
    var bar = ProgressBar()
    defer { bar.clear() }
    do throws(DeviceError) {
      return try device.benchRunner(threads: threads, plan: plan).run {
        bar.show($0.share, $0.label)
      }
    } catch {
      throw failure(error, .runFailed)
    }
  }
}

/// Whole numbers parted by commas.
struct NumberList: ExpressibleByArgument {
  let numbers: [Int]

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == parts.count else { return nil }
    self.numbers = numbers
  }
}

/// Kinds of groups parted by commas.
struct KindList: ExpressibleByArgument {
  let kinds: Set<BenchGroup.Kind>

  init?(argument: String) {
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let kinds = parts.compactMap { BenchGroup.Kind(rawValue: String($0)) }
    guard kinds.count == parts.count else { return nil }
    self.kinds = Set(kinds)
  }
}

/// Query heads, KV heads and head dimension: `32/8/128`.
struct Heads: ExpressibleByArgument {
  let geometry: HeadGeometry

  init?(argument: String) {
    guard let geometry = HeadGeometry(text: argument) else { return nil }
    self.geometry = geometry
  }
}
