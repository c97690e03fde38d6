import Operators

extension BenchPlan {
  /// 100 MB of weights, an up projection of an 8B model.
  private static let upProjection = Layer(name: "", outputs: 12288, inputs: 4096)

  /// For CPUs: batch 1 to 64 and context 1k to 64k; some 80 seconds.
  public static let standard = BenchPlan(
    decodes: grid(batches: [1, 4, 16, 64], contexts: [1024, 4096, 16384, 65536]),
    heads: PublishedFigures.heads, blockSize: 16, repeats: 31, groupSeconds: 2.5,
    layers: [upProjection], linearTokens: [1, 4, 16, 64, 256, 1024],
    prefills: [Prefill(tokens: 512, prefix: 0), Prefill(tokens: 512, prefix: 4096)],
    appendedTokens: [64, 2048], gatheredTokens: [64, 2048],
    movedFormats: formats + [fullyRotated], hasOneThread: true,
    published: .ggml, goals: GoalRule.cpu)

  /// For CPUs: few shapes, few rounds; some 15 seconds.
  public static let quick = BenchPlan(
    decodes: grid(batches: [1, 16], contexts: [1024, 16384]),
    heads: PublishedFigures.heads, blockSize: 16, repeats: 7, groupSeconds: 0.8,
    layers: [upProjection], linearTokens: [1, 256],
    prefills: [Prefill(tokens: 256, prefix: 1024)],
    appendedTokens: [2048], gatheredTokens: [2048],
    movedFormats: formats + [fullyRotated], hasOneThread: true,
    published: .ggml, goals: GoalRule.cpu)
}

extension GoalRule {
  /// The goals of the CPU kernels' specification (issue 3 of kvsim), in its order. Shares of the
  /// read and speeds over FP16 are asked for where a call reads more than the last-level cache.
  static let cpu: [GoalRule] =
    [(KVFormat.fp16, 0.85), (.int4, 0.60), (.int4Rotated, 0.60)].map {
      GoalRule(
        "\($0.name) decode, of read bandwidth", .atLeast($1), .decode, $0, .shareOfRead,
        within: Scope(isBeyondCache: true))
    }
    + [KVFormat.int4, .int4Rotated].map {
      GoalRule(
        "\($0.name) decode, tokens/s over fp16", .atLeast(2.2), .decode, $0, .speedOver(.fp16),
        within: Scope(isBeyondCache: true))
    } + [
      GoalRule(
        "int4-rotated decode, time over int4", .atMost(1.01), .decode, .int4Rotated,
        .timeOver(.int4), within: Scope(leastContext: 1024)),
      GoalRule(
        "int4-rotated append, time over int4", .atMost(1.15), .append, .int4Rotated,
        .timeOver(.int4)),
    ]
    + [KVFormat.int4, .int4Rotated].map {
      GoalRule(
        "\($0.name) decode over ggml's Q4_0, one thread", .atLeast(20), .decodeOneThread, $0,
        .speedOverPublished(.int4), on: .cpuFamily(PublishedFigures.cpuFamily))
    } + [
      GoalRule(
        "fp16 decode over ggml's F16, one thread", .atLeast(3), .decodeOneThread, .fp16,
        .speedOverPublished(.fp16), on: .cpuFamily(PublishedFigures.cpuFamily)),
      GoalRule(
        "rotate and quantise 128 values in cache", .atMost(25), .append, BenchPlan.fullyRotated,
        .rowFromCache_ns(headDim: 128)),
      GoalRule(
        "linear M=1, of read bandwidth", .atLeast(0.80), .linear, nil, .shareOfRead,
        within: Scope(tokens: 1...1)),
      GoalRule(
        "linear M>=256, of the FMA peak", .atLeast(0.60), .linear, nil, .shareOfPeak,
        within: Scope(tokens: 256...Int.max)),
    ]
}
