/// What one stage of a pipeline has of a model: layers in a row, before the first of all the
/// embedding, and behind the last the final norm and the head.
public struct ModelStage: Hashable, Sendable {
  /// Its layers.
  public let layers: Int
  /// Bytes of its weights.
  public let weightBytes: Int
  /// Whether tokens come of it.
  public let hasHead: Bool
}

extension ModelArchitecture {
  /// How many layers each of so many stages has, as vLLM spreads them (`get_pp_indices` of its
  /// `distributed/utils.py`): as evenly as can be, those that are left over one each to the last
  /// stages but the very last, which has the head besides.
  /// - Precondition: ``obstacle(toStages:)`` is nil.
  public func layersByStage(_ stages: Int) -> [Int] {
    precondition(obstacle(toStages: stages) == nil)
    let (each, left) = layers.quotientAndRemainder(dividingBy: stages)
    return (0..<stages).map { stage in
      each + (stage < stages - 1 && stage >= stages - 1 - left ? 1 : 0)
    }
  }

  /// The model in so many stages. Where layers differ each stage has its share of all of them: in
  /// which order they stand is not known here. An embedding that serves as the head too is in the
  /// first stage and in the last.
  /// - Precondition: ``obstacle(toStages:)`` is nil.
  public func stages(_ count: Int) -> [ModelStage] {
    guard count > 1 else {
      return [ModelStage(layers: layers, weightBytes: weightBytes, hasHead: true)]
    }
    let embedding = 2 * outputHead.weights
    let finalNorm = 2 * hiddenSize
    let ofLayers = weightBytes - (tiesEmbeddings ? 1 : 2) * embedding - finalNorm
    return layersByStage(count).enumerated().map { stage, own in
      let isLast = stage == count - 1
      var bytes = (ofLayers * own + layers - 1) / layers
      if stage == 0 { bytes += embedding }
      if isLast { bytes += embedding + finalNorm }
      return ModelStage(layers: own, weightBytes: bytes, hasHead: isLast)
    }
  }
}
