import CVulkan
import Operators

// Dense layers by products of matrices of halves. Other shaders first bring activations into the
// order that lanes fill matrices in, in scratch memory.

extension VulkanOperators {
  // MARK: Many tokens

  private struct HalvesPush {
    var rows, halves, factors, zeros: UInt64
    var rowCount, columns, zeroCount: UInt32
  }

  private struct LinearMatrixPush {
    var x, factors, w, y: UInt64
    var tokens, outputs, inputs: UInt32
  }

  /// What a workgroup and its subgroups take of a product.
  private struct Tile {
    let threads, tokens, outputs, ownTokens, ownOutputs: Int

    /// Bytes that a workgroup shares: two slices of 32 inputs.
    var sharedBytes: Int { 2 * (tokens + outputs) * 64 }

    func groups(tokens: Int, outputs: Int) -> Int {
      ((tokens + self.tokens - 1) / self.tokens) * ((outputs + self.outputs - 1) / self.outputs)
    }

    /// From the fastest on large products to the one that gives small ones the most workgroups.
    static let all = [
      Tile(threads: 256, tokens: 256, outputs: 128, ownTokens: 64, ownOutputs: 64),
      Tile(threads: 256, tokens: 128, outputs: 128, ownTokens: 64, ownOutputs: 32),
      Tile(threads: 256, tokens: 128, outputs: 64, ownTokens: 64, ownOutputs: 16),
      Tile(threads: 128, tokens: 64, outputs: 32, ownTokens: 64, ownOutputs: 8),
    ]
  }

  /// Whether a product for many tokens goes by products of matrices: whole slices of inputs, rows
  /// of results at multiples of eight bytes, and offsets of 32 bits.
  func takesMatricesInLinear(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    context.fragmentsAreKnown && inputs % 32 == 0 && outputs % 2 == 0
      && max(tokens + 15, outputs) * inputs * 2 <= Int(UInt32.max)
  }

  /// The first tile that occupies most of the device, or the last one.
  private func tile(tokens: Int, outputs: Int) -> Tile {
    let wanted = context.multiprocessors * 3 / 4
    let fitting = Tile.all.filter {
      $0.sharedBytes <= Int(context.features.max_shared_bytes)
        && $0.threads <= Int(context.features.max_workgroup_invocations)
    }
    return fitting.first {
      $0.tokens < 2 * tokens && $0.groups(tokens: tokens, outputs: outputs) >= wanted
    } ?? Tile.all[Tile.all.count - 1]
  }

  /// `y = x * w^T` by products of matrices.
  func linearByMatrices(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let padded = (tokens + 15) / 16 * 16
    let byteCount = padded * inputs * 2
    let scratch = try context.scratch(byteCount: byteCount + 4 * padded, for: work)
    let factors = scratch + UInt64(byteCount)
    let tile = tile(tokens: tokens, outputs: outputs)
    let multiply = try context.pipeline(
      .linearMatrix,
      PageConstants.none(
        workgroup: tile.threads, [tile.tokens, tile.outputs, tile.ownTokens, tile.ownOutputs]),
      for: work)
    try halves(of: x, tokens: tokens, inputs: inputs, to: scratch, factors: factors, recorder)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearMatrixPush(
        x: scratch, factors: factors, w: w, y: y, tokens: UInt32(tokens),
        outputs: UInt32(outputs), inputs: UInt32(inputs)),
      tile.groups(tokens: tokens, outputs: outputs))
  }

  /// Activations as halves in the order of left matrices, what products of each token are to be
  /// multiplied by for that, and zeros for whoever counts in the next shader.
  func halves(
    of x: UInt64, tokens: Int, inputs: Int, to halves: UInt64, factors: UInt64, zeros: UInt64 = 0,
    zeroCount: Int = 0, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let convert = try context.pipeline(.halves, [256], for: work)
    recorder.dispatch(
      convert,
      HalvesPush(
        rows: x, halves: halves, factors: factors, zeros: zeros, rowCount: UInt32(tokens),
        columns: UInt32(inputs), zeroCount: UInt32(zeroCount)), (tokens + 15) / 16 * 8)
  }

  // MARK: Weights that stream by

  private struct LinearStreamPush {
    var x, factors, w, y, partials, counters: UInt64
    var tokens, outputs, inputs: UInt32
  }

  /// What a workgroup of `linear_stream.comp` takes at a time, and how many workgroups a
  /// multiprocessor holds.
  private struct Stream {
    static let threads = 256
    /// The most tokens of a tile.
    static let mostTokens = 128
    let tokens, ownOutputs, pieces, groupsHeld: Int

    var slice: Int { 32 * pieces }
    var tileOutputs: Int { Stream.threads / 32 * ownOutputs }
    /// Two slices of the tile's tokens.
    var sharedBytes: Int { 2 * tokens * slice * 2 }
    /// Of the sums of a tile.
    var tileBytes: Int { tokens * tileOutputs * 4 }

    func tiles(tokens: Int, outputs: Int) -> Int {
      ((tokens + self.tokens - 1) / self.tokens) * ((outputs + tileOutputs - 1) / tileOutputs)
    }

    /// As many workgroups as the device holds; a few less where all tiles are then cut in as many
    /// parts, so that no workgroup begins twice.
    func groups(tiles: Int, slices: Int, multiprocessors: Int) -> Int {
      let held = groupsHeld * multiprocessors, even = held / tiles * tiles
      return min(tiles * slices, 10 * even >= 9 * held ? even : held)
    }

    static func of(tokens: Int) -> Stream {
      if tokens <= 32 { return Stream(tokens: 32, ownOutputs: 16, pieces: 4, groupsHeld: 2) }
      if tokens <= 64 { return Stream(tokens: 64, ownOutputs: 32, pieces: 4, groupsHeld: 1) }
      return Stream(tokens: mostTokens, ownOutputs: 32, pieces: 2, groupsHeld: 1)
    }
  }

  /// Whether a product goes by streamed weights: where one tile has all tokens, or where the tiles
  /// that are fastest on large products would not keep the device busy; if the inputs are whole
  /// slices.
  func streamsWeights(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    let stream = Stream.of(tokens: tokens)
    let large = Tile.all[0].groups(tokens: tokens, outputs: outputs)
    return (tokens <= Stream.mostTokens || 2 * large <= 3 * context.multiprocessors)
      && inputs % stream.slice == 0 && stream.sharedBytes <= context.features.max_shared_bytes
      && Stream.threads <= context.features.max_workgroup_invocations
      && takesMatricesInLinear(tokens: tokens, outputs: outputs, inputs: inputs)
  }

  /// `y = x * w^T` by products of matrices, with as many workgroups as the device holds.
  func linearByStreaming(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let stream = Stream.of(tokens: tokens)
    let tiles = stream.tiles(tokens: tokens, outputs: outputs)
    let groups = stream.groups(
      tiles: tiles, slices: inputs / stream.slice, multiprocessors: context.multiprocessors)
    let padded = (tokens + 15) / 16 * 16
    let halvesBytes = padded * inputs * 2, partialBytes = groups * 2 * stream.tileBytes
    let scratch = try context.scratch(
      byteCount: halvesBytes + partialBytes + 4 * (padded + tiles), for: work)
    let partials = scratch + UInt64(halvesBytes), factors = partials + UInt64(partialBytes)
    let counters = factors + UInt64(4 * padded)
    let multiply = try context.pipeline(
      .linearStream,
      PageConstants.none(
        workgroup: Stream.threads, [stream.tokens, stream.ownOutputs, stream.pieces]), for: work)
    try halves(
      of: x, tokens: tokens, inputs: inputs, to: scratch, factors: factors, zeros: counters,
      zeroCount: tiles, recorder)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearStreamPush(
        x: scratch, factors: factors, w: w, y: y, partials: partials, counters: counters,
        tokens: UInt32(tokens), outputs: UInt32(outputs), inputs: UInt32(inputs)), groups)
  }

  // MARK: Few tokens

  private struct ActivationsPush {
    var x, halves, factors: UInt64
    var inputs: UInt32
  }

  /// Threads of a workgroup that fills a multiprocessor.
  private static let fewThreads = 512

  /// Whether a product for up to 16 tokens goes by products of matrices.
  func takesMatricesInLinearOfFew(inputs: Int) -> Bool {
    // Two tiles of partial sums, of 16 tokens and 16 outputs for each subgroup.
    let sharedBytes = 2 * (VulkanOperators.fewThreads / 32) * 256 * 4
    return context.fragmentsAreKnown && inputs % 8 == 0
      && sharedBytes <= context.features.max_shared_bytes
      && VulkanOperators.fewThreads <= context.features.max_workgroup_invocations
  }

  /// `y = x * w^T` for up to 16 tokens, by products of matrices.
  func linearOfFew(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let groups = tokens > 8 ? 2 : 1
    let byteCount = (inputs + 31) / 32 * groups * 512
    let scratch = try context.scratch(byteCount: byteCount + 64, for: work)
    let factors = scratch + UInt64(byteCount)
    let convert = try context.pipeline(
      .activations, PageConstants.none(workgroup: 256, [groups]), for: work)
    let multiply = try context.pipeline(
      .linearFew,
      PageConstants.none(workgroup: VulkanOperators.fewThreads, [groups, 8 / groups]), for: work)
    recorder.dispatch(
      convert,
      ActivationsPush(x: x, halves: scratch, factors: factors, inputs: UInt32(inputs)), tokens)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearMatrixPush(
        x: scratch, factors: factors, w: w, y: y, tokens: UInt32(tokens),
        outputs: UInt32(outputs), inputs: UInt32(inputs)),
      min((outputs + 15) / 16, context.multiprocessors))
  }
}
