import Operators

extension CPUGrid {
  /// Tokens up to which weights are streamed, in groups of four; more are blocked.
  private static let streamedTokens = 47
  /// Outputs of a panel, which one thread takes where tokens are blocked.
  private static let panelOutputs = 64
  /// The numbers of inputs that have a grid each, and its outputs: few, some and the most.
  private static let layers = [
    (1024, [1024, 4096, 24576]), (4096, [1024, 4096, 24576]), (14336, [1024, 2048, 5120]),
  ]
  /// Weights of a layer, and of a language-model head; of those, tokens.
  private static let (mostWeights, mostHeadWeights, mostHeadTokens) = (110_000_000, 1 << 28, 64)
  /// Language-model heads.
  private static let heads = [(151_936, 1024), (65536, 4096)]

  private static func isHeld(_ tokens: Int, _ outputs: Int, _ inputs: Int) -> Bool {
    outputs * inputs <= (tokens <= mostHeadTokens ? mostHeadWeights : mostWeights)
      && inputs <= layers.last!.0
  }

  /// Layers of 1,024 to 14,336 inputs and 1,024 to 24,576 outputs for 1 to 1,024 tokens, and two
  /// language-model heads for up to 64.
  ///
  /// Tokens stand on both sides of whole groups of four and of where the kernel changes; outputs
  /// where tokens are blocked on both sides of one to four panels for each thread.
  func linear() -> ExperimentGroup {
    let streamed = [1, 2, 4, 5, 8, 9, 12, 13, 16, 17, 24, 25, 32, 33, CPUGrid.streamedTokens]
    let blocked = [CPUGrid.streamedTokens + 1, 64, 128, 256, 512, 1024]
    let rounds = [1, 2, 3, 4].map { $0 * threads * CPUGrid.panelOutputs }
    let steps = rounds + rounds.map { $0 + CPUGrid.panelOutputs }
    let wide = [5, 6, 8].map { $0 * threads * CPUGrid.panelOutputs }
    let layers = (streamed + blocked).flatMap { tokens in
      CPUGrid.layers.flatMap { inputs, common in
        let cuts = tokens > CPUGrid.streamedTokens ? steps + wide : []
        return Set(common + cuts.filter { (common[0]...common.last!).contains($0) }).sorted()
          .map { OperatorShape.linear(tokens: tokens, outputs: $0, inputs: inputs) }
      }
    }
    let heads = [1, 4, 8, 16, 32, CPUGrid.mostHeadTokens].flatMap { tokens in
      CPUGrid.heads.map { OperatorShape.linear(tokens: tokens, outputs: $0.0, inputs: $0.1) }
    }
    return ExperimentGroup(
      fit: layers + heads, start: 1,
      heldOut: { place in
        ModelLayers.linear(at: place, mostTokens: blocked.last!, isHeld: CPUGrid.isHeld)
      })
  }
}
