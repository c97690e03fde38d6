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
    /// Steps of a thousand new tokens, and 131,072 cached ones, with points where so many threads
    /// are busy.
    case cpu(threads: Int)
    /// Steps of eight thousand new tokens, and a million cached ones, with points where so many
    /// multiprocessors are full.
    case gpu(multiprocessors: Int)
  }

  /// Every group, cheap operators first.
  public static func groups(
    formats: [KVFormat] = KVFormat.named, heads: [HeadGeometry] = standardHeads,
    reach: Reach
  ) -> [ExperimentGroup] {
    // Writing pages does not depend on the query heads.
    let written = Set(heads.map(\.withoutGroups)).sorted { $0.kvHeads < $1.kvHeads }
    func each(
      _ heads: [HeadGeometry], _ group: (HeadGeometry, KVFormat) -> ExperimentGroup
    ) -> [ExperimentGroup] {
      formats.flatMap { format in heads.map { group($0, format) } }
    }
    switch reach {
    case .cpu(let threads):
      let grid = CPUGrid(threads: threads)
      return grid.smallOperators() + [grid.linear()] + each(written, grid.append)
        + each(heads, grid.decode) + each(heads, grid.raggedDecode) + each(heads, grid.prefill)
    case .gpu(let multiprocessors):
      let grid = GPUGrid(multiprocessors: multiprocessors)
      return GPUGrid.smallOperators() + [grid.linear()]
        + each(written, grid.append) + each(heads, grid.decode) + each(heads, grid.raggedDecode)
        + each(heads, grid.prefill)
    }
  }
}
