import CVulkan
import Operators

// Dense layers by products of matrices of halves. For more than 16 tokens another shader first
// brings activations into the order that lanes fill matrices in, in scratch memory.

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

  /// Tokens of the tile that is the fastest on large products.
  static let largestTokenTile = Tile.all[0].tokens

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
    /// parts, so that no workgroup begins twice; and not so many that a part of less than four
    /// slices costs more to join than it saves.
    func groups(tiles: Int, slices: Int, multiprocessors: Int) -> Int {
      let held = groupsHeld * multiprocessors, even = held / tiles * tiles
      return min(tiles * max(1, slices / 4), 10 * even >= 9 * held ? even : held)
    }

    static func of(tokens: Int) -> Stream {
      if tokens <= 32 { return Stream(tokens: 32, ownOutputs: 16, pieces: 4, groupsHeld: 2) }
      if tokens <= 64 { return Stream(tokens: 64, ownOutputs: 32, pieces: 4, groupsHeld: 1) }
      return Stream(tokens: mostTokens, ownOutputs: 32, pieces: 2, groupsHeld: 1)
    }
  }

  /// Whether a product goes by streamed weights: where one tile has all tokens, or where the tiles
  /// that are fastest on large products would not keep the device busy; if the inputs are whole
  /// slices, and for more than 64 tokens so many that cutting them pays for joining the parts.
  func streamsWeights(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    let stream = Stream.of(tokens: tokens)
    let large = Tile.all[0].groups(tokens: tokens, outputs: outputs)
    return (tokens <= Stream.mostTokens || 2 * large <= 3 * context.multiprocessors)
      && (tokens <= 64 || inputs >= 2048)
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

  /// How a product goes by `linear_few.comp`.
  private struct Few {
    /// Threads of a workgroup that fills a multiprocessor.
    static let threads = 512
    /// Groups of eight tokens.
    let groups: Int
    /// Chunks of 64 inputs of a subgroup.
    let chunks: Int

    /// The longest blocks of inputs that registers hold, or half as long ones where fewer subgroups
    /// are idle in the last block for it: beginning a block takes the time of half a chunk.
    init(tokens: Int, inputs: Int) {
      groups = tokens > 8 ? 2 : 1
      func cost(_ chunks: Int) -> Int {
        let block = Few.threads / 32 * 64 * chunks
        return (inputs + block - 1) / block * (2 * chunks + 1)
      }
      let most = 4 / groups
      chunks = cost(most) < cost(most / 2) ? most : most / 2
    }

    /// Scales of all subgroups' tokens, and two tiles of their sums of 16 outputs, in rows of 20.
    var sharedBytes: Int { Few.threads / 32 * 8 * groups * (1 + 2 * 20) * 4 }
  }

  /// Whether a product for up to 16 tokens goes by products of matrices: for more than one, where a
  /// subgroup has all of its inputs.
  func takesMatricesInLinearOfFew(tokens: Int, inputs: Int) -> Bool {
    let few = Few(tokens: tokens, inputs: inputs)
    return context.fragmentsAreKnown && tokens > 1 && inputs % 8 == 0 && inputs >= 64 * few.chunks
      && few.sharedBytes <= context.features.max_shared_bytes
      && Few.threads <= context.features.max_workgroup_invocations
  }

  /// `y = x * w^T` for 2 to 16 tokens, by products of matrices.
  func linearOfFew(
    _ push: LinearPush, tokens: Int, outputs: Int, inputs: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let few = Few(tokens: tokens, inputs: inputs)
    let pipeline = try context.pipeline(
      .linearFew, PageConstants.none(workgroup: Few.threads, [few.groups, few.chunks]), for: work)
    recorder.dispatch(pipeline, push, min((outputs + 15) / 16, context.multiprocessors))
  }
}
