import Operators

/// Decode attention over contexts of which one is longer than the mean.
///
/// A batch is known by its sequences, its mean and its longest context. Measured batches of one
/// size and mean make a curve of times over `longest / mean − 1`, the *spread*, never falling,
/// since the same tokens spread less evenly are no easier to share out, and level beyond its last
/// point. Between two means at the same spread, and between two sizes, the time is linear; beyond
/// the largest of either it grows with them. From no spread to the first that was measured it goes
/// in a line from what as many contexts that are alike take: those can be cut badly, as one
/// sequence more than fills a device is, where uneven ones are not.
struct RaggedDecodeModel: Sendable {
  /// A time in nanoseconds, and whether it lies beyond what was measured.
  typealias Time = (ns: Double, isExtrapolated: Bool)

  /// Nanoseconds over the spread, of batches of one size and mean.
  private struct Spreads: Sendable {
    let context: Double
    /// What as many contexts that are alike take.
    let alikeNs: Double
    /// Ascending.
    let spread: [Double]
    let ns: [Double]

    init(context: Int, alikeNs: Double, points: [(spread: Double, ns: Double)]) {
      self.context = Double(context)
      self.alikeNs = alikeNs
      let sorted = points.sorted { $0.spread < $1.spread }
      spread = sorted.map(\.spread)
      ns = Curve.isotonic(sorted.map(\.ns))
    }

    func time(_ asked: Double) -> Time {
      guard let upper = spread.firstIndex(where: { $0 >= asked }) else {
        return (ns[ns.count - 1], true)
      }
      guard upper > 0 else { return (ns[0], false) }
      let weight = (asked - spread[upper - 1]) / (spread[upper] - spread[upper - 1])
      return ((1 - weight) * ns[upper - 1] + weight * ns[upper], false)
    }
  }

  private struct Size: Sendable {
    let sequences: Int
    /// By ascending context.
    let means: [Spreads]

    /// The curve of the first mean that is no shorter, and the one before it; twice the nearest
    /// outside the measured means.
    private func curves(at context: Double) -> (below: Int, above: Int) {
      let upper = means.firstIndex { $0.context >= context } ?? means.count - 1
      let isInside = upper > 0 && means[upper].context >= context
      return (isInside ? upper - 1 : upper, upper)
    }

    /// The least spread from which on all curves at a mean were measured.
    func firstSpread(at context: Double) -> Double {
      let (below, above) = curves(at: context)
      return max(means[below].spread[0], means[above].spread[0])
    }

    /// - Parameter alikeNs: what as many contexts that are alike take.
    func time(_ context: Double, _ spread: Double, alikeNs: (_ sequences: Int) -> Double) -> Time {
      let (first, second) = curves(at: context)
      let (lower, upper) = (means[first], means[second])
      let above = upper.time(spread)
      guard lower.context < upper.context else {
        // Below the shortest mean what is added stays, beyond the longest all grows.
        guard context > upper.context else {
          return (above.ns + alikeNs(sequences) - upper.alikeNs, above.isExtrapolated)
        }
        return (above.ns * context / upper.context, true)
      }
      let below = lower.time(spread)
      let weight = (context - lower.context) / (upper.context - lower.context)
      return (
        (1 - weight) * below.ns + weight * above.ns, below.isExtrapolated || above.isExtrapolated
      )
    }
  }

  /// By ascending number of sequences.
  private let sizes: [Size]
  /// Batches with all contexts alike, on the asked heads.
  private let alike: OperatorModel
  private let scale: Double
  /// How many sequences on the measured heads one on the asked ones is.
  private let units: Double
  /// Whether the heads asked for were not measured.
  let isDerived: Bool
  /// Every spread that some batch was measured with, ascending.
  let spreads: [Double]

  /// Nil where the profile has no ragged batches in this format: then all count as alike.
  /// - Parameter alike: the model of decode attention on these heads.
  init?(format: KVFormat, heads: HeadGeometry, profile: Profile, alike: OperatorModel) {
    let fit = profile.measurements.filter {
      !$0.isHeldOut && $0.shape.kind == .raggedDecode && $0.shape.format == format
    }
    guard !fit.isEmpty else { return nil }
    let measured = MeasuredHeads(nearestTo: heads, in: fit)
    self.alike = alike
    (scale, units, isDerived) = (measured.scale, measured.units, measured.isDerived)
    var points: [Int: [Int: [(spread: Double, ns: Double)]]] = [:]
    for point in measured.times(in: fit) {
      guard case .raggedDecode(let batch, _, _) = point.shape, batch.spread > 0 else { continue }
      points[batch.sequences, default: [:]][batch.context, default: []]
        .append((batch.spread, point.ns))
    }
    guard !points.isEmpty else { return nil }
    let (scale, units) = (scale, units)
    sizes = points.sorted { $0.key < $1.key }.map { sequences, means in
      Size(
        sequences: sequences,
        means: means.sorted { $0.key < $1.key }.map { context, points in
          Spreads(
            context: context,
            alikeNs: alike.decode(
              sequences: Double(sequences) / units, context: Double(context)
            ).ns / scale,
            points: points)
        })
    }
    spreads = Set(points.values.flatMap { $0.values.flatMap { $0.map(\.spread) } }).sorted()
  }

  /// The time of one layer's attention of a batch.
  func predict(_ batch: RaggedBatch) -> OperatorModel.Prediction {
    let even = alike.decode(sequences: Double(batch.sequences), context: Double(batch.context))
    let extra = extra(
      sequences: batch.sequences, context: Double(batch.context), spread: batch.spread)
    return OperatorModel.Prediction(
      ns: even.ns + extra.ns,
      basis: even.basis.joined(with: extra.isExtrapolated, isDerived: isDerived))
  }

  /// Nanoseconds of one layer beyond what as many contexts of the mean take; below none where
  /// those are cut worse.
  func extra(sequences: Int, context: Double, spread: Double) -> Time {
    guard sequences > 1, spread > 0 else { return (0, false) }
    let asked = Double(sequences) * units
    let upper = sizes.firstIndex { Double($0.sequences) >= asked } ?? sizes.count - 1
    let isInside = upper > 0 && Double(sizes[upper].sequences) >= asked
    var first = sizes[upper].firstSpread(at: context)
    if isInside { first = max(first, sizes[upper - 1].firstSpread(at: context)) }
    let time = time(asked, upper, isInside, context: context, spread: max(spread, first))
    let even = alike.decode(sequences: Double(sequences), context: context).ns
    return (min(1, spread / first) * (scale * time.ns - even), time.isExtrapolated)
  }

  /// The time on the measured heads of so many sequences, of which the size `upper` has no fewer,
  /// or is the largest.
  private func time(
    _ asked: Double, _ upper: Int, _ isInside: Bool, context: Double, spread: Double
  ) -> Time {
    func alikeNs(_ sequences: Int) -> Double {
      alike.decode(sequences: Double(sequences) / units, context: context).ns / scale
    }
    let above = sizes[upper].time(context, spread, alikeNs: alikeNs)
    let most = Double(sizes[upper].sequences)
    guard asked <= most else { return (above.ns * asked / most, true) }
    // Below the fewest: from one sequence, which has one context.
    let below =
      isInside
      ? sizes[upper - 1].time(context, spread, alikeNs: alikeNs)
      : (ns: alikeNs(1), isExtrapolated: false)
    let start = isInside ? Double(sizes[upper - 1].sequences) : min(1, asked)
    let weight = most > start ? (asked - start) / (most - start) : 1
    return (
      (1 - weight) * below.ns + weight * above.ns, below.isExtrapolated || above.isExtrapolated
    )
  }
}

extension RaggedBatch {
  /// By how much the longest context exceeds the mean, as a share of that.
  var spread: Double { Double(longest) / Double(context) - 1 }
}
