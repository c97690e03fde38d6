/// Free blocks in the order in which they were freed: taken from the front, put at the back.
///
/// A row of the queue is so many blocks that were freed together. They may still hold what their
/// owner had computed, and then it finds them wherever they stand: rows are linked, in one array,
/// and every operation but `blocks` is O(1) a row.
struct FreeQueue: Sendable {
  /// Whose content blocks still have.
  struct Owner: Hashable, Sendable {
    fileprivate let code: Int

    /// Nobody who would want it back.
    static let nobody = Owner(code: -1)
    /// A preempted request; its last blocks are taken first.
    static func sequence(_ slot: Int) -> Owner { Owner(code: 4 * slot) }
    /// A piece of a shared prefix, worth nothing without all its blocks.
    static func prefix(_ unit: Int) -> Owner { Owner(code: 4 * unit + 1) }
    /// A session between two turns, by its place; its last blocks are taken first.
    static func session(_ place: Int) -> Owner { Owner(code: 4 * place + 2) }
    /// The samples of one prompt, by their place among ``SampleGroups``; its last blocks are taken
    /// first.
    static func samples(_ place: Int) -> Owner { Owner(code: 4 * place + 3) }

    fileprivate var isPrefix: Bool { code >= 0 && code % 4 == 1 }
  }

  private struct Row {
    var blocks = 0
    var owner = Owner.nobody
    var previous = -1
    var next = -1
  }

  private var rows: [Row] = []
  private var vacantRows: [Int] = []
  /// Where each owner's row is, by its code; -1: nowhere.
  private var places: [Int] = []
  private var front = -1
  private var back = -1

  /// Blocks of an owner in the queue.
  func blocks(of owner: Owner) -> Int {
    guard let row = row(of: owner) else { return 0 }
    return rows[row].blocks
  }

  /// Puts blocks at the back.
  /// - Precondition: the owner, if any, has none in the queue.
  mutating func append(_ blocks: Int, of owner: Owner) {
    guard blocks > 0 else { return }
    if owner == .nobody, back >= 0, rows[back].owner == .nobody {
      rows[back].blocks += blocks
      return
    }
    let row = vacantRows.popLast() ?? rows.count
    if row == rows.count { rows.append(Row()) }
    rows[row] = Row(blocks: blocks, owner: owner, previous: back, next: -1)
    if back >= 0 { rows[back].next = row } else { front = row }
    back = row
    guard owner != .nobody else { return }
    if owner.code >= places.count {
      places += Array(repeating: -1, count: owner.code + 1 - places.count)
    }
    precondition(places[owner.code] < 0, "an owner's blocks are freed once")
    places[owner.code] = row
  }

  /// Takes blocks from the front, whoever owned them.
  /// - Precondition: there are as many.
  mutating func removeFirst(_ blocks: Int) {
    var left = blocks
    while left > 0 {
      precondition(front >= 0, "no more blocks are taken than are free")
      let taken = min(left, rows[front].blocks)
      left -= taken
      rows[front].blocks -= taken
      if rows[front].blocks == 0 {
        remove(front)
      } else if rows[front].owner.isPrefix {
        disown(front)
      }
    }
  }

  /// Takes back an owner's first blocks, at most `limit`; how many they are. The others stay where
  /// they are, and are nobody's.
  mutating func remove(of owner: Owner, limit: Int) -> Int {
    guard let row = row(of: owner) else { return 0 }
    let blocks = min(limit, rows[row].blocks)
    rows[row].blocks -= blocks
    if rows[row].blocks == 0 { remove(row) } else { disown(row) }
    return blocks
  }

  private func row(of owner: Owner) -> Int? {
    guard owner.code >= 0, owner.code < places.count, places[owner.code] >= 0 else { return nil }
    return places[owner.code]
  }

  private mutating func disown(_ row: Int) {
    let owner = rows[row].owner
    if owner != .nobody { places[owner.code] = -1 }
    rows[row].owner = .nobody
  }

  private mutating func remove(_ row: Int) {
    disown(row)
    let (previous, next) = (rows[row].previous, rows[row].next)
    if previous >= 0 { rows[previous].next = next } else { front = next }
    if next >= 0 { rows[next].previous = previous } else { back = previous }
    vacantRows.append(row)
  }

  /// Blocks in the queue. O(rows).
  var blocks: Int {
    var (sum, row) = (0, front)
    while row >= 0 {
      sum += rows[row].blocks
      row = rows[row].next
    }
    return sum
  }
}
