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
  private let backend: any KernelBackend

  /// A study of `sample` through the kernels of `backend`.
  public init(_ sample: KVSample, backend: any KernelBackend) {
    self.sample = sample
    self.backend = backend
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
    var rows: [FormatAccuracy] = []
    for (index, format) in formats.enumerated() {
      rows.append(
        try measure(format) { share in
          progress(
            Progress(format: format, share: (Double(index) + share) / Double(formats.count)))
        })
    }
    return AccuracyResult(
      heads: sample.heads, tokens: sample.tokens, queryTokens: sample.queryTokens, formats: rows)
  }

  private func measure(
    _ format: KVFormat, progress: (Double) -> Void
  ) throws(DeviceError) -> FormatAccuracy {
    let heads = sample.heads
    progress(0)
    let (keys, values) = try stored(format)
    var attention = AttentionErrors()
    for head in 0..<heads.kvHeads {
      attention.add(head, of: sample, keys: keys, values: values)
      progress(Double(head + 1) / Double(heads.kvHeads))
    }
    var quantised = sample.keys
    if let order = format.rotationOrder(headDim: heads.headDim) {
      // Each row is whole blocks, so all of them can be turned as one.
      quantised = Hadamard(order: order).rotated(quantised.map(Double.init)).map(Float.init)
    }
    let bytes = heads.kvBytesPerToken(format)
    return FormatAccuracy(
      format: format, bytesPerToken: bytes,
      shareOfFP16Bytes: Double(bytes) / Double(heads.kvBytesPerToken(.fp16)),
      keyError: AccuracyStudy.error(of: keys, sample.keys),
      valueError: AccuracyStudy.error(of: values, sample.values),
      logitError: attention.logits.share(),
      centredLogitError: attention.centred.share(
        above: 1e-18 * attention.logits.squaredReference),
      outputError: attention.output.share(),
      outlierChannelShare: OutlierChannels.share(
        quantised, heads: heads.kvHeads, headDim: heads.headDim,
        ratio: AccuracyStudy.outlierRatio))
  }

  /// The sample's keys and values after a stay in pages of the format.
  func stored(
    _ format: KVFormat
  ) throws(DeviceError) -> (keys: [Float], values: [Float]) {
    let (heads, size) = (sample.heads, AccuracyStudy.blockSize)
    let pageCount = (sample.tokens + size - 1) / size
    var pages = try KVPages(
      layout: PageLayout(
        format: format, blockSize: size, kvHeads: heads.kvHeads, headDim: heads.headDim),
      pageCount: pageCount)
    try backend.append(
      keys: sample.keys, values: sample.values, slots: Array(0..<sample.tokens), to: &pages)
    var keys = [Float](repeating: .nan, count: sample.keys.count)
    var values = keys
    try backend.gather(
      CachedSequence(blocks: Array(0..<Int32(pageCount)), context: sample.tokens), pages: pages,
      keys: &keys, values: &values)
    return (keys, values)
  }

  private static func error(of stored: [Float], _ exact: [Float]) -> Double? {
    var error = RelativeError()
    for (stored, exact) in zip(stored, exact) {
      error.add(Double(stored), reference: Double(exact))
    }
    return error.share()
  }
}

/// Errors of logits and outputs, summed over heads and queries.
private struct AttentionErrors {
  var logits = RelativeError()
  var centred = RelativeError()
  var output = RelativeError()

  /// Adds what the query heads of one KV head see.
  mutating func add(_ head: Int, of sample: KVSample, keys: [Float], values: [Float]) {
    let heads = sample.heads
    func vectors(_ rows: [Float]) -> HeadVectors {
      HeadVectors(
        rows, tokens: sample.tokens, heads: heads.kvHeads, head: head, headDim: heads.headDim)
    }
    let exact = ExactAttention(keys: vectors(sample.keys), values: vectors(sample.values))
    let stored = ExactAttention(keys: vectors(keys), values: vectors(values))
    for queryHead in head * heads.groupSize..<(head + 1) * heads.groupSize {
      let queries = HeadVectors(
        sample.queries, tokens: sample.queryTokens, heads: heads.queryHeads, head: queryHead,
        headDim: heads.headDim)
      for query in 0..<sample.queryTokens {
        let visible = sample.tokens - sample.queryTokens + query + 1
        let exactLogits = exact.logits(queries, query: query, visible: visible)
        let storedLogits = stored.logits(queries, query: query, visible: visible)
        add(storedLogits, exactLogits)
        for (stored, exact) in zip(stored.output(storedLogits), exact.output(exactLogits)) {
          let error = stored - exact
          output.add(
            squaredError: (error * error).sum(), squaredReference: (exact * exact).sum())
        }
      }
    }
  }

  private mutating func add(_ stored: [Double], _ exact: [Double]) {
    let count = Double(exact.count)
    let (storedMean, exactMean) = (stored.reduce(0, +) / count, exact.reduce(0, +) / count)
    for (stored, exact) in zip(stored, exact) {
      logits.add(stored, reference: exact)
      centred.add(stored - storedMean, reference: exact - exactMean)
    }
  }
}
