import Operators

/// The time of a step's projections: those that every token passes, experts, and the head.
///
/// Experts, and weights of less than 16 bits, are *derived* from the dense layers of 16-bit weights
/// that the profile has.
struct LinearPrices: Sendable {
  /// Of the share of a memory's bandwidth at which kernels read 16-bit operands, what they reach
  /// with narrower ones: the bundled decode attention reads 70 % in INT4 where it reads 95 % in
  /// FP16 (docs/kernels.md, 64 sequences of 4,096 tokens on an H200).
  static let narrowReadEfficiency = 0.74

  private let model: ModelArchitecture
  private let linear: OperatorModel
  /// Of each group of layers, where its experts were measured.
  private let measuredExperts: [OperatorModel?]
  /// The dense layers that were measured: a router among them is not part of measured experts.
  private let measuredLayers: Set<ModelArchitecture.Projection>

  /// - Throws: ``ProfileError/notMeasured(_:_:)``.
  init(model: ModelArchitecture, profile: Profile) throws(ProfileError) {
    self.model = model
    linear = try OperatorModel(.linear, format: nil, heads: nil, profile: profile)
    measuredLayers = Set(
      profile.measurements.compactMap { point in
        guard case .linear(_, let outputs, let inputs) = point.shape else { return nil }
        return ModelArchitecture.Projection(outputs: outputs, inputs: inputs)
      })
    measuredExperts = model.layerGroups.map { group in
      guard model.weightFormat == .sixteenBit,
        let layer = group.feedForward.expertShape(inputs: model.hiddenSize)
      else { return nil }
      return OperatorModel(experts: layer, profile: profile)
    }
  }

  /// All layers' projections of a step of so many tokens.
  func parts(tokens: Int) -> [StepPart] {
    guard tokens > 0 else { return [] }
    return zip(model.layerGroups, measuredExperts).flatMap { group, measured in
      let count = Double(group.count)
      let names = ["qkv", "output", "gate and up", "down"]
      var parts = zip(names, model.projections(of: group)).map { name, projection in
        let shape = LinearPrices.shape(projection, tokens: tokens)
        return StepPart(
          name: name, shape: shape, bytes: bytes(of: shape, projection), count: count,
          prediction: narrowed(projection, tokens: Double(tokens)))
      }
      if let router = model.router(of: group),
        measured == nil || measuredLayers.contains(router)
      {
        parts.append(
          StepPart(
            name: "router", shape: LinearPrices.shape(router, tokens: tokens), count: count,
            prediction: wide(router, tokens: Double(tokens))))
      }
      if let measured {
        return parts + [experts(measured, of: group, tokens: tokens)]
      }
      parts += zip(["experts: gate and up", "experts: down"], model.expertProjections(of: group))
        .map { name, projection in
          experts(name, projection, of: group.feedForward, tokens: tokens, count: count)
        }
      return parts
    }
  }

  /// The language-model head over so many sequences; its weights have 16 bits.
  func headParts(sequences: Int) -> [StepPart] {
    guard sequences > 0 else { return [] }
    let head = model.outputHead
    return [
      StepPart(
        name: "head", shape: LinearPrices.shape(head, tokens: sequences), count: 1,
        prediction: wide(head, tokens: Double(sequences)))
    ]
  }

  private static func shape(
    _ projection: ModelArchitecture.Projection, tokens: Int
  ) -> OperatorShape {
    .linear(tokens: tokens, outputs: projection.outputs, inputs: projection.inputs)
  }

  /// The experts that some token is sent to, as one dense layer of all their weights in which each
  /// expert has its share of the tokens: as many bytes and operations as one launch over all of
  /// them has. Where `perToken` of `count` experts are drawn alike, an expert is left out by all of
  /// n tokens with probability (1 − perToken/count)ⁿ.
  private func experts(
    _ name: String, _ projection: ModelArchitecture.Projection, of layer: FeedForward,
    tokens: Int, count: Double
  ) -> StepPart {
    let (all, perToken) = (Double(layer.expertCount), Double(layer.expertsPerToken))
    let active = LinearPrices.activeExperts(count: all, perToken: perToken, tokens: tokens)
    let share = Double(tokens) * perToken / active
    let time = narrowed(projection, copies: active, tokens: share)
    let shape = OperatorShape.linear(
      tokens: max(1, Int(share.rounded())),
      outputs: Int((active * Double(projection.outputs)).rounded()), inputs: projection.inputs)
    return StepPart(
      name: name, shape: shape, bytes: bytes(of: shape, projection), count: count,
      prediction: OperatorModel.Prediction(ns: time.ns, basis: .derived))
  }

  /// Bytes that a layer of the model's own weights moves at least: a `shape` of them all, or of as
  /// many copies of one `projection` as its outputs make.
  private func bytes(
    of shape: OperatorShape, _ projection: ModelArchitecture.Projection
  ) -> Int {
    guard model.weightFormat != .sixteenBit, case .linear(_, let outputs, let inputs) = shape else {
      return shape.bytes
    }
    let copies = Double(outputs) / Double(projection.outputs)
    let weights = copies * Double(model.weightFormat.bytes(of: projection))
    return shape.bytes - 2 * outputs * inputs + Int(weights.rounded())
  }

  /// Experts as they were measured.
  private func experts(
    _ measured: OperatorModel, of group: LayerGroup, tokens: Int
  ) -> StepPart {
    let layer = group.feedForward
    let active = LinearPrices.activeExperts(
      count: Double(layer.expertCount), perToken: Double(layer.expertsPerToken), tokens: tokens)
    return StepPart(
      name: "experts",
      shape: .experts(
        tokens: tokens, active: max(1, Int(active.rounded())),
        layer: layer.expertShape(inputs: model.hiddenSize)!),
      count: Double(group.count), prediction: measured.experts(tokens: tokens, active: active))
  }

  /// Whether the experts of a group of layers were measured, their activation included.
  func hasMeasuredExperts(ofGroup index: Int) -> Bool { measuredExperts[index] != nil }

  /// How many experts have a token to work on, on average.
  static func activeExperts(count: Double, perToken: Double, tokens: Int) -> Double {
    let leftOut = 1 - perToken / count
    var power = 1.0
    var (base, exponent) = (leftOut, tokens)
    while exponent > 0 {
      if exponent & 1 == 1 { power *= base }
      base *= base
      exponent >>= 1
    }
    return count * (1 - power)
  }

  /// The time of so many layers side by side, with weights of 16 bits.
  private func wide(
    _ projection: ModelArchitecture.Projection, copies: Double = 1, tokens: Double
  ) -> OperatorModel.Prediction {
    linear.linear(
      tokens: tokens, outputs: copies * Double(projection.outputs),
      inputs: Double(projection.inputs))
  }

  /// The time with the model's weights. Narrow ones save of the time of a single token, which
  /// streams the weights, what they save in bytes; arithmetic takes what it takes with 16 bits, at
  /// the rate of the largest step that was measured.
  private func narrowed(
    _ projection: ModelArchitecture.Projection, copies: Double = 1, tokens: Double
  ) -> OperatorModel.Prediction {
    let wide = wide(projection, copies: copies, tokens: tokens)
    guard model.weightFormat != .sixteenBit else { return wide }
    let bytes = Double(model.weightFormat.bytes(of: projection)) / Double(2 * projection.weights)
    let streamed = min(1, bytes / LinearPrices.narrowReadEfficiency)
    let single = self.wide(projection, copies: copies, tokens: 1).ns
    let most = linear.mostTokens
    let arithmetic = self.wide(projection, copies: copies, tokens: most).ns * tokens / most
    let ns = min(wide.ns, max(wide.ns - (1 - streamed) * single, arithmetic))
    return OperatorModel.Prediction(ns: ns, basis: .derived)
  }
}
