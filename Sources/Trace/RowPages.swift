/// A database in memory, of tables whose rows are laid out here and not by SQLite, which then
/// copies them into the file row by row as they are (``PendingRows``).
///
/// It follows https://sqlite.org/fileformat2.html: page 1 has the declarations, as SQLite itself
/// wrote them into a template; behind the pages of the template come leaves, filled row by row; and
/// the root of each table leads to its leaves.
struct RowPages: ~Copyable {
  /// As the file's, though it need not be.
  static let pageSize = 16_384

  private var bytes: UnsafeMutableRawPointer
  /// What had too little room, and stands where a connection may still look.
  private var outgrown: [UnsafeMutableRawPointer] = []
  /// Pages for which there is room.
  private var capacity = 64
  private var pages: Int
  /// Pages of the template, which stay.
  private let templatePages: Int
  /// Bytes of a page that rows may use.
  private let usable: Int

  /// An empty database.
  init(_ template: Template) {
    let copy = template.bytes
    templatePages = copy.count / RowPages.pageSize
    pages = templatePages
    capacity += templatePages
    usable = RowPages.pageSize - Int(copy[20])
    bytes = .allocate(byteCount: capacity * RowPages.pageSize, alignment: 8)
    copy.withUnsafeBytes { bytes.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
  }

  deinit {
    for bytes in outgrown { bytes.deallocate() }
    bytes.deallocate()
  }

  /// Appends a row behind all others of its table.
  @inline(__always)
  mutating func append(_ row: borrowing RowEncoder, seq: Int64, to table: inout RowTable) {
    let length = row.count
    // The two numbers in front of a row take so much at most.
    if table.top - table.end < length + 18 + 2 { startLeaf(of: &table) }
    let page = page(table.leaf)
    table.top -= length + Varint.size(UInt64(length)) + Varint.size(UInt64(seq))
    var cell = page + table.top
    Varint.write(UInt64(length), at: &cell)
    Varint.write(UInt64(seq), at: &cell)
    row.copy(to: cell)
    (page + table.end).storeBigEndian(UInt16(table.top))
    table.end += 2
    table.lastSeq = seq
  }

  private mutating func startLeaf(of table: inout RowTable) {
    endLeaf(of: &table)
    if pages == capacity { grow() }
    pages += 1
    table.leaf = pages
    (table.end, table.top) = (RowTable.leafHeader, usable)
  }

  private mutating func grow() {
    let more = UnsafeMutableRawPointer.allocate(
      byteCount: 2 * capacity * RowPages.pageSize, alignment: 8)
    more.copyMemory(from: bytes, byteCount: pages * RowPages.pageSize)
    outgrown.append(bytes)
    bytes = more
    capacity *= 2
  }

  private func endLeaf(of table: inout RowTable) {
    guard table.leaf > 0 else { return }
    let rows = (table.end - RowTable.leafHeader) / 2
    writeHeader(page(table.leaf), kind: 13, cells: rows, top: table.top)
    table.leaves.append((table.leaf, table.lastSeq))
    table.leaf = 0
  }

  /// Makes a table whole: its root leads to its leaves.
  func close(_ table: inout RowTable) {
    endLeaf(of: &table)
    let root = page(table.root)
    guard let last = table.leaves.last else {
      return writeHeader(root, kind: 13, cells: 0, top: usable)
    }
    guard table.leaves.count > 1 else {
      // A root does not lead to one page: it is that page.
      return root.copyMemory(from: page(last.page), byteCount: RowPages.pageSize)
    }
    var top = usable
    for (place, leaf) in table.leaves.dropLast().enumerated() {
      top -= 4 + Varint.size(UInt64(leaf.lastSeq))
      var cell = root + top
      cell.storeBigEndian(UInt32(leaf.page))
      cell += 4
      Varint.write(UInt64(leaf.lastSeq), at: &cell)
      (root + RowTable.rootHeader + 2 * place).storeBigEndian(UInt16(top))
    }
    precondition(top >= RowTable.rootHeader + 2 * table.leaves.count, "a root has room for all")
    writeHeader(root, kind: 5, cells: table.leaves.count - 1, top: top)
    (root + 8).storeBigEndian(UInt32(last.page))
  }

  private func writeHeader(_ page: UnsafeMutableRawPointer, kind: UInt8, cells: Int, top: Int) {
    page.storeBytes(of: kind, as: UInt8.self)
    (page + 1).storeBigEndian(UInt16(0))
    (page + 3).storeBigEndian(UInt16(cells))
    (page + 5).storeBigEndian(UInt16(top))
    (page + 7).storeBytes(of: 0, as: UInt8.self)
  }

  /// Lets a connection have the database in place of one that it has attached by this name. Rows
  /// that are appended later are for the next time: nobody reads more than declarations meanwhile.
  /// - Precondition: the tables are closed; no transaction is open.
  mutating func open(as name: String, on connection: Connection) throws(TraceError) {
    (bytes + 28).storeBigEndian(UInt32(pages))
    try connection.reopen(name, on: bytes, count: pages * RowPages.pageSize)
    for bytes in outgrown { bytes.deallocate() }
    outgrown = []
  }

  /// Forgets all rows; those of its tables are to be forgotten, too.
  mutating func removeRows() { pages = templatePages }

  @inline(__always)
  private func page(_ number: Int) -> UnsafeMutableRawPointer {
    bytes + (number - 1) * RowPages.pageSize
  }
}

extension RowPages {
  /// What SQLite makes of tables that have no rows.
  struct Template {
    /// The tables, in the order of their declarations.
    let tables: [RowTable]
    fileprivate let bytes: [UInt8]

    /// One table for each statement.
    init(_ declarations: [String]) throws(TraceError) {
      let database = try Connection(file: ":memory:", path: ":memory:", mode: .create)
      try database.execute("PRAGMA page_size = \(RowPages.pageSize); PRAGMA auto_vacuum = NONE")
      for declaration in declarations { try database.execute(declaration) }
      let roots = try database.prepare("SELECT rootpage FROM sqlite_schema ORDER BY rowid")
      var tables: [RowTable] = []
      while try roots.step() { tables.append(RowTable(root: Int(roots.integer(0)))) }
      self.tables = tables
      bytes = try database.serialized()
    }
  }
}

/// A table of ``RowPages``: the leaf that is being filled, and those that are full.
struct RowTable {
  fileprivate static let leafHeader = 8
  fileprivate static let rootHeader = 12

  fileprivate let root: Int
  /// The page that is being filled; 0 for none.
  fileprivate var leaf = 0
  /// Where its list of rows ends.
  fileprivate var end = 0
  /// Where its rows begin, which are laid from its end to its front.
  fileprivate var top = 0
  fileprivate var lastSeq: Int64 = 0
  fileprivate var leaves: [(page: Int, lastSeq: Int64)] = []

  fileprivate init(root: Int) {
    self.root = root
  }

  /// Forgets its rows.
  mutating func removeRows() {
    leaves.removeAll(keepingCapacity: true)
    (end, top) = (0, 0)
  }
}

/// SQLite's numbers of variable length: seven bits a byte, the highest first.
private enum Varint {
  @inline(__always)
  static func size(_ value: UInt64) -> Int {
    value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : longSize(value)
  }

  private static func longSize(_ value: UInt64) -> Int {
    // The ninth byte has eight bits.
    min(9, (64 - value.leadingZeroBitCount + 6) / 7)
  }

  @inline(__always)
  static func write(_ value: UInt64, at place: inout UnsafeMutableRawPointer) {
    let size = size(value)
    precondition(size < 9, "places in a file are smaller")
    for byte in 0..<size {
      let bits = UInt8(truncatingIfNeeded: value >> (7 * (size - 1 - byte))) & 0x7f
      place.storeBytes(of: byte < size - 1 ? bits | 0x80 : bits, as: UInt8.self)
      place += 1
    }
  }
}

extension UnsafeMutableRawPointer {
  @inline(__always)
  fileprivate func storeBigEndian(_ value: some FixedWidthInteger & BitwiseCopyable) {
    storeBytes(of: value.bigEndian, as: type(of: value))
  }
}
