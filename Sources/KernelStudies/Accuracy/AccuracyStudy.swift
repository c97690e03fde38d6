import Kernels
import Operators

/// What KV cache formats do to keys, values, logits and the attention output.
///
/// Each format's pages are written by the backend's `append` and read back by its `gather`, the
/// kernels that serving runs; everything after that is FP64, so that what is measured is the format
/// and not the rounding of an attention kernel.
public struct AccuracyStudy {
  /// How far the work is.
  public struct Progress: Sendable {
    /// The format at work.
    public let format: KVFormat
    /// Of all work, 0...1.
    public let share: Double
  }

  /// A channel is an outlier where its largest magnitude is more than so many times the median.
  public static let outlierRatio: Float = 6
  /// Tokens of a page; errors do not depend on it.
  private static let blockSize = 16

  private let sample: KVSample
  private let floor: KVSample?
  private let rule: LogitRule
  private let backend: any KernelBackend
  private let threads: Int?

  /// A study of `sample` through the kernels of `backend`.
  ///
  /// - Parameters:
  ///   - floor: what plain INT4 is measured on as well, to judge the others by: a sample without
  ///     outlier channels. Nil where there is none.
  ///   - rule: by default logits are scaled by `1 / √head_dim` and not capped.
  ///   - threads: by default one for each online core; figures do not depend on it.
  public init(
    _ sample: KVSample, floor: KVSample? = nil, rule: LogitRule? = nil,
    backend: any KernelBackend, threads: Int? = nil
  ) {
    self.sample = sample
    self.floor = floor
    self.rule = rule ?? LogitRule(headDim: sample.heads.headDim)
    self.backend = backend
    self.threads = threads
  }

  /// FP16, INT4, and INT4 rotated by each order that divides `headDim`: keys alone, then keys and
  /// values.
  public static func formats(headDim: Int) -> [KVFormat] {
    let orders = KVFormat.rotationOrders.filter { headDim % $0 == 0 }
    return [.fp16, .int4]
      + [false, true].flatMap { includesValues in
        orders.map { KVFormat.int4.rotated(by: $0, includesValues: includesValues) }
      }
  }

  /// Runs every format.
  ///
  /// Takes time in proportion to formats × query tokens × query heads × tokens × head dimension.
  public func run(
    progress: (Progress) -> Void = { _ in }
  ) throws(DeviceError) -> AccuracyResult {
    let formats = AccuracyStudy.formats(headDim: sample.heads.headDim)
    let pool = WorkerPool(workerCount: threads ?? WorkerPool.onlineCores)
    let parts = Double(formats.count + (floor == nil ? 0 : 1))
    let rows = try measure(formats, of: sample, pool) {
      progress(Progress(format: $0, share: $1 * Double(formats.count) / parts))
    }
    var floorRow: FormatAccuracy?
    if let floor {
      floorRow = try measure([.int4], of: floor, pool) {
        progress(Progress(format: $0, share: (Double(formats.count) + $1) / parts))
      }[0]
    }
    return AccuracyResult(
      heads: sample.heads, tokens: sample.tokens, queryTokens: sample.queryTokens, rule: rule,
      formats: rows, floor: floorRow)
  }

  /// Goes over the heads, and for each over the formats: what is exact is computed once a head, and
  /// no more of it is held than a batch of its asks needs.
  private func measure(
    _ formats: [KVFormat], of sample: KVSample, _ pool: WorkerPool,
    progress: (KVFormat, Double) -> Void
  ) throws(DeviceError) -> [FormatAccuracy] {
    let heads = sample.heads
    var errors = formats.map { FormatErrors($0, heads) }
    for head in 0..<heads.kvHeads {
      let keys = sample.vectors(sample.keys, of: heads.kvHeads, heads: head..<head + 1)
      let values = sample.vectors(
        sample.values, of: heads.kvHeads, heads: head..<head + 1)
      let exact = attention(keys, values)
      let asks = Asks(sample, head: head)
      let batches = ExactBlock.batches(asks: asks.count, tokens: sample.tokens)
      for (batch, blocks) in batches.enumerated() {
        let exactBlocks = pool.map(blocks.count) { ExactBlock(exact, asks, blocks[$0]) }
        for (index, format) in formats.enumerated() {
          let done = (head * batches.count + batch) * formats.count + index
          progress(format, Double(done) / Double(heads.kvHeads * batches.count * formats.count))
          let stored = try stored(format, keys: keys, values: values)
          if batch == 0 { errors[index].add(stored, keys: keys, values: values) }
          let attention = attention(stored.keys, stored.values)
          let parts = pool.map(blocks.count) {
            AttentionErrors(attention, asks, against: exactBlocks[$0])
          }
          // In the order of the blocks, so that threads do not show in the last bit.
          for part in parts { errors[index].attention.add(part) }
        }
      }
    }
    return errors.map(\.result)
  }

  private func attention(_ keys: [Float], _ values: [Float]) -> ExactAttention {
    let headDim = sample.heads.headDim
    return ExactAttention(
      keys: HeadVectors(keys, headDim: headDim), values: HeadVectors(values, headDim: headDim),
      rule: rule)
  }

  /// Keys and values of one head, `[token][headDim]`, after a stay in pages of the format. Heads
  /// are quantised each by itself: those of one page would come back the same.
  func stored(
    _ format: KVFormat, keys: [Float], values: [Float]
  ) throws(DeviceError) -> (keys: [Float], values: [Float]) {
    let (size, headDim) = (AccuracyStudy.blockSize, sample.heads.headDim)
    let tokens = keys.count / headDim
    let pageCount = (tokens + size - 1) / size
    var pages = try KVPages(
      layout: PageLayout(format: format, blockSize: size, kvHeads: 1, headDim: headDim),
      pageCount: pageCount)
    try backend.append(keys: keys, values: values, slots: Array(0..<tokens), to: &pages)
    var storedKeys = [Float](repeating: .nan, count: keys.count)
    var storedValues = storedKeys
    try backend.gather(
      CachedSequence(blocks: Array(0..<Int32(pageCount)), context: tokens), pages: pages,
      keys: &storedKeys, values: &storedValues)
    return (storedKeys, storedValues)
  }
}

/// What one format does, summed over the heads.
private struct FormatErrors {
  private let format: KVFormat
  private let heads: HeadGeometry
  private var keys = RelativeError()
  private var values = RelativeError()
  private var outlierChannels = 0
  var attention = AttentionErrors()

  init(_ format: KVFormat, _ heads: HeadGeometry) {
    self.format = format
    self.heads = heads
  }

  /// Adds one head's keys and values.
  mutating func add(
    _ stored: (keys: [Float], values: [Float]), keys exactKeys: [Float], values exactValues: [Float]
  ) {
    keys.add(stored.keys, reference: exactKeys)
    values.add(stored.values, reference: exactValues)
    var quantised = exactKeys
    if let order = format.rotationOrder(headDim: heads.headDim) {
      // Each row is whole blocks, so all of them can be turned as one.
      quantised = Hadamard(order: order).rotated(quantised.map(Double.init)).map(Float.init)
    }
    outlierChannels += OutlierChannels.count(
      quantised, headDim: heads.headDim, ratio: AccuracyStudy.outlierRatio)
  }

  var result: FormatAccuracy {
    let bytes = heads.kvBytesPerToken(format)
    return FormatAccuracy(
      format: format, bytesPerToken: bytes,
      shareOfFP16Bytes: Double(bytes) / Double(heads.kvBytesPerToken(.fp16)),
      keyError: keys.share(), valueError: values.share(), logitError: attention.logits.share(),
      centredLogitError: attention.centred.share(
        above: 1e-18 * attention.logits.squaredReference),
      outputError: attention.output.share(),
      outlierChannelShare: Double(outlierChannels) / Double(heads.kvHeads * heads.headDim))
  }
}
