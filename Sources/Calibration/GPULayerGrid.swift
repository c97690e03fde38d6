import Operators

extension GPUGrid {
  /// Of a dense layer's kernels: the tile of a large product, and tokens up to which weights are
  /// streamed.
  private static let (tileTokens, tileOutputs, streamedTokens) = (256, 128, 128)
  /// The numbers of inputs that have a grid each, two of them on both sides of 2,048, beyond which
  /// few tokens take longer blocks of them, or begin another.
  private static let inputs = [1024, 2048, 2304, 4096, 5120, 8192, 28672]
  /// Tiles of the fewest outputs, 1,024, and of the most: Qwen3's vocabulary. Between them the time
  /// follows ``DenseLayerPlan``, so that there are points where it has a step or changes its slope.
  private static let (leastTiles, mostTiles) = (8, 1187)
  /// Bounds of a call: results and weights that fit into the memory for them, and some 25 ms.
  private static let (mostResults, mostWeights, mostWork) = (500_000_000, 1_300_000_000, 4e12)

  private static func isHeld(_ tokens: Int, _ outputs: Int, _ inputs: Int) -> Bool {
    tokens * outputs <= mostResults && outputs * inputs <= mostWeights
      && Double(tokens * outputs) * Double(inputs) <= mostWork
  }

  /// Layers of 1,024 to 28,672 inputs and 1,024 to 151,936 outputs, for 1 to 8,192 tokens. Tokens
  /// stand on both sides of each number at which kernels change or take another tile; outputs where
  /// their tiles begin another wave.
  func linear() -> ExperimentGroup {
    let m = multiprocessors
    let few = [1, 2, 8, 9, 16, 17, 32, 33, 64, 65, 128]
    let many = [129, 256, 257, 384, 385, 512, 513, 768, 769, 1024, 2048, 4096, 8192]
    // Half a wave more than one is where large products leave the kernel that streams weights. Up
    // to there it cuts tiles evenly or not; beyond, waves are alike.
    let streamed = [16, 32, 3 * m / 8 + 1, 64, 96, 8 * m / 9, m, 9 * m / 8, 6 * m / 5]
    let steps = [3 * m / 2, 2 * m, 4 * m]
    func outputs(_ tokens: Int) -> Set<Int> {
      let (least, most) = (GPUGrid.leastTiles, GPUGrid.mostTiles)
      guard tokens > GPUGrid.streamedTokens else {
        return Set([least, 16, 23, 32, 45, 64, m, m + 1, 186, 2 * m, 2 * m + 1, 512, 800, most])
      }
      let rows = (tokens + GPUGrid.tileTokens - 1) / GPUGrid.tileTokens
      let tiles = (streamed + steps + [8 * m, 16 * m]).map { $0 / rows }
      return Set(tiles + ([m] + steps).map { $0 / rows + 1 } + [least, most])
        .filter { (least...most).contains($0) }
    }
    let fit = GPUGrid.inputs.flatMap { inputs in
      (few + many).flatMap { tokens in
        outputs(tokens).sorted().map { $0 * GPUGrid.tileOutputs }
          .filter { GPUGrid.isHeld(tokens, $0, inputs) }
          .map { OperatorShape.linear(tokens: tokens, outputs: $0, inputs: inputs) }
      }
    }
    return ExperimentGroup(
      fit: fit, start: 1,
      heldOut: { ModelLayers.linear(at: $0, mostTokens: 8192, isHeld: GPUGrid.isHeld) })
  }

  /// 1 to 8,192 tokens.
  func append(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ tokens: Int) -> OperatorShape {
      .append(tokens: tokens, heads: heads, format: format)
    }
    let fit = [1, 4, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192]
    return ExperimentGroup(
      fit: fit.map(shape), start: 1, heldOut: { shape(spread($0.u, from: 1, to: 8192)) })
  }
}
