/// How the bundled kernels of GPUs cut a dense layer into workgroups: which of them a layer takes,
/// and by which tiles. The kernels follow it, and the cost model knows by it where time has steps
/// between the layers that were measured.
///
/// All of it is whole numbers of a few operations: O(1), nothing is allocated.
public struct DenseLayerPlan: Hashable, Sendable {
  /// Multiprocessors that the work is cut for.
  public let multiprocessors: Int
  /// Tokens up to which each weight is read once and meets all tokens in registers.
  public static let fewTokens = 16

  /// A plan for a device of so many multiprocessors, one at least.
  public init(multiprocessors: Int) {
    precondition(multiprocessors > 0)
    self.multiprocessors = multiprocessors
  }

  // MARK: Many tokens

  /// What a workgroup of `linear_matrix.comp` and its subgroups take of a product.
  public struct Tile: Hashable, Sendable {
    /// Threads of the workgroup, its tokens and outputs, and those of a subgroup.
    public let threads, tokens, outputs, ownTokens, ownOutputs: Int

    /// Bytes that a workgroup shares: two slices of 32 inputs.
    public var sharedBytes: Int { 2 * (tokens + outputs) * 64 }

    /// Workgroups of a product.
    public func groups(tokens: Int, outputs: Int) -> Int {
      DenseLayerPlan.pieces(tokens, of: self.tokens)
        * DenseLayerPlan.pieces(outputs, of: self.outputs)
    }

    /// The fastest on large products.
    public static let largest = Tile(
      threads: 256, tokens: 256, outputs: 128, ownTokens: 64, ownOutputs: 64)
    /// From the fastest on large products to the one that gives small ones the most workgroups.
    static let all = [
      largest,
      Tile(threads: 256, tokens: 128, outputs: 128, ownTokens: 64, ownOutputs: 32),
      Tile(threads: 256, tokens: 128, outputs: 64, ownTokens: 64, ownOutputs: 16),
      Tile(threads: 128, tokens: 64, outputs: 32, ownTokens: 64, ownOutputs: 8),
    ]
  }

  /// The first tile that occupies most of the device, or the last one.
  /// - Parameter fits: whether the device can take a tile at all.
  public func tile(
    tokens: Int, outputs: Int, where fits: (Tile) -> Bool = { _ in true }
  ) -> Tile {
    let wanted = multiprocessors * 3 / 4
    return Tile.all.first {
      fits($0) && $0.tokens < 2 * tokens && $0.groups(tokens: tokens, outputs: outputs) >= wanted
    } ?? Tile.all[Tile.all.count - 1]
  }

  // MARK: Weights that stream by

  /// What a workgroup of `linear_stream.comp` takes at a time, and how many workgroups a
  /// multiprocessor holds.
  public struct Stream: Hashable, Sendable {
    /// Threads of a workgroup.
    public static let threads = 256
    /// The most tokens of a tile.
    public static let mostTokens = 128
    /// Tokens of a tile, outputs of a subgroup, pieces of 32 inputs in a slice, and workgroups that
    /// a multiprocessor holds.
    public let tokens, ownOutputs, pieces, groupsHeld: Int

    /// Inputs that are taken at a time.
    public var slice: Int { 32 * pieces }
    /// Outputs of a tile.
    public var tileOutputs: Int { Stream.threads / 32 * ownOutputs }
    /// Two slices of the tile's tokens.
    public var sharedBytes: Int { 2 * tokens * slice * 2 }
    /// Of the sums of a tile.
    public var tileBytes: Int { tokens * tileOutputs * 4 }

    /// Tiles of a product.
    public func tiles(tokens: Int, outputs: Int) -> Int {
      DenseLayerPlan.pieces(tokens, of: self.tokens)
        * DenseLayerPlan.pieces(outputs, of: tileOutputs)
    }

    /// The kernel's tile for so many tokens.
    public static func of(tokens: Int) -> Stream {
      if tokens <= 32 { return Stream(tokens: 32, ownOutputs: 16, pieces: 4, groupsHeld: 2) }
      if tokens <= 64 { return Stream(tokens: 64, ownOutputs: 32, pieces: 4, groupsHeld: 1) }
      return Stream(tokens: mostTokens, ownOutputs: 32, pieces: 2, groupsHeld: 1)
    }
  }

  /// As many workgroups as the device holds; a few less where all tiles are then cut in as many
  /// parts, so that no workgroup begins twice; and not so many that a part of less than four
  /// slices costs more to join than it saves.
  public func groups(_ stream: Stream, tiles: Int, slices: Int) -> Int {
    let held = stream.groupsHeld * multiprocessors, even = held / tiles * tiles
    return min(tiles * max(1, slices / 4), 10 * even >= 9 * held ? even : held)
  }

  /// Whether a product goes by streamed weights, if the device can: where one tile has all tokens,
  /// or where the tiles that are fastest on large products would not keep it busy; if the inputs
  /// are whole slices, and for more than 64 tokens so many that cutting them pays for joining the
  /// parts.
  public func streamsWeights(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    let large = Tile.largest.groups(tokens: tokens, outputs: outputs)
    return (tokens <= Stream.mostTokens || 2 * large <= 3 * multiprocessors)
      && (tokens <= 64 || inputs >= 2048) && inputs % Stream.of(tokens: tokens).slice == 0
  }

  // MARK: Few tokens

  /// How a product for 2 to 16 tokens goes by `linear_few.comp`.
  public struct Few: Hashable, Sendable {
    /// Threads of a workgroup that fills a multiprocessor.
    public static let threads = 512
    /// Outputs of a tile.
    public static let tileOutputs = 16
    /// Groups of eight tokens.
    public let groups: Int
    /// Chunks of 64 inputs of a subgroup.
    public let chunks: Int
    /// What a subgroup's blocks of inputs take, begun ones like whole ones, in half chunks.
    public let halfChunks: Int

    /// The longest blocks of inputs that registers hold, or half as long ones where fewer subgroups
    /// are idle in the last block for it: beginning a block takes the time of half a chunk.
    public init(tokens: Int, inputs: Int) {
      groups = tokens > 8 ? 2 : 1
      func cost(_ chunks: Int) -> Int {
        DenseLayerPlan.pieces(inputs, of: Few.blockInputs(chunks)) * (2 * chunks + 1)
      }
      let most = 4 / groups
      chunks = cost(most) < cost(most / 2) ? most : most / 2
      halfChunks = cost(chunks)
    }

    /// Inputs that a half chunk stands for in whole blocks of the longest kind.
    public var inputsOfHalfChunk: Double {
      let most = 4 / groups
      return Double(Few.blockInputs(most)) / Double(2 * most + 1)
    }

    /// Scales of all subgroups' tokens, and two tiles of their sums, in rows of 20.
    public var sharedBytes: Int { Few.threads / 32 * 8 * groups * (1 + 2 * 20) * 4 }

    private static func blockInputs(_ chunks: Int) -> Int { threads / 32 * 64 * chunks }
  }

  /// Pieces of `size` that hold so many.
  private static func pieces(_ count: Int, of size: Int) -> Int { (count + size - 1) / size }
}
