import Operators

/// The time of a step's small operators: measured where the profile has them, else derived from
/// the bytes that they move at the device's measured read bandwidth.
struct ElementwisePrices: Sendable {
  /// One operator: what it is, how wide its rows are, how often a step has it, and its times where
  /// they were measured.
  private struct Part: Sendable {
    let kind: ElementwiseOperator
    let name: String
    let width: Int
    let count: Int
    let model: OperatorModel?
  }

  /// Those that have a row for each token, and those that have one for each token produced.
  private let perToken: [Part]
  private let perOutput: [Part]
  private let nsPerByte: Double

  /// - Parameter vocabulary: of the whole model, where `model` is a device's share: sampling needs
  ///   all logits.
  /// - Parameter linear: whose measured experts contain their activation.
  init(
    model: ModelArchitecture, vocabulary: Int, profile: Profile, beside linear: LinearPrices
  ) {
    func part(_ kind: ElementwiseOperator, _ width: Int, _ count: Int) -> Part {
      let times = try? OperatorModel(
        .elementwise(kind), format: nil, heads: nil, profile: profile)
      return Part(
        kind: kind, name: kind.rawValue.replacing("_", with: " "), width: width, count: count,
        model: times)
    }
    let heads = model.heads
    // Two norms of a layer follow a residual addition; those that Gemma has besides do not.
    let norms = min(2, model.normsPerLayer)
    perToken =
      [
        part(.norm, model.hiddenSize, norms * model.layers),
        part(.rotary, (heads.queryHeads + heads.kvHeads) * heads.headDim, model.layers),
      ]
      + model.layerGroups.enumerated().filter { !linear.hasMeasuredExperts(ofGroup: $0.offset) }
      .map { part(.activation, $0.element.feedForward.activationElements / 3, $0.element.count) }
      + [
        part(.embedding, model.hiddenSize, 1),
        part(.finalNorm, model.hiddenSize, 1 + (model.normsPerLayer - norms) * model.layers),
      ]
    perOutput = [part(.sampling, vocabulary, 1)]
    nsPerByte = 1e9 / Double(profile.readBytesPerSecond)
  }

  /// All layers' operators of a step of so many tokens.
  func parts(tokens: Int) -> [StepPart] { parts(perToken, rows: tokens) }
  /// Sampling for so many sequences.
  func parts(outputs: Int) -> [StepPart] { parts(perOutput, rows: outputs) }

  /// Nanoseconds of one operator of this kind, of those that have a row for each token.
  func nsOfOne(_ kind: ElementwiseOperator, rows: Int) -> Double {
    parts(perToken.filter { $0.kind == kind }, rows: rows).first?.prediction.ns ?? 0
  }

  private func parts(_ parts: [Part], rows: Int) -> [StepPart] {
    guard rows > 0 else { return [] }
    return parts.map { part in
      let shape = OperatorShape.elementwise(part.kind, rows: rows, width: part.width)
      let bytes = OperatorModel.Prediction(ns: Double(shape.bytes) * nsPerByte, basis: .derived)
      return StepPart(
        name: part.name, shape: shape, count: Double(part.count),
        prediction: part.model?.predict(shape) ?? bytes)
    }
  }
}
