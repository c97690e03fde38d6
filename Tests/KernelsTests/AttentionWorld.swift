import TestSupport
import Kernels
import Operators

/// A seeded world for attention: a shape, a shuffled pool, sequences with their K and V in it.
struct AttentionWorld {
  let heads: HeadGeometry
  let pages: KVPages
  let sequences: [CachedSequence]
  /// [sequence][token][kvHead][headDim] as they were before quantising.
  let keys: [[Float]]
  let values: [[Float]]

  static let headDims = [64, 80, 96, 112, 128, 192, 256]
  static let groupSizes = [1, 2, 4, 5, 7, 8, 16]
  static let blockSizes = [1, 8, 16, 32]

  /// A world whose sizes are drawn from `random`; `contexts` gives the choices of length.
  static func random(
    _ format: KVFormat, contexts: [Int], sequences: Int, _ random: inout SeededRandom
  ) throws -> AttentionWorld {
    let kvHeads = random.pick([1, 1, 2])
    let heads = HeadGeometry(
      queryHeads: kvHeads * random.pick(groupSizes), kvHeads: kvHeads,
      headDim: random.pick(headDims))
    return try AttentionWorld(
      format, heads, blockSize: random.pick(blockSizes),
      contexts: (0..<sequences).map { _ in random.pick(contexts) }, random: &random)
  }

  /// Gaussian K and V; `channelScales` multiplies channels of K.
  init(
    _ format: KVFormat, _ heads: HeadGeometry, blockSize: Int, contexts: [Int],
    channelScales: [Int: Float] = [:], random: inout SeededRandom
  ) throws {
    self.heads = heads
    let layout = PageLayout(
      format: format, blockSize: blockSize, kvHeads: heads.kvHeads, headDim: heads.headDim)
    let widths = contexts.map { ($0 + blockSize - 1) / blockSize }
    // Two pages more than needed, so that a table that is read wrongly meets other data.
    let pageCount = widths.reduce(2, +)
    var free = (0..<Int32(pageCount)).shuffled(using: &random)
    var pages = KVPages(layout: layout, pageCount: pageCount)
    var sequences: [CachedSequence] = []
    var keys: [[Float]] = []
    var values: [[Float]] = []
    let writer = try CPUBackend(path: .scalar, threads: 1)
    for (context, width) in zip(contexts, widths) {
      let blocks = Array(free.suffix(width))
      free.removeLast(width)
      var key = random.normals(context * heads.kvHeads * heads.headDim)
      for (channel, scale) in channelScales {
        for i in stride(from: channel, to: key.count, by: heads.headDim) { key[i] *= scale }
      }
      let value = random.normals(key.count)
      let slots = (0..<context).map { Int(blocks[$0 / blockSize]) * blockSize + $0 % blockSize }
      try writer.append(keys: key, values: value, slots: slots, to: &pages)
      sequences.append(CachedSequence(blocks: blocks, context: context))
      keys.append(key)
      values.append(value)
    }
    self.pages = pages
    self.sequences = sequences
    self.keys = keys
    self.values = values
  }

  /// What pages hold of one sequence and head, read back in Double.
  func stored(_ sequence: Int, kvHead: Int) -> (keys: [[Double]], values: [[Double]]) {
    let reader = PageReader(pages: pages)
    let size = pages.layout.blockSize
    let blocks = sequences[sequence].blocks
    var keys: [[Double]] = []
    var values: [[Double]] = []
    for token in 0..<sequences[sequence].context {
      let slot = Int(blocks[token / size]) * size + token % size
      keys.append(reader.vector(slot: slot, kvHead: kvHead, isValue: false))
      values.append(reader.vector(slot: slot, kvHead: kvHead, isValue: true))
    }
    return (keys, values)
  }

  /// Attention of the last `tokens` tokens of a sequence over stored K and V, causal:
  /// [token][queryHead][headDim].
  func expected(_ sequence: Int, tokens: Int, queries: ArraySlice<Float>) -> [Double] {
    let dim = heads.headDim
    let order = pages.layout.format.rotationOrder(headDim: dim)
    let prefix = sequences[sequence].context - tokens
    var result = [Double](repeating: 0, count: tokens * heads.queryHeads * dim)
    for kvHead in 0..<heads.kvHeads {
      let (keys, values) = stored(sequence, kvHead: kvHead)
      for token in 0..<tokens {
        for member in 0..<heads.groupSize {
          let head = kvHead * heads.groupSize + member
          let start = (token * heads.queryHeads + head) * dim
          let from = queries.startIndex + start
          var query = queries[from..<from + dim].map(Double.init)
          if let order { query = Reference.rotated(query, order: order) }
          let row = Reference.attention(
            query: query, keys: keys, values: values, count: prefix + token + 1)
          for i in 0..<dim { result[start + i] = row[i] }
        }
      }
    }
    return result
  }
}

/// An output that starts as NaN, with 1,024 sentinels behind it that no kernel may touch.
struct GuardedOutput {
  static let sentinel: Float = 12_345.5
  let count: Int
  var floats: [Float]

  init(count: Int) {
    self.count = count
    floats =
      [Float](repeating: .nan, count: count)
      + [Float](repeating: GuardedOutput.sentinel, count: 1024)
  }

  var sentinelsSurvive: Bool { floats[count...].allSatisfy { $0 == GuardedOutput.sentinel } }
  var written: ArraySlice<Float> { floats[..<count] }
}
