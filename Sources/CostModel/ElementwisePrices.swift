import Operators

/// The time of a step's small operators: measured where the profile has them, else derived from
/// the bytes that they move at the device's measured read bandwidth.
struct ElementwisePrices: Sendable {
  /// Whether any of them is derived.
  let isDerived: Bool

  private let perToken: Rows
  private let perOutput: Rows
  private let nsPerByte: Double

  /// Operators that all have as many rows.
  private struct Rows: Sendable {
    var measured: [(model: OperatorModel, kind: ElementwiseOperator, width: Int, count: Int)] = []
    /// Bytes a row of those that were not measured.
    var bytes = 0
  }

  init(model: ModelArchitecture, profile: Profile) {
    let heads = model.heads
    // Two norms of a layer follow a residual addition; those that Gemma has besides do not.
    let norms = min(2, model.normsPerLayer)
    let tokens: [(ElementwiseOperator, width: Int, count: Int)] =
      [
        (.norm, model.hiddenSize, norms * model.layers),
        (.rotary, (heads.queryHeads + heads.kvHeads) * heads.headDim, model.layers),
        (.embedding, model.hiddenSize, 1),
        (.finalNorm, model.hiddenSize, 1 + (model.normsPerLayer - norms) * model.layers),
      ]
      + model.layerGroups.map { (.activation, $0.feedForward.activationElements / 3, $0.count) }
    perToken = ElementwisePrices.rows(tokens, profile)
    perOutput = ElementwisePrices.rows([(.sampling, model.vocabSize, 1)], profile)
    isDerived = perToken.bytes > 0 || perOutput.bytes > 0
    nsPerByte = 1e9 / Double(profile.readBytesPerSecond)
  }

  private static func rows(
    _ operators: [(ElementwiseOperator, width: Int, count: Int)], _ profile: Profile
  ) -> Rows {
    var rows = Rows()
    for (kind, width, count) in operators {
      if let model = try? OperatorModel(
        .elementwise(kind), format: nil, heads: nil, profile: profile)
      {
        rows.measured.append((model, kind, width, count))
      } else {
        rows.bytes += count * width * kind.bytesPerElement
      }
    }
    return rows
  }

  func ns(tokens: Int) -> Double { ns(perToken, tokens) }
  func ns(outputs: Int) -> Double { ns(perOutput, outputs) }

  private func ns(_ rows: Rows, _ count: Int) -> Double {
    guard count > 0 else { return 0 }
    return rows.measured.reduce(Double(count * rows.bytes) * nsPerByte) {
      let shape = OperatorShape.elementwise($1.kind, rows: count, width: $1.width)
      return $0 + Double($1.count) * $1.model.predict(shape).ns
    }
  }
}
