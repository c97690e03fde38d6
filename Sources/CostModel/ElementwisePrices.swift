import Operators

/// The time of a step's small operators: measured where the profile has them, else derived from
/// the bytes that they move at the device's measured read bandwidth.
struct ElementwisePrices: Sendable {
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

  /// All layers' operators of a step of so many tokens.
  func time(tokens: Int) -> PricedTime { time(perToken, tokens) }
  /// Sampling for so many sequences.
  func time(outputs: Int) -> PricedTime { time(perOutput, outputs) }

  private func time(_ rows: Rows, _ count: Int) -> PricedTime {
    var time = PricedTime()
    guard count > 0 else { return time }
    time.add(Double(count * rows.bytes) * nsPerByte, .derived)
    for part in rows.measured {
      let shape = OperatorShape.elementwise(part.kind, rows: count, width: part.width)
      time.add(part.model.predict(shape), times: Double(part.count))
    }
    return time
  }
}
