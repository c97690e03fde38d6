import Operators

/// What decode attention takes beyond that of contexts that are all alike, where one of them is
/// longer than the mean.
///
/// A batch is known by its sequences, its mean and its longest context. Measured batches of one
/// size and mean make a curve over `longest / mean − 1`, the *spread*: nothing at 0, never falling,
/// since the same tokens spread less evenly are no easier to share out, and level beyond the last
/// point.
/// Between two means at the same spread, and between two sizes, it is linear; beyond the largest of
/// either it grows with them. A single sequence has nothing beyond.
struct RaggedDecodeModel: Sendable {
  /// Nanoseconds over the spread, of batches of one size and mean.
  private struct Spreads: Sendable {
    let context: Double
    /// Ascending, from 0 at 0.
    let spread: [Double]
    let ns: [Double]

    init(context: Double, points: [(spread: Double, ns: Double)]) {
      self.context = context
      let sorted = points.sorted { $0.spread < $1.spread }
      spread = [0] + sorted.map(\.spread)
      ns = Curve.isotonic([0] + sorted.map(\.ns)).map { max(0, $0) }
    }

    func extra(_ asked: Double) -> (ns: Double, isExtrapolated: Bool) {
      guard let upper = spread.firstIndex(where: { $0 >= asked }) else {
        return (ns[ns.count - 1], true)
      }
      guard upper > 0 else { return (0, false) }
      let weight = (asked - spread[upper - 1]) / (spread[upper] - spread[upper - 1])
      return ((1 - weight) * ns[upper - 1] + weight * ns[upper], false)
    }
  }

  private struct Size: Sendable {
    let sequences: Double
    /// By ascending context.
    let means: [Spreads]

    func extra(_ context: Double, _ spread: Double) -> (ns: Double, isExtrapolated: Bool) {
      guard let upper = means.firstIndex(where: { $0.context >= context }) else {
        let last = means[means.count - 1]
        return (last.extra(spread).ns * context / last.context, true)
      }
      let above = means[upper].extra(spread)
      guard upper > 0 else { return above }
      let below = means[upper - 1].extra(spread)
      let span = means[upper].context - means[upper - 1].context
      let weight = (context - means[upper - 1].context) / span
      return (
        (1 - weight) * below.ns + weight * above.ns, below.isExtrapolated || above.isExtrapolated
      )
    }
  }

  /// By ascending number of sequences.
  private let sizes: [Size]
  /// The same batches with all contexts alike, on the asked heads.
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
    guard
      let reference = measured.isDerived
        ? try? OperatorModel(
          .decodeAttention, format: format, heads: measured.heads, profile: profile) : alike
    else { return nil }
    self.alike = alike
    isDerived = measured.isDerived
    (scale, units) = measured.units.map { (1, $0) } ?? (measured.scale, 1)
    var points: [Int: [Int: [(spread: Double, ns: Double)]]] = [:]
    for point in fit where point.shape.heads == measured.heads {
      guard case .raggedDecode(let batch, let heads, _) = point.shape, batch.spread > 0 else {
        continue
      }
      let even = reference.predict(
        .decodeAttention(
          sequences: batch.sequences, context: batch.context, heads: heads, format: format))
      points[batch.sequences, default: [:]][batch.context, default: []]
        .append((batch.spread, Double(point.medianNs) - even.ns))
    }
    guard !points.isEmpty else { return nil }
    sizes = points.sorted { $0.key < $1.key }.map { sequences, means in
      Size(
        sequences: Double(sequences),
        means: means.sorted { $0.key < $1.key }
          .map { Spreads(context: Double($0), points: $1) })
    }
    spreads = Set(points.values.flatMap { $0.values.flatMap { $0.map(\.spread) } }).sorted()
  }

  /// The time of one layer's attention of a batch.
  func predict(_ batch: RaggedBatch, _ heads: HeadGeometry, _ format: KVFormat)
    -> OperatorModel.Prediction
  {
    let even = alike.predict(
      .decodeAttention(
        sequences: batch.sequences, context: batch.context, heads: heads, format: format))
    let extra = extra(
      sequences: batch.sequences, context: Double(batch.context), spread: batch.spread)
    return OperatorModel.Prediction(
      ns: even.ns + extra.ns,
      basis: even.basis.joined(with: extra.isExtrapolated, isDerived: isDerived))
  }

  /// Nanoseconds of one layer beyond what as many contexts of the mean take.
  func extra(
    sequences: Int, context: Double, spread: Double
  ) -> (ns: Double, isExtrapolated: Bool) {
    guard sequences > 1, spread > 0 else { return (0, false) }
    let asked = Double(sequences) * units
    guard let upper = sizes.firstIndex(where: { $0.sequences >= asked }) else {
      let last = sizes[sizes.count - 1]
      return (scale * last.extra(context, spread).ns * asked / last.sequences, true)
    }
    let above = sizes[upper].extra(context, spread)
    // One sequence, on the measured heads, has nothing beyond.
    let below = upper > 0 ? sizes[upper - 1].extra(context, spread) : (ns: 0, isExtrapolated: false)
    let start = upper > 0 ? sizes[upper - 1].sequences : min(1, asked)
    let weight = (asked - start) / (sizes[upper].sequences - start)
    return (
      scale * ((1 - weight) * below.ns + weight * above.ns),
      below.isExtrapolated || above.isExtrapolated
    )
  }
}

extension RaggedBatch {
  /// By how much the longest context exceeds the mean, as a share of that.
  var spread: Double { Double(longest) / Double(context) - 1 }
}
