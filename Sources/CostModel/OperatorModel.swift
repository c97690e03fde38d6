import Operators

/// How a time was arrived at.
public enum Basis: String, Hashable, Sendable, CaseIterable {
  /// Between measured points.
  case interpolated
  /// Beyond the measured points, along the roofline.
  case extrapolated
  /// From measurements of something else, by operations or bytes.
  case derived

  /// That of a time of which a part is beyond the measured points, or derived.
  func joined(with isExtrapolated: Bool, isDerived: Bool) -> Basis {
    guard self != .derived, !isDerived else { return .derived }
    return isExtrapolated ? .extrapolated : self
  }
}

/// The time of one operator at any shape, from a profile's measurements.
///
/// Between points the time is linear in the quantity that drives it: tokens for `linear` (or what
/// ``LayerShapeModel`` says) and `append`, cached tokens for decode attention, query–key pairs for
/// prefill attention, elements for the small operators. Points held out of the fit are never looked
/// at. Decode attention over uneven contexts and attention of prompts and single tokens in one
/// launch have models of their own, ``RaggedDecodeModel`` and ``LaunchedAttentionModel``.
public struct OperatorModel: Sendable {
  /// A time, in nanoseconds, and how it was arrived at.
  public struct Prediction: Hashable, Sendable {
    /// Nanoseconds.
    public let ns: Double
    /// How it was arrived at.
    public let basis: Basis
  }

  private let grid: Grid
  /// Of `linear`, where its layers were measured in a grid of shapes.
  private let layers: LayerShapeModel?
  private let kind: OperatorKind
  /// Measured time times this is the asked model's time; 1 where its own heads were measured.
  private let scale: Double
  /// Of decode attention, how many sequences on the measured heads one on the asked ones is; of
  /// writing the cache and reading it back, how many tokens.
  private let units: Double
  /// Whether the heads asked for were not measured.
  public let isDerived: Bool

  /// The model of one operator, for one format and shape of heads; nil, nil where it has neither.
  ///
  /// Where the heads were not measured, the nearest stand in, as ``MeasuredHeads`` says.
  /// - Throws: ``ProfileError/notMeasured(_:_:)``.
  public init(
    _ kind: OperatorKind, format: KVFormat?, heads: HeadGeometry?, profile: Profile
  ) throws(ProfileError) {
    let fit = profile.measurements.filter {
      !$0.isHeldOut && $0.shape.kind == kind && $0.shape.format == format
    }
    guard !fit.isEmpty else { throw .notMeasured(kind, format) }
    self.kind = kind
    layers = LayerShapeModel(
      fit.compactMap(OperatorModel.layer), plan: profile.device.layerPlan)
    let isOfCacheAlone = kind == .append || kind == .gather
    guard let heads = isOfCacheAlone ? heads?.withoutGroups : heads else {
      (scale, units, isDerived) = (1, 1, false)
      grid = Grid(points: fit.map { OperatorModel.point($0.shape, ns: Double($0.medianNs)) })
      return
    }
    let measured = MeasuredHeads(nearestTo: heads, in: fit)
    (scale, units, isDerived) = (measured.scale, measured.units, measured.isDerived)
    grid = Grid(points: measured.times(in: fit).map(OperatorModel.point))
  }

  /// The time of the operator at one shape.
  /// - Precondition: `shape` is of this model's operator, which has no model of its own.
  public func predict(_ shape: OperatorShape) -> Prediction {
    precondition(shape.kind == kind)
    let (y, measuredX): (Double, (Double) -> Double)
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      return linear(tokens: Double(tokens), outputs: Double(outputs), inputs: Double(inputs))
    case .append(let tokens, _, _), .gather(let tokens, _, _):
      y = 1
      measuredX = { [units] _ in Double(tokens) * units }
    case .decodeAttention(let sequences, let context, _, _):
      return decode(sequences: Double(sequences), context: Double(context))
    case .prefillAttention(let tokens, let prefix, _, _):
      return prefill(
        tokens: Double(tokens),
        pairs: OperatorModel.pairs(tokens: Double(tokens), prefix: Double(prefix)))
    case .elementwise(_, let rows, let width):
      return elementwise(rows: Double(rows), width: Double(width))
    case .experts(let tokens, let active, _):
      return experts(tokens: tokens, active: Double(active))
    case .mixedAttention, .raggedDecode:
      preconditionFailure("it has a model of its own")
    }
    let blend = grid.blend(at: y)
    let value = grid.value(blend, x: measuredX)
    return prediction(
      ns: value.ns * growth(blend, to: y),
      isExtrapolated: blend.isOutside || value.isExtrapolated)
  }

  /// The time of decode attention; neither need be whole.
  /// - Precondition: this is the model of decode attention.
  func decode(sequences: Double, context: Double) -> Prediction {
    precondition(kind == .decodeAttention)
    let y = sequences * units
    let blend = grid.blend(at: y)
    let value = grid.value(blend, x: { _ in context })
    return prediction(
      ns: value.ns * growth(blend, to: y),
      isExtrapolated: blend.isOutside || value.isExtrapolated)
  }

  /// What the nearest curve's time is multiplied by where y lies outside the measured ones: more
  /// sequences or experts take more in proportion, fewer take what the fewest take.
  private func growth(_ blend: Grid.Blend, to y: Double) -> Double {
    blend.isOutside ? max(1, y / grid.y[blend.lower]) : 1
  }

  /// The time of one launch of prefill attention over a chunk, or over several: that of one chunk
  /// with as many tokens and query–key pairs together. Neither need be whole.
  ///
  /// Where nothing was measured after a prefix, as of kernels that take a prompt at once, the time
  /// is linear in the pairs whatever the prefix: a short chunk after a long prefix has as much to
  /// do as a longer one without, and fills the device as well.
  /// - Precondition: this is the model of prefill attention.
  func prefill(tokens: Double, pairs: Double) -> Prediction {
    precondition(kind == .prefillAttention)
    // Chunks that do not see each other have fewer pairs than one without a prefix.
    let prefix = max(0, pairs / tokens - (tokens + 1) / 2)
    let blend = grid.blend(at: prefix)
    let isLinearInPairs = grid.y[0] == 0 && (prefix == 0 || grid.y.count == 1)
    let value = grid.value(blend) { curvePrefix in
      isLinearInPairs ? pairs : OperatorModel.pairs(tokens: tokens, prefix: curvePrefix)
    }
    let factor =
      blend.isOutside && !isLinearInPairs
      ? pairs / OperatorModel.pairs(tokens: tokens, prefix: grid.y[blend.lower]) : 1
    return prediction(
      ns: value.ns * factor, isExtrapolated: blend.isOutside || value.isExtrapolated)
  }

  /// The time of a small operator. Rows of another width than those that were measured are so many
  /// more or fewer of these: as many elements, which a cache holds or does not, whatever rows they
  /// make.
  private func elementwise(rows: Double, width: Double) -> Prediction {
    let nearest = min(max(width, grid.y[0]), grid.y[grid.y.count - 1])
    let blend = grid.blend(at: nearest)
    let value = grid.value(blend) { measured in rows * width / measured }
    // As many elements may be more rows than the narrower width has; the wider has them.
    let isBeyond = rows * width > nearest * grid.curves[blend.lower].x.last!
    return prediction(ns: value.ns, isExtrapolated: nearest != width || isBeyond)
  }

  /// The least that attention of prompts was measured to take for a query-key pair, in nanoseconds:
  /// where its kernel has work enough.
  /// - Precondition: this is the model of prefill attention.
  var leastNsPerPair: Double {
    precondition(kind == .prefillAttention)
    return scale * grid.curves.flatMap { zip($0.x, $0.ns).map { $1 / $0 } }.min()!
  }

  private func prediction(ns: Double, isExtrapolated: Bool) -> Prediction {
    Prediction(
      ns: ns * scale,
      basis: isDerived ? .derived : isExtrapolated ? .extrapolated : .interpolated)
  }

  /// The time of a dense layer over so many tokens; none of the three need be whole. By its weights
  /// where the measured layers are too few to tell shapes apart.
  /// - Precondition: this is the model of `linear`.
  func linear(tokens: Double, outputs: Double, inputs: Double) -> Prediction {
    precondition(kind == .linear)
    if let layers { return layers.predict(tokens: tokens, outputs: outputs, inputs: inputs) }
    let weights = outputs * inputs
    let blend = grid.blend(at: weights)
    let value = grid.value(blend, x: { _ in tokens })
    let factor = blend.isOutside ? weights / grid.y[blend.lower] : 1
    return prediction(
      ns: value.ns * factor, isExtrapolated: blend.isOutside || value.isExtrapolated)
  }

  /// The model of a layer's experts; nil where the profile has no times of their shape.
  init?(experts layer: ExpertShape, profile: Profile) {
    let fit = profile.measurements.filter { point in
      guard !point.isHeldOut, case .experts(_, _, layer) = point.shape else { return false }
      return true
    }
    guard !fit.isEmpty else { return nil }
    kind = .experts
    layers = nil
    (scale, units, isDerived) = (1, 1, false)
    grid = Grid(points: fit.map { OperatorModel.point($0.shape, ns: Double($0.medianNs)) })
  }

  /// The time of a layer's experts over so many tokens, of which so many on average have work.
  /// - Precondition: this is the model of experts.
  func experts(tokens: Int, active: Double) -> Prediction {
    precondition(kind == .experts)
    let blend = grid.blend(at: active)
    let value = grid.value(blend, x: { _ in Double(tokens) })
    return prediction(
      ns: value.ns * growth(blend, to: active),
      isExtrapolated: blend.isOutside || value.isExtrapolated)
  }

  /// The most tokens that a dense layer was measured with, of any size.
  /// - Precondition: this is the model of `linear`.
  var mostTokens: Double {
    precondition(kind == .linear)
    return layers?.mostTokens ?? grid.curves.compactMap(\.x.last).max()!
  }

  /// A straight piece of decode attention's time as contexts grow.
  struct DecodePiece {
    /// The mean context at which the piece starts; it ends where the next one starts.
    let start: Double
    /// Nanoseconds at `start`.
    let startNs: Double
    /// Nanoseconds per token of mean context.
    let slope: Double
    /// Whether it lies beyond what was measured.
    let isExtrapolated: Bool
  }

  /// Decode attention of so many sequences as straight pieces over the mean context, from 0 up.
  func decodePieces(sequences: Int) -> [DecodePiece] {
    precondition(kind == .decodeAttention)
    let y = Double(sequences) * units
    let blend = grid.blend(at: y)
    let factor = scale * growth(blend, to: y)
    let lower = grid.curves[blend.lower]
    let upper = grid.curves[blend.upper]
    let weight = blend.upperWeight
    return Set([0] + lower.x + upper.x).sorted().map { start in
      let (below, above) = (lower.piece(at: start), upper.piece(at: start))
      let isBeyond = below.end == .infinity || (weight > 0 && above.end == .infinity)
      return DecodePiece(
        start: start,
        startNs: factor
          * ((1 - weight) * below.value(at: start) + weight * above.value(at: start)),
        slope: factor * ((1 - weight) * below.slope + weight * above.slope),
        isExtrapolated: !isDerived && (blend.isOutside || isBeyond))
    }
  }

  private static func point(
    _ shape: OperatorShape, ns: Double
  ) -> (y: Double, x: Double, ns: Double) {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      return (Double(outputs) * Double(inputs), Double(tokens), ns)
    case .append(let tokens, _, _), .gather(let tokens, _, _):
      return (1, Double(tokens), ns)
    case .decodeAttention(let sequences, let context, _, _):
      return (Double(sequences), Double(context), ns)
    case .prefillAttention(let tokens, let prefix, _, _):
      return (Double(prefix), pairs(tokens: Double(tokens), prefix: Double(prefix)), ns)
    case .elementwise(_, let rows, let width):
      return (Double(width), Double(rows), ns)
    case .experts(let tokens, let active, _):
      return (Double(active), Double(tokens), ns)
    case .mixedAttention, .raggedDecode:
      preconditionFailure("it has a model of its own")
    }
  }

  private static func layer(_ measurement: Measurement) -> LayerShapeModel.Point? {
    guard case .linear(let tokens, let outputs, let inputs) = measurement.shape else { return nil }
    return LayerShapeModel.Point(
      tokens: Double(tokens), outputs: Double(outputs), inputs: Double(inputs),
      ns: Double(measurement.medianNs))
  }

  private static func pairs(tokens: Double, prefix: Double) -> Double {
    tokens * (prefix + (tokens + 1) / 2)
  }
}
