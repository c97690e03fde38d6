import Glibc
import Operators

/// The memory that timings read: pages, weights and activations, each larger than the last-level
/// cache several times over, filled once and handed out in turn, so that no call finds in cache
/// what an earlier one left there.
final class TimingArena {
  private var pages: RotatingRegion
  /// Made when something is first written.
  private var writtenPages: RotatingRegion?
  private var weights: RotatingRegion
  private var activations: RotatingRegion
  /// Results and intermediate sums of a call, in the order in which they are asked for: each piece
  /// has a buffer of its own, so that one that grows leaves the others where they are.
  private var results: [ResultPiece] = []
  private var resultCursor = 0
  private var pageOrder: [Int32] = []
  private var pageOrderBytes = 0
  private var pageCursor = 0

  /// The most that weights may take; what is larger is refused.
  private static let weightLimit_bytes = 1 << 30
  /// Entries of the block tables of one call.
  static let tableLimit = 1 << 28
  /// The most that activations or results of one call may take.
  private static let activationLimit_bytes = 1 << 29

  /// - Parameter cacheBytes: bytes of the last-level cache.
  init(cacheBytes: Int) throws(DeviceError) {
    let pool = max(256 << 20, 4 * cacheBytes)
    pages = try RotatingRegion(byteCount: pool, content: .halves)
    weights = try RotatingRegion(byteCount: pool, content: .halves)
    activations = try RotatingRegion(byteCount: max(128 << 20, 3 * cacheBytes), content: .floats)
  }

  /// The first byte of the page pool that is read.
  var pageBase: UnsafeMutableRawPointer { pages.base }

  /// The first byte of a second pool of the same pages, to write to. What was written in one format
  /// is no plausible page of another: codes read as halves are no numbers here and there, over
  /// which an Intel Xeon (Emerald Rapids) takes up to forty times as long.
  func writtenPageBase() throws(DeviceError) -> UnsafeMutableRawPointer {
    if let base = writtenPages?.base { return base }
    let made = try RotatingRegion(byteCount: pages.byteCount, content: .halves)
    let base = made.base
    writtenPages = consume made
    return base
  }

  /// Pages of `layout` that the pool holds.
  func pageCount(_ layout: PageLayout) -> Int { pages.byteCount / layout.pageBytes }

  /// Pages that `tokens` tokens take, at least one.
  static func pages(tokens: Int, of layout: PageLayout) throws(DeviceError) -> Int {
    try (InputChecks.product([("tokens", tokens)]) + layout.blockSize - 1) / layout.blockSize
  }

  /// As many sequences of so many tokens each.
  /// - Parameter limit: pages that they may take together.
  static func contexts(
    _ sequences: Int, _ context: Int, of layout: PageLayout, limit: Int
  ) throws(DeviceError) -> [Int] {
    try InputChecks.check(positive: sequences, "sequences")
    try InputChecks.check(positive: context, "context")
    let width = try pages(tokens: context, of: layout)
    try check(pages: InputChecks.product([("pages", width), ("sequences", sequences)]), limit)
    return [Int](repeating: context, count: sequences)
  }

  private static func check(pages: Int, _ limit: Int) throws(DeviceError) {
    guard pages <= limit else {
      throw .unsupportedShape(field: "pages", value: pages, accepted: "at most \(limit)")
    }
  }

  /// The next pages for a sequence of `tokens` tokens.
  func nextPages(tokens: Int, of layout: PageLayout) throws(DeviceError) -> [Int32] {
    try nextPages(TimingArena.pages(tokens: tokens, of: layout), of: layout)
  }

  /// The next `count` pages in a fixed random order. Where `count` is more than the pool holds,
  /// pages repeat, by then long gone from every cache.
  func nextPages(_ count: Int, of layout: PageLayout) throws(DeviceError) -> [Int32] {
    try TimingArena.check(pages: count, TimingArena.tableLimit)
    guard layout.pageBytes <= pages.byteCount else {
      throw .unsupportedShape(
        field: "page_bytes", value: layout.pageBytes, accepted: "at most \(pages.byteCount)")
    }
    if pageOrderBytes != layout.pageBytes {
      var random = SplitMix64(seed: 0x5EED)
      pageOrder = (0..<Int32(pageCount(layout))).shuffled(using: &random)
      pageOrderBytes = layout.pageBytes
      pageCursor = 0
    }
    return (0..<count).map { _ in
      pageCursor = pageCursor + 1 < pageOrder.count ? pageCursor + 1 : 0
      return pageOrder[pageCursor]
    }
  }

  /// The next `count` weights.
  func nextWeights(_ count: Int) throws(DeviceError) -> UnsafePointer<UInt16> {
    let memory = try weights.next(
      2 * count, limit: TimingArena.weightLimit_bytes, field: "weight_bytes")
    return UnsafePointer(memory.assumingMemoryBound(to: UInt16.self))
  }

  /// The next `count` input floats. What one call needs is asked for at once: a second piece might
  /// lie where the first does.
  func nextActivations(_ count: Int) throws(DeviceError) -> UnsafePointer<Float> {
    let memory = try activations.next(
      4 * count, limit: TimingArena.activationLimit_bytes, field: "activation_bytes")
    return UnsafePointer(memory.assumingMemoryBound(to: Float.self))
  }

  /// Starts a call: results go to the same memory each time, as an engine's step buffers do.
  func beginCall() { resultCursor = 0 }

  /// Room for `count` floats of results or intermediate sums.
  func nextResults(_ count: Int) throws(DeviceError) -> UnsafeMutablePointer<Float> {
    let bytes = 4 * count
    guard bytes <= TimingArena.activationLimit_bytes else {
      throw .unsupportedShape(
        field: "result_bytes", value: bytes,
        accepted: "at most \(TimingArena.activationLimit_bytes)")
    }
    if resultCursor == results.count { results.append(try ResultPiece(byteCount: bytes)) }
    if results[resultCursor].byteCount < bytes {
      results[resultCursor] = try ResultPiece(byteCount: bytes)
    }
    defer { resultCursor += 1 }
    return results[resultCursor].floats
  }
}

/// Memory for one piece of a call's results.
private final class ResultPiece {
  private let buffer: AlignedBuffer
  let byteCount: Int

  init(byteCount: Int) throws(DeviceError) {
    buffer = try AlignedBuffer(byteCount: byteCount)
    self.byteCount = byteCount
    // A page that was never written is mapped when it first is, which would be timed.
    memset(buffer.base, 0, byteCount)
  }

  var floats: UnsafeMutablePointer<Float> { buffer.elements(Float.self) }
}

/// A buffer that is handed out piece by piece, from the start again when it ends.
private struct RotatingRegion: ~Copyable {
  enum Content {
    /// Sixteen-bit words that are halves of either sign with magnitudes in 0.125 ..< 1, so that
    /// as four-bit codes, scales and zeros they are plausible too.
    case halves
    /// Floats of either sign with magnitudes in 1 ..< 2.
    case floats
  }

  private var buffer: AlignedBuffer
  private let content: Content
  private var cursor = 0

  init(byteCount: Int, content: Content) throws(DeviceError) {
    buffer = try AlignedBuffer(byteCount: byteCount)
    self.content = content
    fill()
  }

  var base: UnsafeMutableRawPointer { buffer.base }
  var byteCount: Int { buffer.byteCount }

  /// The next `bytes` bytes at a page boundary; the buffer grows where it is too small.
  mutating func next(
    _ bytes: Int, limit: Int, field: String
  ) throws(DeviceError) -> UnsafeMutableRawPointer {
    guard bytes <= limit else {
      throw .unsupportedShape(field: field, value: bytes, accepted: "at most \(limit)")
    }
    if bytes > buffer.byteCount {
      buffer = try AlignedBuffer(byteCount: bytes)
      cursor = 0
      fill()
    }
    if cursor + bytes > buffer.byteCount { cursor = 0 }
    defer { cursor += (bytes + 4095) / 4096 * 4096 }
    return buffer.base + cursor
  }

  /// Random words for the first MiB, then copies: distinct addresses are what matters.
  private func fill() {
    let piece = min(buffer.byteCount, 1 << 20)
    let words = buffer.elements(UInt64.self)
    var random = SplitMix64(seed: 1)
    for i in 0..<piece / 8 {
      switch content {
      case .halves:
        words[i] = random.next() & 0x8BFF_8BFF_8BFF_8BFF | 0x3000_3000_3000_3000
      case .floats:
        words[i] = random.next() & 0x807F_FFFF_807F_FFFF | 0x3F80_0000_3F80_0000
      }
    }
    var done = piece
    while done < buffer.byteCount {
      let count = min(piece, buffer.byteCount - done)
      (buffer.base + done).copyMemory(from: buffer.base, byteCount: count)
      done += count
    }
  }
}
