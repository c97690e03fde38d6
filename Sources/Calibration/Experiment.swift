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

  /// A place among the shapes that may be held out: numbers of 0 to 1.
  struct Place {
    /// Pairs of these fill the square evenly.
    let u, v: Double
    /// For shapes of three sizes.
    let w: Double
  }

  /// Points to fit, and a fourth as many more to judge the fit: a fifth of all. Those lie at places
  /// that fill the square evenly, number `start` times a thousand and on of Roberts's sequence R2
  /// (multiples of 1/g and 1/g², where g³ = g + 1) and of the golden ratio; nobody chose them.
  /// - Parameter heldOut: the shape at a place; nil where there is none.
  init(fit: [OperatorShape], start: Int, heldOut: (Place) -> OperatorShape?) {
    var taken = Set(fit)
    var judging: [OperatorShape] = []
    var number = Double(1000 * start)
    while judging.count < fit.count / 4 {
      number += 1
      func multiple(_ step: Double) -> Double {
        (number * step).truncatingRemainder(dividingBy: 1)
      }
      let place = Place(
        u: multiple(0.754877666246692), v: multiple(0.569840290998053),
        w: multiple(0.618033988749895))
      guard let shape = heldOut(place), taken.insert(shape).inserted else { continue }
      judging.append(shape)
    }
    self.init(fit: fit, heldOut: judging)
  }
}

/// The whole number at a share (0...1) of the way between two, on a logarithmic scale.
///
/// A power is a product of square roots, one for each binary digit of the share: square roots are
/// rounded alike on every machine, so that the same points are measured everywhere.
func spread(_ share: Double, from least: Int, to most: Int) -> Int {
  var (root, rest, power) = (Double(most) / Double(least), share, 1.0)
  for _ in 0..<53 {
    root = root.squareRoot()
    rest *= 2
    guard rest >= 1 else { continue }
    rest -= 1
    power *= root
  }
  return Int((Double(least) * power).rounded())
}

/// What is measured, chosen so that every fit is a grid of geometric steps and a fifth of the
/// points lies between them, where interpolation errs most.
public enum Experiment {
  /// Query heads, KV heads and head size of the models that kvsim ships: Qwen3 0.6B; 4B, 8B and
  /// Llama 3.1 8B; Qwen3 32B and Llama 3.1 70B.
  public static let standardHeads = [16, 32, 64].map {
    HeadGeometry(queryHeads: $0, kvHeads: 8, headDim: 128)
  }

  /// How far the grids go, as far as steps do that a device of its kind is asked for, and how fine
  /// they are.
  public enum Reach: Sendable {
    /// Steps of a thousand new tokens, and 131,072 cached ones.
    case cpu
    /// Steps of eight thousand new tokens, and a million cached ones, with points where so many
    /// multiprocessors are full.
    case gpu(multiprocessors: Int)
  }

  /// Every group, cheap operators first.
  public static func groups(
    formats: [KVFormat] = KVFormat.named, heads: [HeadGeometry] = standardHeads,
    reach: Reach = .cpu
  ) -> [ExperimentGroup] {
    // Writing pages does not depend on the query heads.
    let written = Set(heads.map(\.withoutGroups)).sorted { $0.kvHeads < $1.kvHeads }
    func each(
      _ heads: [HeadGeometry], _ group: (HeadGeometry, KVFormat) -> ExperimentGroup
    ) -> [ExperimentGroup] {
      formats.flatMap { format in heads.map { group($0, format) } }
    }
    switch reach {
    case .cpu:
      return SmallOperatorGrid.groups(mostRows: 1024) + [linear()] + each(written, append)
        + each(heads, decode) + each(heads, raggedDecode) + each(heads, prefill)
    case .gpu(let multiprocessors):
      let grid = GPUGrid(multiprocessors: multiprocessors)
      return SmallOperatorGrid.groups(mostRows: 8192) + [grid.linear()]
        + each(written, grid.append) + each(heads, grid.decode) + each(heads, grid.raggedDecode)
        + each(heads, grid.prefill)
    }
  }

  // MARK: A CPU's grids

  /// Weights from 2 to 100 million, each in a shape that a layer has, for up to 1,024 tokens; and
  /// 268 million, as a language-model head has, for up to 64. Steps are finer up to 64 tokens,
  /// where kernels pass from memory's bound to arithmetic's by whole register tiles.
  static func linear() -> ExperimentGroup {
    let tokens = [1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 128, 256, 512, 1024]
    let grids = [
      (2048, 1024, tokens), (4096, 2048, tokens), (8192, 4096, tokens), (24576, 4096, tokens),
      (65536, 4096, [1, 4, 16, 64]),
    ]
    let fit = grids.flatMap { outputs, inputs, tokens in
      tokens.map { OperatorShape.linear(tokens: $0, outputs: outputs, inputs: inputs) }
    }
    let heldOut = [
      (1, 6144, 1024), (3, 4096, 4096), (5, 12288, 4096), (7, 6144, 1024), (10, 6144, 1024),
      (14, 4096, 4096), (20, 6144, 4096), (28, 1024, 3072), (40, 4096, 4096), (56, 6144, 1024),
      (96, 19456, 2560), (96, 12288, 4096), (192, 6144, 1024), (384, 4096, 4096),
      (700, 6144, 1024), (1, 36864, 4096),
    ]
    return ExperimentGroup(
      fit: fit,
      heldOut: heldOut.map { OperatorShape.linear(tokens: $0.0, outputs: $0.1, inputs: $0.2) })
  }

  /// 1 to 1,024 tokens.
  static func append(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ tokens: Int) -> OperatorShape {
      .append(tokens: tokens, heads: heads, format: format)
    }
    return ExperimentGroup(
      fit: [1, 4, 16, 32, 64, 128, 256, 1024].map(shape), heldOut: [48, 600].map(shape))
  }

  /// 1 to 256 sequences of 24 to 32,792 tokens, up to about 131,072 tokens in all. No context ends
  /// with a page or with the kernels' tile of pages: few do when requests are served.
  static func decode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ sequences: Int, _ context: Int) -> OperatorShape {
      .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
    }
    let fit = [1, 4, 16, 64, 256].flatMap { sequences in
      [0, 128, 512, 2048, 8192, 32768].filter { sequences * $0 <= 1 << 17 }
        .map { shape(sequences, $0 + 24) }
    }
    let heldOut = [(2, 300), (8, 1000), (32, 700), (3, 5000), (24, 3000), (100, 200)]
    return ExperimentGroup(fit: fit, heldOut: heldOut.map(shape))
  }

  /// 4 and 32 sequences of 250 and 2,000 tokens on average, the longest of 2 and 3.5 times as many:
  /// on few threads how contexts are spread hardly matters.
  static func raggedDecode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    RaggedGrid(
      sequences: [4, 32], contexts: [250, 2000], ratios: [2, 3.5], mostContext: 8192,
      mostCached: 1 << 16
    ).group(heads, format)
  }

  /// Chunks of 1 to 1,024 tokens after prefixes of 0 to 4,096.
  static func prefill(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ tokens: Int, _ prefix: Int) -> OperatorShape {
      .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
    }
    let fit = [0, 512, 4096].flatMap { prefix in
      [1, 16, 64, 256, 1024].map { shape($0, prefix) }
    }
    let heldOut = [(32, 1000), (128, 256), (400, 0), (512, 2048)]
    return ExperimentGroup(fit: fit, heldOut: heldOut.map(shape))
  }
}
