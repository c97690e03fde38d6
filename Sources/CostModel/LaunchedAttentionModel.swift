import Operators

/// The time of attention where an engine gives all of a step to one launch: chunks of prompts and
/// single tokens together, as engines with variable-length kernels do it.
///
/// The time of a mixed launch is not the sum of its parts: a kernel that serves both gives single
/// tokens the tiles of prompts. It is measured over four axes, the chunk's tokens and prefix, the
/// number of single tokens and their mean context, and linear in each between two points.
struct LaunchedAttentionModel: Sendable {
  private let mixed: AttentionTable
  private let prompts: AttentionTable
  private let heads: HeadGeometry
  private let format: KVFormat
  private let scale: Double
  /// Whether the heads asked for were not measured.
  let isDerived: Bool

  /// The model of a profile that has mixed launches in `format`; nil of one that has none.
  /// - Throws: ``ProfileError/notMeasured(_:_:)`` where it has them and no launch of prompts alone.
  init?(format: KVFormat, heads: HeadGeometry, profile: Profile) throws(ProfileError) {
    func fit(_ kind: OperatorKind) -> [Measurement] {
      profile.measurements.filter {
        !$0.isHeldOut && $0.shape.kind == kind && $0.shape.format == format
      }
    }
    let (both, alone) = (fit(.mixedAttention), fit(.prefillAttention))
    guard !both.isEmpty else { return nil }
    let measured = MeasuredHeads(nearestTo: heads, in: both)
    let own = alone.filter { $0.shape.heads == measured.heads }
    guard !own.isEmpty else { throw .notMeasured(.prefillAttention, format) }
    mixed = AttentionTable(both.filter { $0.shape.heads == measured.heads })
    prompts = AttentionTable(own)
    (self.heads, self.format) = (measured.heads, format)
    (scale, isDerived) = (measured.scale, measured.isDerived)
  }

  /// The time of one launch of a chunk and single tokens.
  /// - Precondition: `shape` is of mixed attention.
  func predict(_ shape: OperatorShape) -> OperatorModel.Prediction {
    guard case .mixedAttention(let tokens, let prefix, let sequences, let context, _, _) = shape
    else { preconditionFailure("a mixed launch has a chunk and single tokens") }
    return predict(
      [PrefillChunk(tokens: tokens, prefix: prefix, endsPrompt: false)], sequences: sequences,
      contextTokens: sequences * context)
  }

  /// The time of one layer's launch: chunks, and so many single tokens over `contextTokens` cached
  /// tokens together, of which a token sees the last `window` at most.
  ///
  /// Several chunks count as one with all their tokens and as many query–key pairs. Where they have
  /// fewer pairs than the shortest such chunk, those that it has too many are taken off at what a
  /// pair costs in chunks of that size; the launch still takes as long as its longest chunk alone.
  /// - Precondition: there is a chunk.
  func predict(
    _ chunks: [PrefillChunk], sequences: Int, contextTokens: Int, window: Int? = nil
  ) -> OperatorModel.Prediction {
    precondition(!chunks.isEmpty)
    let table = sequences > 0 ? mixed : prompts
    let mean = sequences > 0 ? Double(contextTokens) / Double(sequences) : 0
    let context = min(mean, window.map(Double.init) ?? .infinity)
    func time(_ tokens: Double, _ prefix: Double) -> (ns: Double, isExtrapolated: Bool) {
      table.time(SIMD4(tokens, prefix, Double(sequences), context))
    }
    let tokens = Double(chunks.reduce(0) { $0 + $1.tokens })
    let pairs = chunks.reduce(0.0) { $0 + Double($1.pairs(through: window)) }
    let prefix = pairs / tokens - (tokens + 1) / 2
    var result = time(tokens, max(0, prefix))
    if prefix < 0 {
      let longest = time(tokens, table.longestPrefix)
      let pairNs = max(0, longest.ns - result.ns) / (tokens * max(1, table.longestPrefix))
      let alone = chunks.reduce(0.0) { most, chunk in
        let seen = chunk.seen(through: window)
        return max(most, time(Double(chunk.tokens), Double(seen.prefix)).ns * seen.share)
      }
      result.ns = max(result.ns + prefix * tokens * pairNs, alone)
    }
    return OperatorModel.Prediction(
      ns: result.ns * scale,
      basis: isDerived ? .derived : result.isExtrapolated ? .extrapolated : .interpolated)
  }
}

/// Times over (chunk's tokens, its prefix, single tokens, their context), on the product of the
/// values that were measured of each.
private struct AttentionTable: Sendable {
  private let axes: [[Double]]
  /// Strides of the axes in `ns`.
  private let strides: SIMD4<Int>
  private let ns: [Double]

  /// - Precondition: there is a point.
  init(_ points: [Measurement]) {
    let coordinates = points.map { AttentionTable.coordinates($0.shape) }
    let axes = (0..<4).map { axis in Set(coordinates.map { $0[axis] }).sorted() }
    let strides = SIMD4(
      axes[1].count * axes[2].count * axes[3].count, axes[2].count * axes[3].count, axes[3].count,
      1)
    var ns = [Double](repeating: .nan, count: axes[0].count * strides[0])
    for (point, place) in zip(points, coordinates) {
      var index = 0
      for axis in 0..<4 {
        index += axes[axis].firstIndex(of: place[axis])! * strides[axis]
      }
      ns[index] = Double(point.medianNs)
    }
    (self.axes, self.strides) = (axes, strides)
    self.ns = AttentionTable.completed(ns, axes, strides)
  }

  /// The longest prefix that was measured.
  var longestPrefix: Double { axes[1].last! }

  /// Cells that were not measured, as where so much cache exceeds the memory, take the least time
  /// that a lower neighbour gives in proportion to the work, a bound from above, and no less than
  /// any of them; then no time falls as contexts grow.
  private static func completed(
    _ measured: [Double], _ axes: [[Double]], _ strides: SIMD4<Int>
  ) -> [Double] {
    var ns = measured
    func place(_ index: Int) -> (indices: SIMD4<Int>, value: SIMD4<Double>) {
      var rest = index
      var indices = SIMD4<Int>.zero
      var value = SIMD4<Double>.zero
      for axis in 0..<4 {
        indices[axis] = rest / strides[axis]
        rest %= strides[axis]
        value[axis] = axes[axis][indices[axis]]
      }
      return (indices, value)
    }
    // A first cell without a lower neighbour takes the least of all times.
    if ns[0].isNaN { ns[0] = ns.lazy.filter { !$0.isNaN }.min()! }
    for index in ns.indices where ns[index].isNaN {
      let (indices, value) = place(index)
      var (least, most) = (0.0, Double.infinity)
      for axis in 0..<4 where indices[axis] > 0 {
        let lower = index - strides[axis]
        let growth = AttentionTable.growth(from: place(lower).value, to: value)
        (least, most) = (max(least, ns[lower]), min(most, ns[lower] * growth))
      }
      ns[index] = max(least, most)
    }
    let row = axes[3].count
    for start in stride(from: 0, to: ns.count, by: row) {
      ns.replaceSubrange(start..<start + row, with: Curve.isotonic(Array(ns[start..<start + row])))
    }
    return ns
  }

  /// The time at a point. Below the first value of an axis it is that value's; beyond the last it
  /// grows in proportion to the query–key pairs.
  func time(_ point: SIMD4<Double>) -> (ns: Double, isExtrapolated: Bool) {
    var clamped = point
    var low = SIMD4<Int>.zero
    var weight = SIMD4<Double>.zero
    var isExtrapolated = false
    for axis in 0..<4 {
      let values = axes[axis]
      clamped[axis] = min(max(point[axis], values[0]), values[values.count - 1])
      isExtrapolated = isExtrapolated || point[axis] > clamped[axis]
      while low[axis] + 2 < values.count, values[low[axis] + 1] <= clamped[axis] {
        low[axis] += 1
      }
      guard low[axis] + 1 < values.count else { continue }
      let (from, to) = (values[low[axis]], values[low[axis] + 1])
      weight[axis] = (clamped[axis] - from) / (to - from)
    }
    var sum = 0.0
    for corner in 0..<16 {
      var share = 1.0
      var index = 0
      for axis in 0..<4 {
        let isUpper = corner >> axis & 1 == 1
        share *= isUpper ? weight[axis] : 1 - weight[axis]
        index += (low[axis] + (isUpper ? 1 : 0)) * strides[axis]
      }
      // An axis of one value has no upper corner.
      if share > 0 { sum += share * ns[index] }
    }
    guard isExtrapolated else { return (sum, false) }
    return (sum * AttentionTable.growth(from: clamped, to: point), true)
  }

  /// By how much the query–key pairs of two points differ; never less than 1.
  private static func growth(from a: SIMD4<Double>, to b: SIMD4<Double>) -> Double {
    func pairs(_ point: SIMD4<Double>) -> Double {
      point[0] * (point[1] + (point[0] + 1) / 2) + point[2] * point[3]
    }
    return max(1, pairs(b) / pairs(a))
  }

  private static func coordinates(_ shape: OperatorShape) -> SIMD4<Double> {
    switch shape {
    case .mixedAttention(let tokens, let prefix, let sequences, let context, _, _):
      SIMD4(Double(tokens), Double(prefix), Double(sequences), Double(context))
    case .prefillAttention(let tokens, let prefix, _, _):
      SIMD4(Double(tokens), Double(prefix), 0, 0)
    default:
      preconditionFailure("a launch has a chunk")
    }
  }
}
