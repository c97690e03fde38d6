import Operators

/// A device that runs and times the operators of one layer.
///
/// The operators take plain arrays and check them before anything is dispatched: they exist to
/// prove kernels right. Timing runs the same kernels on memory of the backend's own.
public protocol KernelBackend: SmallOperators {
  /// What the device is.
  var facts: DeviceFacts { get }

  /// Writes K and V of new tokens into pages. Rows are `[token][kvHead][headDim]`; token `i` goes
  /// to slot `slots[i]` (page × block size + offset).
  func append(
    keys: [Float], values: [Float], slots: [Int], to pages: inout KVPages
  ) throws(DeviceError)

  /// Reads the tokens of a sequence back, dequantised and turned back. `keys` and `values` are
  /// `[token][kvHead][headDim]`; what they hold beyond that stays as it is.
  func gather(
    _ sequence: CachedSequence, pages: KVPages, keys: inout [Float], values: inout [Float]
  ) throws(DeviceError)

  /// One query token per sequence, the last of its context, over what `options` lets it see of
  /// that. `queries` and `output` are
  /// `[sequence][queryHead][headDim]`; what `output` holds beyond that stays as it is.
  func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError)

  /// The last `tokens` tokens of a sequence, each over those up to itself. `queries` and `output`
  /// are `[token][queryHead][headDim]`; what `output` holds beyond that stays as it is.
  func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError)

  /// `output[tokens × outputs] = activations[tokens × inputs] · weights[outputs × inputs]ᵀ`;
  /// weights are the bits of IEEE halves. What `output` holds beyond that stays as it is.
  func linear(
    _ activations: [Float], weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    into output: inout [Float]
  ) throws(DeviceError)

  /// Times one operator on cold inputs.
  ///
  /// Inputs rotate through more memory than the last-level cache, so that every call starts cold,
  /// as in a real step.
  /// - Returns: nanoseconds of each of `repeats` calls, after a warm-up that does not count; a
  ///   device whose clock is too coarse for short calls gives the means of several.
  func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64]

  /// Bytes per second of a plain read, on all cores, of memory beyond the last-level cache: the
  /// median of `repeats` passes.
  func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double
}

extension KernelBackend {
  /// The name that the device gives itself.
  public var name: String { facts.name }
  /// The kernels that run, such as "avx512".
  public var kernelPath: String { facts.kernelPath }

  /// Decode attention over whole contexts.
  public func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    into output: inout [Float]
  ) throws(DeviceError) {
    try decodeAttention(
      queries: queries, queryHeads: queryHeads, sequences: sequences, pages: pages,
      options: .plain, into: &output)
  }

  /// Prefill attention over whole contexts.
  public func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    into output: inout [Float]
  ) throws(DeviceError) {
    try prefillAttention(
      queries: queries, queryHeads: queryHeads, tokens: tokens, sequence: sequence,
      pages: pages, options: .plain, into: &output)
  }
}

/// What some models do to attention besides the softmax.
public struct AttentionOptions: Hashable, Sendable {
  /// Logits s (scaled by 1/√headDim) become `softCap · tanh(s / softCap)`: Gemma 2's
  /// `attn_logit_softcapping`. Positive; nil leaves them as they are.
  public var softCap: Float?
  /// The keys that a token sees at most, its own included: Mistral's `sliding_window`. Positive;
  /// nil lets it see all up to its own.
  public var slidingWindow: Int?

  /// By default neither.
  public init(softCap: Float? = nil, slidingWindow: Int? = nil) {
    self.softCap = softCap
    self.slidingWindow = slidingWindow
  }

  /// Neither cap nor window.
  public static let plain = AttentionOptions()
}

/// Pages of one layer in plain memory.
public struct KVPages: Sendable {
  /// Where the bytes of a page lie.
  public let layout: PageLayout
  /// Pages of the pool.
  public let pageCount: Int
  /// All pages, one after the other.
  public internal(set) var bytes: [UInt8]

  /// Pages full of zeros.
  /// - Throws: ``DeviceError/unsupportedShape(field:value:accepted:)`` for a layout that no kernel
  ///   takes, and for fewer pages than none or more than memory can have.
  public init(layout: PageLayout, pageCount: Int) throws(DeviceError) {
    try InputChecks.check(layout)
    guard pageCount >= 0 else {
      throw .unsupportedShape(field: "page_count", value: pageCount, accepted: "0 and more")
    }
    let byteCount = try InputChecks.product([
      ("page_bytes", layout.pageBytes), ("page_count", pageCount),
    ])
    self.layout = layout
    self.pageCount = pageCount
    bytes = [UInt8](repeating: 0, count: byteCount)
  }

  /// Tokens that the pool holds.
  public var slotCount: Int { pageCount * layout.blockSize }
}

/// The block tables of a batch as kernels read them: a row for each sequence.
struct BlockTables {
  /// Entries of a row: those of the longest table. Shorter ones end with zeros, which nobody reads.
  let width: Int
  let entries: [Int32]

  init(_ sequences: [CachedSequence]) { self.init(rows: sequences.map { $0.blocks[...] }) }

  /// - Parameter rows: the pages of each sequence.
  init(rows: [ArraySlice<Int32>]) {
    let width = rows.map(\.count).max() ?? 0
    self.width = width
    entries = rows.flatMap { $0 + repeatElement(0, count: width - $0.count) }
  }
}

/// A sequence in the cache: the pages of its tokens, in order, and how many tokens there are.
public struct CachedSequence: Hashable, Sendable {
  /// Page of tokens `i × blockSize ..< (i + 1) × blockSize`.
  public var blocks: [Int32]
  /// Cached tokens; for prefill those of the chunk are the last of them.
  public var context: Int

  /// A sequence of `context` tokens in `blocks`.
  public init(blocks: [Int32], context: Int) {
    self.blocks = blocks
    self.context = context
  }
}
