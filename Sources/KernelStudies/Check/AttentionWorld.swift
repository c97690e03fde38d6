import Kernels
import Operators

/// A cache with random K and V in it: a shuffled pool, sequences with ragged contexts.
struct AttentionWorld {
  let heads: HeadGeometry
  /// The pool before K and V were written: full of vectors a thousand times as large, so that
  /// whoever reads a slot of no sequence shows it.
  let junk: KVPages
  /// The pool with K and V in it.
  let pages: KVPages
  let sequences: [CachedSequence]
  /// Where the tokens of all sequences lie, sequence by sequence.
  let slots: [Int]
  /// `[token][kvHead][headDim]` of all sequences, as they were before quantising.
  let keys: [Float]
  let values: [Float]

  /// The world of a case.
  init(
    _ shape: AttentionShape, writer: any KernelBackend, random: inout CheckRandom
  ) throws(DeviceError) {
    try self.init(
      shape.format, shape.heads, blockSize: shape.blockSize, contexts: shape.contexts,
      channelScales: shape.channelScales, writer: writer, random: &random)
  }

  /// Gaussian K and V, written by `writer`; `channelScales` multiplies channels of K.
  init(
    _ format: KVFormat, _ heads: HeadGeometry, blockSize: Int, contexts: [Int],
    channelScales: [Int: Float] = [:], writer: any KernelBackend, random: inout CheckRandom
  ) throws(DeviceError) {
    self.heads = heads
    let layout = PageLayout(
      format: format, blockSize: blockSize, kvHeads: heads.kvHeads, headDim: heads.headDim)
    let widths = contexts.map { ($0 + blockSize - 1) / blockSize }
    // Two pages more than needed, so that a table that is read wrongly meets other data.
    let pageCount = widths.reduce(2, +)
    junk = try AttentionWorld.junkPool(layout, pageCount: pageCount, writer, &random)
    var free = (0..<Int32(pageCount)).shuffled(using: &random)
    sequences = zip(contexts, widths).map { context, width in
      let blocks = Array(free.suffix(width))
      free.removeLast(width)
      return CachedSequence(blocks: blocks, context: context)
    }
    slots = sequences.flatMap { sequence in
      (0..<sequence.context).map { sequence.slot(of: $0, layout) }
    }
    var keys = random.normals(slots.count * heads.kvHeads * heads.headDim)
    for (channel, scale) in channelScales {
      for i in stride(from: channel, to: keys.count, by: heads.headDim) { keys[i] *= scale }
    }
    self.keys = keys
    values = random.normals(keys.count)
    var pages = junk
    try writer.append(keys: keys, values: values, slots: slots, to: &pages)
    self.pages = pages
  }

  /// Attention of the last `tokens` tokens of a sequence: `[token][queryHead][headDim]`.
  func expected(
    _ sequence: Int, tokens: Int, queries: ArraySlice<Float>, options: AttentionOptions = .plain
  ) -> [Double] {
    Reference.attention(
      pages, sequences[sequence], tokens: tokens, queryHeads: heads.queryHeads,
      queries: queries, options: options)
  }

  /// The same K and V in other pages, appended in a random order of tokens.
  func moved(
    by writer: any KernelBackend, random: inout CheckRandom
  ) throws(DeviceError) -> AttentionWorld {
    let layout = pages.layout
    var free = (0..<Int32(pages.pageCount)).shuffled(using: &random)
    let moved = sequences.map { sequence in
      let blocks = Array(free.suffix(sequence.blocks.count))
      free.removeLast(blocks.count)
      return CachedSequence(blocks: blocks, context: sequence.context)
    }
    let slots = moved.flatMap { sequence in
      (0..<sequence.context).map { sequence.slot(of: $0, layout) }
    }
    let row = heads.kvHeads * heads.headDim
    let order = slots.indices.shuffled(using: &random)
    func inOrder(_ vectors: [Float]) -> [Float] {
      order.flatMap { vectors[$0 * row..<($0 + 1) * row] }
    }
    var pages = junk
    try writer.append(
      keys: inOrder(keys), values: inOrder(values), slots: order.map { slots[$0] }, to: &pages)
    return AttentionWorld(
      heads: heads, junk: junk, pages: pages, sequences: moved, slots: slots, keys: keys,
      values: values)
  }

  private init(
    heads: HeadGeometry, junk: KVPages, pages: KVPages, sequences: [CachedSequence],
    slots: [Int], keys: [Float], values: [Float]
  ) {
    self.heads = heads
    self.junk = junk
    self.pages = pages
    self.sequences = sequences
    self.slots = slots
    self.keys = keys
    self.values = values
  }

  private static func junkPool(
    _ layout: PageLayout, pageCount: Int, _ writer: any KernelBackend,
    _ random: inout CheckRandom
  ) throws(DeviceError) -> KVPages {
    var pool = try KVPages(layout: layout, pageCount: pageCount)
    let step = min(256, pool.slotCount)
    let rows = random.normals(step * layout.kvHeads * layout.headDim).map { 1000 * $0 }
    for first in stride(from: 0, to: pool.slotCount, by: step) {
      let slots = Array(first..<min(first + step, pool.slotCount))
      try writer.append(keys: rows, values: rows, slots: slots, to: &pool)
    }
    return pool
  }
}
