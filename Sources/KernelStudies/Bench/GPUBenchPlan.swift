import Operators

extension BenchPlan {
  /// The dense layers of Qwen3-8B: hidden size 4,096, intermediate size 12,288, 4,096 elements of
  /// queries and 1,024 of keys and of values.
  static let qwen3Layers = [
    Layer(name: "qkv", outputs: 6144, inputs: 4096),
    Layer(name: "o", outputs: 4096, inputs: 4096),
    Layer(name: "gate_up", outputs: 24576, inputs: 4096),
    Layer(name: "down", outputs: 4096, inputs: 12288),
  ]

  /// For graphics processors: one layer of Qwen3-8B at the shapes of the specification.
  public static let gpu = BenchPlan(
    decodes: [
      Decode(8, 16384), Decode(64, 4096), Decode(64, 16384), Decode(256, 1024), Decode(1, 131_072),
    ],
    heads: PublishedFigures.heads, blockSize: 16, repeats: 31, groupSeconds: 2.5,
    layers: qwen3Layers, linearTokens: [1, 4, 16, 2048, 8192],
    prefills: [Prefill(tokens: 8192, prefix: 0), Prefill(tokens: 16384, prefix: 0)],
    appendedTokens: [1, 8192], gatheredTokens: [8192],
    movedFormats: formats, hasOneThread: false, published: .h200, goals: GoalRule.gpu)

  /// For graphics processors: few shapes, few rounds.
  public static let gpuQuick = BenchPlan(
    decodes: [Decode(64, 4096), Decode(1, 131_072)],
    heads: PublishedFigures.heads, blockSize: 16, repeats: 7, groupSeconds: 0.8,
    layers: [qwen3Layers[0]], linearTokens: [1, 16, 2048],
    prefills: [Prefill(tokens: 8192, prefix: 0)], appendedTokens: [1, 8192], gatheredTokens: [8192],
    movedFormats: formats, hasOneThread: false, published: .h200, goals: GoalRule.gpu)

  /// For GPUs made of software, such as llvmpipe, which take seconds where others take
  /// microseconds: shapes that show that everything runs. No goal is judged there.
  public static let softwareGPU = BenchPlan(
    decodes: [Decode(2, 256), Decode(1, 1024)],
    heads: PublishedFigures.heads, blockSize: 16, repeats: 3, groupSeconds: 0.5,
    layers: [Layer(name: "small", outputs: 512, inputs: 256)], linearTokens: [1, 16, 64],
    prefills: [Prefill(tokens: 64, prefix: 0)], appendedTokens: [1, 64], gatheredTokens: [64],
    movedFormats: formats, hasOneThread: false, published: .h200, goals: GoalRule.gpu)
}

extension GoalRule {
  /// The shapes that a share of the read is asked for at.
  private static let large = Scope(decodes: [.init(64, 4096), .init(64, 16384)])
  private static let h200 = Devices.named(PublishedTimes.h200.device)

  /// The goals of the GPU kernels' specification, in its order.
  static let gpu: [GoalRule] =
    fp16Goals + [KVFormat.int4, .int4Rotated].flatMap(fourBitGoals)
    + rotationGoals + appendGoals + linearGoals

  private static let fp16Goals = [
    GoalRule(
      "fp16 decode, of read bandwidth", .atLeast(0.85), .decode, .fp16, .shareOfRead,
      within: large, on: .gpus),
    GoalRule(
      "fp16 decode, over the published BF16", .atLeast(1), .decode, .fp16,
      .speedOverPublished(.fp16), on: h200),
  ]

  private static func fourBitGoals(_ format: KVFormat) -> [GoalRule] {
    let rest = Scope(decodes: [.init(8, 16384), .init(1, 131_072)])
    return [
      GoalRule(
        "\(format.name) decode, of read bandwidth", .atLeast(0.65), .decode, format, .shareOfRead,
        within: large, on: .gpus),
      GoalRule(
        "\(format.name) decode 64 x 4096 and above, over the published INT4", .atLeast(2.5),
        .decode, format, .speedOverPublished(.int4), within: large, on: h200),
      GoalRule(
        "\(format.name) decode of few sequences, over the published INT4", .atLeast(2), .decode,
        format, .speedOverPublished(.int4), within: rest, on: h200),
    ]
  }

  private static let rotationGoals = [
    GoalRule(
      "int4-rotated decode, time over int4", .atMost(1.01), .decode, .int4Rotated,
      .timeOver(.int4), on: .gpus),
    GoalRule(
      "int4-rotated append, time over int4", .atMost(1.05), .append, .int4Rotated,
      .timeOver(.int4), on: .gpus),
  ]

  private static let appendGoals = [
    (KVFormat.int4, 1, 7.5), (.int4Rotated, 1, 9.2), (.int4, 8192, 31), (.int4Rotated, 8192, 44),
  ].map { (format: KVFormat, tokens: Int, limit_us: Double) in
    GoalRule(
      "\(format.name) append of \(tokens)", .atMost(limit_us), .append, format, .time_us,
      within: Scope(tokens: tokens...tokens, heads: PublishedFigures.heads), on: h200)
  }

  private static let linearGoals =
    [
      GoalRule(
        "linear M<=16, of read bandwidth", .atLeast(0.80), .linear, nil, .shareOfRead,
        within: Scope(tokens: 1...16), on: .gpus),
      GoalRule(
        "linear M>=2048, of the published rate", .atLeast(0.55), .linear, nil, .shareOfRate,
        within: Scope(tokens: 2048...Int.max), on: h200),
    ]
    + BenchPlan.formats.map {
      GoalRule(
        "\($0.name) prefill 8192 to 16384, of the published rate", .atLeast(0.50), .prefill, $0,
        .shareOfRate, within: Scope(tokens: 8192...16384), on: h200)
    }
}
