import Operators

/// What the busiest multiprocessor has to do for a dense layer, by the kernels' plan. As long as
/// one kernel is at work time is a straight line in it, steps and all.
///
/// Five constants are shares of a cost that the plan alone does not tell. They were chosen on an
/// H200, by points of its fit that were left out in turn and after a look at those held out; the
/// measured grid corrects what they miss.
extension DenseLayerPlan {
  /// Of a turn of few tokens' tiles that is begun: the memory is busy with what is left of others.
  private static let begunTurn = 0.3
  /// Of a block of few tokens' inputs that is begun: what is taken twice comes from a cache.
  private static let begunBlock = 0.3
  /// Of a wave of workgroups that is begun, however few they are.
  private static let begunWave = 0.95
  /// What streamed weights take that several workgroups pass, but not in step, because their tiles
  /// are cut unevenly: the cache holds less of what the others read.
  private static let outOfStep = 1.25
  /// Slices of inputs that a further part of a tile costs: its sums are written and read again.
  private static let joinedSlices = 0.75
  /// Tokens up to which weights are read at the memory's pace, however they are cut.
  private static let readingTokens = 64

  /// The work of a layer as outputs: those of tiles of 128 tokens that would take as long. Layers
  /// of as many inputs compare by it.
  func work(tokens: Int, outputs: Int, inputs: Int) -> Double {
    if tokens > 1 && tokens <= DenseLayerPlan.fewTokens {
      let turn = Double(Few.tileOutputs * multiprocessors)
      return partly(DenseLayerPlan.begunTurn, begun: Double(outputs) / turn) * turn
    }
    if tokens <= DenseLayerPlan.readingTokens { return Double(outputs) }
    let stream = Stream.of(tokens: tokens)
    let wave = Double(stream.tileOutputs * multiprocessors)
    if streamsWeights(tokens: tokens, outputs: outputs, inputs: inputs) {
      return streamed(stream, tokens: tokens, outputs: outputs, slices: inputs / stream.slice)
        * wave
    }
    // A product reads both sides of its tile, and goes as fast as they come.
    let tile = tile(tokens: tokens, outputs: outputs)
    let sides =
      Double(tile.tokens + tile.outputs) / Double(Tile.largest.tokens + Tile.largest.outputs)
    let waves = Double(tile.groups(tokens: tokens, outputs: outputs)) / Double(multiprocessors)
    return partly(DenseLayerPlan.begunWave, begun: waves) * sides * wave
  }

  /// The tiles of a workgroup of streamed weights.
  private func streamed(_ stream: Stream, tokens: Int, outputs: Int, slices: Int) -> Double {
    let tiles = stream.tiles(tokens: tokens, outputs: outputs)
    let groups = groups(stream, tiles: tiles, slices: slices)
    let isEven = groups % tiles == 0 || tiles % groups == 0
    // An uneven part of a tile begins anywhere, so that there is one more of them.
    let parts = isEven ? max(1, groups / tiles) : (groups + tiles - 1) / tiles + 1
    let isOutOfStep = !isEven && tokens > stream.tokens
    return Double(tiles) / Double(groups) * (isOutOfStep ? DenseLayerPlan.outOfStep : 1)
      + DenseLayerPlan.joinedSlices * Double(parts - 1) / Double(slices)
  }

  /// Inputs that take as long as these do where blocks of them are whole: between two numbers of
  /// inputs time is a straight line in them.
  func inputsTaken(_ inputs: Int, tokens: Int) -> Double {
    guard tokens > 1, tokens <= DenseLayerPlan.fewTokens else { return Double(inputs) }
    let few = Few(tokens: tokens, inputs: inputs)
    return DenseLayerPlan.begunBlock * Double(few.halfChunks) * few.inputsOfHalfChunk
      + (1 - DenseLayerPlan.begunBlock) * Double(inputs)
  }

  /// So many rounds, of each of which `share` passes once it is begun.
  private func partly(_ share: Double, begun rounds: Double) -> Double {
    share * rounds.rounded(.up) + (1 - share) * rounds
  }
}
