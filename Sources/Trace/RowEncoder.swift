/// Lays out one row after the other as SQLite stores them: the types of all columns, then their
/// values (https://sqlite.org/fileformat2.html#record_format).
struct RowEncoder: ~Copyable {
  /// The types of the columns, behind a byte for how many bytes these take, that included.
  private let header = UnsafeMutableRawPointer.allocate(byteCount: 128, alignment: 8)
  private let body = UnsafeMutableRawPointer.allocate(
    byteCount: 32 * 8 + 2 * TraceLimits.formatBytes, alignment: 8)
  private var headerCount = 1
  private var bodyCount = 0

  deinit {
    header.deallocate()
    body.deallocate()
  }

  /// Bytes of the row.
  var count: Int { headerCount + bodyCount }

  /// Begins a row, with the column that stands for its rowid.
  @inline(__always)
  mutating func begin() {
    (headerCount, bodyCount) = (1, 0)
    putNull()
  }

  @inline(__always)
  mutating func putNull() { putType(0) }

  /// Adds an integer in as many bytes as it takes.
  @inline(__always)
  mutating func put(_ value: Int64) {
    // 0 and 1 are types by themselves.
    if UInt64(bitPattern: value) < 2 { return putType(8 + UInt8(value)) }
    let bits = 64 - (value < 0 ? ~value : value).leadingZeroBitCount
    let bytes = bits < 32 ? bits / 8 + 1 : bits < 48 ? 6 : 8
    let type = bits < 32 ? bits / 8 + 1 : bits < 48 ? 5 : 6
    putType(UInt8(type))
    // What stands behind those bytes is written over by the next column.
    (body + bodyCount).storeBytes(of: (value &<< (64 - 8 * bytes)).bigEndian, as: Int64.self)
    bodyCount += bytes
  }

  /// Adds a time, with -1 standing for NULL.
  @inline(__always)
  mutating func put(unlessNegative value: Int64) {
    if value >= 0 { put(value) } else { putNull() }
  }

  /// Adds a word, or NULL for nil.
  @inline(__always)
  mutating func put(_ word: StaticString?) {
    guard let word else { return putNull() }
    put(text: UnsafeRawBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
  }

  /// Adds a text.
  /// - Precondition: it is no longer than a format may be, and the row has one such text at most.
  mutating func put(text: UnsafeRawBufferPointer) {
    precondition(text.count <= TraceLimits.formatBytes)
    let type = 13 + 2 * text.count
    if type >= 0x80 { putType(UInt8(0x80 | type >> 7)) }
    putType(UInt8(type & 0x7f))
    if let base = text.baseAddress {
      (body + bodyCount).copyMemory(from: base, byteCount: text.count)
    }
    bodyCount += text.count
  }

  @inline(__always)
  private mutating func putType(_ type: UInt8) {
    header.storeBytes(of: type, toByteOffset: headerCount, as: UInt8.self)
    headerCount += 1
  }

  /// Copies the row to where it is to stand.
  @inline(__always)
  func copy(to place: UnsafeMutableRawPointer) {
    place.copyMemory(from: header, byteCount: headerCount)
    place.storeBytes(of: UInt8(headerCount), as: UInt8.self)
    (place + headerCount).copyMemory(from: body, byteCount: bodyCount)
  }
}
