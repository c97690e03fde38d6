import Operators

/// Times that others' kernels were published to take on one kind of device. They stand beside what
/// is measured, and goals divide by them; nothing in this program measures them.
public struct PublishedTimes: Hashable, Sendable {
  /// The device: a part of its name.
  public let device: String
  /// The groups that they may be set against.
  public let kinds: Set<BenchGroup.Kind>
  /// Nanoseconds of a shape.
  public let times_ns: [OperatorShape: Double]
  /// Floating-point operations per second that the best of those kernels reach, by kind of
  /// operator.
  public let operationRates: [BenchGroup.Kind: Double]

  /// The time of a shape; nil where none was published.
  public func ns(of shape: OperatorShape, in kind: BenchGroup.Kind) -> Double? {
    kinds.contains(kind) ? times_ns[shape] : nil
  }
}

extension PublishedTimes {
  /// Of ``PublishedFigures``, on one thread of an EPYC of the Zen 5 generation.
  public static let ggml = PublishedTimes(
    device: "Zen 5", kinds: [.decodeOneThread],
    times_ns: Dictionary(
      uniqueKeysWithValues: PublishedFigures.decode.flatMap { row in
        zip(BenchPlan.formats, [row.f16Ns, row.q4Ns, row.q4Ns]).map { format, time_ns in
          let shape = OperatorShape.decodeAttention(
            sequences: 1, context: row.context, heads: PublishedFigures.heads, format: format)
          return (shape, time_ns)
        }
      }),
    operationRates: [:])

  /// One layer of Qwen3-8B on an NVIDIA H200: BF16, INT4 (144 bytes a token and KV head, with scale
  /// and zero in FP32) and INT4 whose keys are rotated by order 128.
  ///
  /// Decode attention is that of SAW-INT4's serving engine, as the specification of kvsim's GPU
  /// kernels has it. Append, prefill (BF16, FlashAttention-2 through PyTorch) and dense layers
  /// (BF16, PyTorch 2.11) are medians of replayed CUDA graphs, taken on 2026-11-23 with driver
  /// 580.159.04. That session timed decode attention too, and came to other times than the
  /// specification's: 422, 336 and 340 us at 64 x 4096, and none at 1 x 131072.
  public static let h200 = PublishedTimes(
    device: "H200", kinds: [.decode, .append, .prefill, .linear],
    times_ns: Dictionary(
      uniqueKeysWithValues: h200Decode + h200Append + h200Prefill + h200Linear),
    operationRates: [.linear: 670e12, .prefill: 560e12])

  private typealias Row = (OperatorShape, Double)
  private static let heads = PublishedFigures.heads

  private static let h200Decode: [Row] = [
    (8, 16384, [194, 183, 184]), (64, 4096, [346, 321, 355]), (64, 16384, [1243, 1166, 1324]),
    (256, 1024, [361, 364, 419]), (1, 131_072, [232, 194, 196]),
  ].flatMap { (batch: Int, context: Int, times_us: [Double]) in
    zip(BenchPlan.formats, times_us).map { format, time_us in
      let shape = OperatorShape.decodeAttention(
        sequences: batch, context: context, heads: heads, format: format)
      return (shape, time_us * 1e3)
    }
  }

  private static let h200Append: [Row] = [
    (1, [4.369, 7.527, 9.245]), (8192, [54.505, 30.884, 44.339]),
  ].flatMap { (tokens: Int, times_us: [Double]) in
    zip(BenchPlan.formats, times_us).map { format, time_us in
      (OperatorShape.append(tokens: tokens, heads: heads, format: format), time_us * 1e3)
    }
  }

  private static let h200Prefill: [Row] = [(8192, 1022.186), (16384, 3887.036)].map {
    (tokens: Int, time_us: Double) in
    let shape = OperatorShape.prefillAttention(
      tokens: tokens, prefix: 0, heads: heads, format: .fp16)
    return (shape, time_us * 1e3)
  }

  /// In the order of `BenchPlan.qwen3Layers`.
  private static let h200Linear: [Row] = [
    (1, [13.757, 10.266, 47.923, 30.187]), (4, [14.031, 9.749, 47.891, 29.443]),
    (16, [13.682, 9.31, 48.648, 28.665]), (2048, [151.067, 98.235, 649.168, 318.115]),
    (8192, [663.354, 398.927, 2408.936, 1212.946]),
  ].flatMap { (tokens: Int, times_us: [Double]) in
    zip(BenchPlan.qwen3Layers, times_us).map { layer, time_us in
      let shape = OperatorShape.linear(
        tokens: tokens, outputs: layer.outputs, inputs: layer.inputs)
      return (shape, time_us * 1e3)
    }
  }
}
