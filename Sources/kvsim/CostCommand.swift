import ArgumentParser
import CostModel
import Operators
import Planning
import Report
import Scenario

/// `kvsim cost`.
struct CostCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cost",
    abstract: "Price one step of a model on a device, operator by operator.",
    discussion: """
      The step decodes a token for each of --batch sequences, and with --prefill computes a chunk \
      of a prompt besides. Each operator is shown with its bytes and operations, what bounds it, \
      and how its price was arrived at.
      """)

  @Option(help: "The model's config.json.")
  var model: String

  @Option(help: ArgumentHelp("The device's profile.", valueName: "profile"))
  var device: String

  @Option(help: "The KV cache's format: \(KVFormat.named.map(\.name).joined(separator: ", ")).")
  var format = "fp16"

  @Option(help: "Sequences that decode a token each.")
  var batch = 1

  @Option(help: "Tokens that each of them attends to on average, its own new one included.")
  var context = 1024

  @Option(help: "Tokens that the longest of them attends to; by default as many as the others.")
  var longestContext: Int?

  @Option(help: "Tokens of a prompt's chunk in the same step.")
  var prefill = 0

  @Option(help: "Tokens of that prompt that are in the cache already.")
  var prefix = 0

  @Option(help: "Devices that share each layer; the table is of one of them.")
  var tensorParallelSize = 1

  @Option(help: "Stages of so many devices over which the layers are spread; the step passes all.")
  var pipelineParallelSize = 1

  @Option(help: "A measured link of the devices; for several, this or --link-bandwidth.")
  var link: String?

  @Option(help: "What each device sends to the others, in GB/s.")
  var linkBandwidth: Double?

  @Option(help: "What a message to another device takes at least, in microseconds (default: 3).")
  var linkLatency: Double?

  func validate() throws {
    if let linkBandwidth, !(0.001...1e6).contains(linkBandwidth) {
      throw ValidationError("--link-bandwidth takes GB/s, a number from 0.001 to 1000000.")
    }
    if let linkLatency, !(0...1e6).contains(linkLatency) {
      throw ValidationError("--link-latency takes microseconds, a number from 0 to 1000000.")
    }
    guard link == nil || linkBandwidth == nil else {
      throw ValidationError("--link and --link-bandwidth do not go together.")
    }
    for (name, size) in [("tensor", tensorParallelSize), ("pipeline", pipelineParallelSize)] {
      guard (1...Limits.heads).contains(size) else {
        throw ValidationError(
          "--\(name)-parallel-size takes a whole number from 1 to \(Limits.heads).")
      }
      if size > 1, link == nil, linkBandwidth == nil {
        throw ValidationError(
          "--\(name)-parallel-size above 1 needs --link or --link-bandwidth.")
      }
    }
    if linkLatency != nil, linkBandwidth == nil {
      throw ValidationError("--link-latency goes with --link-bandwidth.")
    }
    if tensorParallelSize * pipelineParallelSize == 1, link != nil || linkBandwidth != nil {
      throw ValidationError(
        "--link and --link-bandwidth go with --tensor-parallel-size or --pipeline-parallel-size "
          + "above 1.")
    }
    guard KVFormat(name: format) != nil else {
      let names = KVFormat.named.map(\.name).joined(separator: ", ")
      throw ValidationError("--format is \(format); accepted: \(names).")
    }
    for (name, value, least) in [
      ("batch", batch, 0), ("context", context, 1), ("prefill", prefill, 0), ("prefix", prefix, 0),
    ] where !(least...Limits.batchedTokens).contains(value) {
      throw ValidationError(
        "--\(name) takes a whole number from \(least) to \(Limits.batchedTokens).")
    }
    if let longestContext,
      !RaggedBatch.exists(sequences: batch, context: context, longest: longestContext)
    {
      throw ValidationError(
        "--longest-context is \(longestContext); \(batch) contexts of \(context) on average have "
          + "a longest from \(context) to \(context + (batch - 1) * (context - 1)).")
    }
    if batch + prefill == 0 { throw ValidationError("A step has --batch or --prefill.") }
    if prefix > 0, prefill == 0 { throw ValidationError("--prefix goes with --prefill.") }
  }

  func run() throws {
    let (architecture, profile) = try readingInput { () throws(ScenarioError) in
      (
        try ModelFile.read(path: model).architecture, try ProfileFile.read(path: device).profile
      )
    }
    let parallelism = try parallelism(of: architecture)
    if let excess = excess(architecture) { throw failure(excess, .badInput) }
    let chunk = PrefillChunk(tokens: prefill, prefix: prefix, endsPrompt: true)
    let step = BatchShape(
      chunks: prefill > 0 ? [chunk] : [], decodeSequences: batch, contextTokens: batch * context,
      longestContext: longestContext ?? context)
    guard let format = profile.format(named: format) else {
      let measured = profile.formats.map(\.name).joined(separator: ", ")
      throw failure(
        "\(device): `\(format)` was not measured there; accepted: \(measured)", .badInput)
    }
    let table: CostTable
    do throws(ProfileError) {
      table = try CostTable(
        step, model: architecture, format: format, profile: profile,
        parallelism: parallelism)
    } catch {
      throw failure("\(device): \(error)", .badInput)
    }
    try printResult(table.rendered())
    warnIfTooLarge(architecture, format, profile)
  }

  /// A step can be priced that the devices could not hold; whoever asks shall know.
  private func warnIfTooLarge(
    _ architecture: ModelArchitecture, _ format: KVFormat, _ profile: Profile
  ) {
    let rank = architecture.rank(ofDegree: tensorParallelSize)
    let tokens = batch * context + (prefill > 0 ? prefix + prefill : 0)
    let stages = pipelineParallelSize
    let weights = rank.weightBytes / stages
    let all = tokens.multipliedReportingOverflow(by: rank.kvBytesPerToken(format))
    let cache = (all.overflow ? .max : all.partialValue) / stages
    let memory = profile.device.memoryBytes
    guard memory > 0, cache > memory - weights else { return }
    printError(
      """
      kvsim: warning: no device like this holds the step: weights of \(Size(weights)) and \
      \(Size(cache)) of KV cache for \(tokens) tokens; it has \(Size(memory))
      """)
  }

  /// The devices and their link; refuses those that cannot share the model.
  private func parallelism(of architecture: ModelArchitecture) throws -> Parallelism {
    if let obstacle = architecture.obstacle(toDegree: tensorParallelSize) {
      throw failure("--tensor-parallel-size: \(obstacle)", .badInput)
    }
    if let obstacle = architecture.obstacle(toStages: pipelineParallelSize) {
      throw failure("--pipeline-parallel-size: \(obstacle)", .badInput)
    }
    var between = linkBandwidth.map {
      Link(bytesPerSecond: Int($0 * 1e9), latencyNs: Int64(((linkLatency ?? 3) * 1e3).rounded()))
    }
    if let link {
      between = try readingInput { () throws(ScenarioError) in try LinkFile.read(path: link).link }
    }
    return Parallelism(
      tensorParallelSize: tensorParallelSize, pipelineParallelSize: pipelineParallelSize,
      link: between)
  }

  /// Which options make the step longer than the model's context, or too large to be counted in 64
  /// bits; nil where none does.
  private func excess(_ architecture: ModelArchitecture) -> String? {
    let most = architecture.maxPositions
    for (options, tokens) in [
      ("--longest-context", batch > 0 ? longestContext ?? 0 : 0),
      ("--context", batch > 0 ? context : 0), ("--prefill and --prefix", prefill + prefix),
    ] where tokens > most {
      return "\(options): \(tokens) tokens exceed the model's context; accepted: up to \(most)"
    }
    let model = architecture.rank(ofDegree: tensorParallelSize)
    // A multiply and an add for each weight and token; as many for each query-key pair, twice.
    let weights = 2 * Double(model.mostWeightsPerOperator)
    let pair = 4 * Double(model.heads.queryHeads) * Double(model.heads.headDim)
    let decodes = Double(batch) * Double(context)
    let prompts = Double(prefill) * Double(prefix + prefill)
    for (options, operations) in [
      ("--batch and --prefill", Double(batch + prefill) * weights),
      ("--batch and --context", decodes * pair), ("--prefill and --prefix", prompts * pair),
      ("--batch, --context, --prefill and --prefix", (decodes + prompts) * pair),
    ] where operations > 0x1p62 {
      return "\(options) are too large for this model: the operations of one operator leave 64 bits"
    }
    return nil
  }
}
