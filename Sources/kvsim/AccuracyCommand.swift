import ArgumentParser
import KernelStudies
import Kernels
import Operators
import Report
import Scenario

/// `kvsim accuracy`.
struct AccuracyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "accuracy",
    abstract: "Measure what each KV cache format does to keys and values.",
    discussion: """
      Writes keys and values into pages of each format, reads them back, and prints the error of \
      both, of the attention logits and of the attention output (see docs/accuracy.md). Files are \
      NAME.npy, NAME.safetensors or NAME.safetensors:TENSOR; shapes [tokens, heads, head_dim], \
      [tokens, head_dim] or [1, heads, tokens, head_dim]. Without files it generates keys with \
      outlier channels. With --device it times each format's kernels there as well: what does \
      rotation cost, by its order? That takes some 20 seconds, and the times want a machine that \
      does nothing else. KVSIM_CPU_PATH names the CPU's kernels (kvsim devices lists them); by \
      default the fastest. Exits with 65 where a file is wrong.
      """)

  @Option(help: ArgumentHelp("Keys as they are cached: after rotary embedding.", valueName: "file"))
  var keys: String?

  @Option(help: ArgumentHelp("Values, of the same tokens and heads.", valueName: "file"))
  var values: String?

  @Option(
    help: ArgumentHelp(
      "Queries of the last tokens, after rotary embedding; by default normal draws.",
      valueName: "file"))
  var queries: String?

  @Option(
    parsing: .unconditional, help: "Chooses what is generated or drawn.",
    transform: { text in
      guard let seed = UInt64(text) else {
        throw ValidationError("--seed takes a whole number from 0 to \(UInt64.max).")
      }
      return seed
    })
  var seed: UInt64 = 1

  @Option(parsing: .unconditional, help: "Tokens to generate (default: 1024).")
  var tokens: Int?

  @Option(parsing: .unconditional, help: "KV heads to generate (default: 2).")
  var kvHeads: Int?

  @Option(
    parsing: .unconditional,
    help: "Query heads to generate or draw (default: four for each KV head).")
  var queryHeads: Int?

  @Option(parsing: .unconditional, help: "Elements of a generated vector (default: 128).")
  var headDim: Int?

  @Option(
    parsing: .unconditional,
    help: "Tokens, the last ones, whose queries ask; at most.")
  var queryTokens = 64

  @Option(
    parsing: .unconditional,
    help: "What q · k is multiplied with (default: 1 / √head_dim); Gemma 2 2B and 9B: 0.0625.")
  var scale: Double?

  @Option(
    parsing: .unconditional,
    help: "Logits s become cap · tanh(s / cap) (default: no cap); Gemma 2: 50.")
  var softCap: Double?

  @Option(
    help: ArgumentHelp(
      "Times the formats on this device: \(DeviceChoice.accepted) (default: no times).",
      valueName: "device"))
  var device: DeviceChoice?

  @Option(help: "How to print the result: table or json.")
  var format = OutputFormat.table

  func validate() throws {
    guard (keys == nil) == (values == nil) else {
      throw ValidationError("--keys and --values go together.")
    }
    guard keys != nil || queries == nil else {
      throw ValidationError("--queries takes --keys and --values beside it.")
    }
    guard keys == nil || (tokens ?? kvHeads ?? headDim) == nil else {
      throw ValidationError("--tokens, --kv-heads and --head-dim are for keys without a file.")
    }
    guard queries == nil || queryHeads == nil else {
      throw ValidationError("--query-heads is for queries without a file.")
    }
    try check(tokens, "--tokens", 1...65_536)
    try check(kvHeads, "--kv-heads", 1...64)
    try check(queryHeads, "--query-heads", 1...TensorLimits.heads)
    try check(headDim, "--head-dim", 16...TensorLimits.headDim)
    try check(queryTokens, "--query-tokens", 1...TensorLimits.queryTokens)
    try check(scale, "--scale")
    try check(softCap, "--soft-cap")
    guard (headDim ?? 16) % 16 == 0 else {
      throw ValidationError("--head-dim takes multiples of 16.")
    }
    guard keys != nil || (queryHeads ?? 0) % (kvHeads ?? 2) == 0 else {
      throw ValidationError("--query-heads takes a multiple of --kv-heads.")
    }
    let (tokens, heads, width) = (tokens ?? 1024, kvHeads ?? 2, headDim ?? 128)
    guard OutlierGenerator.isWithinLimits(tokens: tokens, heads: heads, headDim: width),
      OutlierGenerator.isWithinLimits(
        tokens: queryTokens, heads: queryHeads ?? 4 * heads, headDim: width)
    else {
      throw ValidationError(
        "--tokens × --kv-heads × --head-dim, and query tokens × --query-heads × --head-dim, may "
          + "be at most \(TensorLimits.elements).")
    }
  }

  func run() throws {
    let (sample, origin) = try sample()
    let rule = LogitRule(headDim: sample.heads.headDim, scale: scale, softCap: softCap)
    let floor = keys == nil ? generator(hasOutliers: false).sample() : nil
    let result: AccuracyResult
    let times: BenchResult?
    do throws(DeviceError) {
      var bar = ProgressBar()
      defer { bar.clear() }
      result = try AccuracyStudy(
        sample, floor: floor, rule: rule, backend: try CPUBackend()
      ).run {
        bar.show($0.share, $0.format.name)
      }
      let runner = try device?.benchRunner { kind in
        .times(of: result.formats.map(\.format), heads: result.heads, on: kind)
      }
      times = try runner?.run { bar.show($0.share, $0.label) }
    } catch {
      throw failure(error, .runFailed)
    }
    let tradeOff = times.map { FormatTradeOff(result, $0) }
    switch format {
    case .table:
      try printResult(
        AccuracyTable(result, origin: origin).rendered()
          + (tradeOff.map { "\n" + FormatTimesTable($0).rendered() } ?? ""))
    case .json:
      try printResult(try AccuracyJSON(result, origin: origin, tradeOff: tradeOff).rendered())
    }
    if let error = times?.failure { throw failure(error, .runFailed) }
  }

  private func sample() throws -> (KVSample, SampleOrigin) {
    guard let keys, let values else {
      return (generator(hasOutliers: true).sample(), .generated(seed: seed))
    }
    let origin = SampleOrigin.files(keys: keys, values: values, queries: queries, seed: seed)
    do throws(TensorFileError) {
      let (keys, values) = (try Tensor.load(keys), try Tensor.load(values))
      if let queries {
        return (
          try KVSample(
            keys: keys, values: values, queries: try Tensor.load(queries),
            queryTokens: queryTokens), origin
        )
      }
      return (
        try KVSample(
          keys: keys, values: values, queryHeads: queryHeads, queryTokens: queryTokens,
          seed: seed), origin
      )
    } catch {
      throw failure(Escaping.escaped("\(error)"), .badInput)
    }
  }

  private func generator(hasOutliers: Bool) -> OutlierGenerator {
    let (tokens, kvHeads) = (tokens ?? 1024, kvHeads ?? 2)
    var generator = OutlierGenerator(
      tokens: tokens,
      heads: HeadGeometry(
        queryHeads: queryHeads ?? 4 * kvHeads, kvHeads: kvHeads, headDim: headDim ?? 128),
      queryTokens: min(tokens, queryTokens), seed: seed)
    generator.hasOutliers = hasOutliers
    return generator
  }

  private func check(_ value: Double?, _ name: String) throws {
    guard let value, !LogitRule.range.contains(value) else { return }
    throw ValidationError("\(name) takes a number from 0.000001 to 1000000.")
  }

  private func check(_ value: Int?, _ name: String, _ range: ClosedRange<Int>) throws {
    guard let value, !range.contains(value) else { return }
    throw ValidationError(
      "\(name) takes a whole number from \(range.lowerBound) to \(range.upperBound).")
  }
}
