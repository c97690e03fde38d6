import CostModel
import Operators

/// A point of the designed experiment.
public struct ExperimentPoint: Hashable, Sendable {
  /// What is to be timed.
  public let shape: OperatorShape
  /// Whether it is to judge the fit instead of making it.
  public let isHeldOut: Bool

  /// A point, complete.
  public init(_ shape: OperatorShape, isHeldOut: Bool = false) {
    self.shape = shape
    self.isHeldOut = isHeldOut
  }
}

/// Points of one operator, one format and one shape of heads, in the order of their work: where
/// time runs short, the largest are left out.
public struct ExperimentGroup: Hashable, Sendable {
  /// The points.
  public let points: [ExperimentPoint]

  /// Points, put in order.
  init(fit: [OperatorShape], heldOut: [OperatorShape]) {
    let all =
      fit.map { ExperimentPoint($0) } + heldOut.map { ExperimentPoint($0, isHeldOut: true) }
    points = all.sorted {
      ($0.shape.operations, $0.shape.bytes) < ($1.shape.operations, $1.shape.bytes)
    }
  }
}

/// What is measured, chosen so that every fit is a grid of geometric steps and a fifth of the
/// points lies between them, where interpolation errs most.
public enum Experiment {
  /// Query heads, KV heads and head size of the models that kvsim ships: Qwen3 0.6B; 4B, 8B and
  /// Llama 3.1 8B; Qwen3 32B and Llama 3.1 70B.
  public static let standardHeads = [16, 32, 64].map {
    HeadGeometry(queryHeads: $0, kvHeads: 8, headDim: 128)
  }

  /// How far the grids go: as far as steps do that a device of its speed is asked for.
  public enum Reach: Sendable {
    /// Steps of a thousand new tokens, and 131,072 cached ones.
    case cpu
    /// Steps of eight thousand new tokens, and a million cached ones.
    case gpu
  }

  /// Every group, cheap operators first.
  public static func groups(
    formats: [KVFormat] = KVFormat.named, heads: [HeadGeometry] = standardHeads,
    reach: Reach = .cpu
  ) -> [ExperimentGroup] {
    var groups = SmallOperatorGrid.groups(mostRows: reach == .gpu ? 8192 : 1024)
    groups.append(linear(reach))
    for format in formats {
      // Writing pages does not depend on the query heads.
      let written = Set(heads.map(\.withoutGroups)).sorted { $0.kvHeads < $1.kvHeads }
      groups += written.map { append($0, format, reach) }
    }
    for format in formats { groups += heads.map { decode($0, format, reach) } }
    for format in formats { groups += heads.map { prefill($0, format, reach) } }
    return groups
  }

  /// Weights from 2 to 100 million, each in a shape that a layer has, for up to 1,024 tokens; and
  /// 268 million, as a language-model head has, for up to 64. Steps are finer up to 64 tokens,
  /// where kernels pass from memory's bound to arithmetic's by whole register tiles. On a GPU all
  /// of them go to 8,192 tokens, with points on both sides of each number of tokens at which
  /// kernels change, and 778 million weights go to 1,024: the head of Qwen3-32B.
  static func linear(_ reach: Reach) -> ExperimentGroup {
    let isGPU = reach == .gpu
    let tokens =
      isGPU
      ? [
        1, 2, 8, 9, 16, 17, 32, 33, 64, 65, 96, 128, 129, 192, 256, 257, 384, 512, 513, 768, 1024,
        1536, 2048, 3072, 4096, 6144, 8192,
      ] : [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1024]
    var grids = [
      (2048, 1024, tokens), (4096, 2048, tokens), (8192, 4096, tokens), (24576, 4096, tokens),
      (65536, 4096, isGPU ? tokens : [1, 4, 16, 64]),
    ]
    if isGPU { grids.append((151_936, 5120, [1, 16, 17, 64, 65, 128, 256, 512, 1024])) }
    let fit = grids.flatMap { outputs, inputs, tokens in
      tokens.map { OperatorShape.linear(tokens: $0, outputs: outputs, inputs: inputs) }
    }
    var heldOut = [
      (1, 6144, 1024), (3, 4096, 4096), (5, 12288, 4096), (7, 6144, 1024), (10, 6144, 1024),
      (14, 4096, 4096), (20, 6144, 4096), (28, 1024, 3072), (40, 4096, 4096), (56, 6144, 1024),
      (96, 19456, 2560), (96, 12288, 4096), (192, 6144, 1024), (384, 4096, 4096),
      (700, 6144, 1024), (1, 36864, 4096),
    ]
    if isGPU {
      heldOut += [
        (48, 51200, 5120), (200, 51200, 5120), (200, 5120, 25600), (1500, 6144, 4096),
        (3000, 4096, 12288), (6000, 4096, 4096), (6000, 51200, 5120), (2, 128_256, 4096),
        (50, 128_256, 4096), (300, 151_936, 4096), (6, 5120, 8192), (12, 10240, 5120),
        (24, 5120, 25600), (80, 10240, 5120), (450, 12288, 4096), (900, 51200, 5120),
        (1200, 5120, 8192), (2500, 28672, 8192),
      ]
    }
    return ExperimentGroup(
      fit: fit,
      heldOut: heldOut.map { OperatorShape.linear(tokens: $0.0, outputs: $0.1, inputs: $0.2) })
  }

  /// 1 to 1,024 tokens, 8,192 on a GPU.
  static func append(
    _ heads: HeadGeometry, _ format: KVFormat, _ reach: Reach
  ) -> ExperimentGroup {
    func shape(_ tokens: Int) -> OperatorShape {
      .append(tokens: tokens, heads: heads, format: format)
    }
    let most = reach == .gpu ? [2048, 8192] : []
    return ExperimentGroup(
      fit: ([1, 4, 16, 32, 64, 128, 256, 1024] + most).map(shape),
      heldOut: ([48, 600] + (reach == .gpu ? [5000] : [])).map(shape))
  }

  /// 1 to 256 sequences (1,024 on a GPU) of 24 to 32,792 tokens (131,096), up to about 131,072
  /// tokens in all (1,048,576). No context ends with a page or with the kernels' tile of pages: few
  /// do when requests are served.
  static func decode(
    _ heads: HeadGeometry, _ format: KVFormat, _ reach: Reach
  ) -> ExperimentGroup {
    func shape(_ sequences: Int, _ context: Int) -> OperatorShape {
      .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
    }
    let isGPU = reach == .gpu
    let batches =
      isGPU
      ? [1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 512, 1024] : [1, 4, 16, 64, 256]
    let contexts = [0, 128, 512, 2048, 8192, 32768] + (isGPU ? [131_072] : [])
    let fit = batches.flatMap { sequences in
      contexts.filter { sequences * $0 <= 1 << (isGPU ? 20 : 17) }
        .map { shape(sequences, $0 + 24) }
    }
    var heldOut = [(2, 300), (8, 1000), (32, 700), (3, 5000), (24, 3000), (100, 200)]
    if isGPU {
      heldOut += [
        (40, 12000), (500, 1000), (10, 60000), (5, 90), (6, 20000), (7, 1300), (12, 700),
        (20, 2500), (28, 9000), (36, 350), (56, 1500), (80, 4000), (112, 6000), (160, 900),
        (224, 3000), (300, 400), (384, 1500), (700, 300),
      ]
    }
    return ExperimentGroup(fit: fit, heldOut: heldOut.map(shape))
  }

  /// Chunks of 1 to 1,024 tokens after prefixes of 0 to 4,096; on a GPU of up to 8,192 after up to
  /// 32,768, in finer steps.
  static func prefill(
    _ heads: HeadGeometry, _ format: KVFormat, _ reach: Reach
  ) -> ExperimentGroup {
    func shape(_ tokens: Int, _ prefix: Int) -> OperatorShape {
      .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
    }
    let isGPU = reach == .gpu
    let prefixes = isGPU ? [0, 512, 2048, 8192, 32768] : [0, 512, 4096]
    let chunks =
      isGPU ? [1, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192] : [1, 16, 64, 256, 1024]
    let fit = prefixes.flatMap { prefix in chunks.map { shape($0, prefix) } }
    let heldOut =
      isGPU
      ? [
        (32, 1000), (128, 256), (400, 0), (3000, 0), (2048, 12000), (700, 1500), (24, 20000),
        (300, 5000), (5000, 3000), (6, 700), (6000, 0), (1000, 100),
      ] : [(32, 1000), (128, 256), (400, 0), (512, 2048)]
    return ExperimentGroup(fit: fit, heldOut: heldOut.map(shape))
  }
}
