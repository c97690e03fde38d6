import Operators

/// Layers by which a fit of `linear` is judged.
enum ModelLayers {
  /// Outputs and inputs of layers that models have (Q, K and V; output; gate and up; down; head),
  /// chosen to lie between the shapes of a GPU's grid; where they have 5,120 inputs, in their
  /// outputs alone. With 132 multiprocessors four are shapes of it all the same: the head of
  /// Qwen3-32B, and three others for up to five numbers of tokens.
  static let shapes = [
    // Qwen3 0.6B, 4B, 8B, 32B and 30B-A3B.
    (6144, 1024), (1024, 3072), (6144, 2560), (2560, 4096), (19456, 2560), (2560, 9728),
    (6144, 4096), (24576, 4096), (4096, 12288), (10240, 5120), (5120, 8192), (51200, 5120),
    (5120, 25600), (151_936, 5120), (151_936, 2560), (5120, 2048),
    // Llama 2 13B, 3.1 8B and 70B, 3.2 3B; Mistral 7B.
    (15360, 5120), (27648, 5120), (5120, 13824), (28672, 4096), (4096, 14336), (128_256, 4096),
    (10240, 8192), (57344, 8192), (128_256, 8192), (5120, 3072), (3072, 3072), (16384, 3072),
    (3072, 8192), (32768, 4096),
    // Phi-4, Qwen2.5 7B, Gemma 2 9B.
    (7680, 5120), (5120, 5120), (35840, 5120), (5120, 17920), (100_352, 5120), (4608, 3584),
    (3584, 3584), (37888, 3584), (3584, 18944), (8192, 3584), (3584, 4096), (28672, 3584),
    (3584, 14336),
  ]

  /// The layer at a place among those that may be held out, for 1 to `mostTokens` tokens.
  /// - Parameter isHeld: whether so many tokens, outputs and inputs are within the grid's bounds.
  static func linear(
    at place: ExperimentGroup.Place, mostTokens: Int, isHeld: (Int, Int, Int) -> Bool
  ) -> OperatorShape? {
    let (outputs, inputs) = shapes[Int(place.v * Double(shapes.count))]
    let tokens = spread(place.u, from: 1, to: mostTokens)
    guard isHeld(tokens, outputs, inputs) else { return nil }
    return .linear(tokens: tokens, outputs: outputs, inputs: inputs)
  }
}
