import Operators

/// The rows of the block tables that a timed call reads: one for each sequence, as wide as that of
/// the longest needs.
struct PageRows {
  /// Entries of a row (see ``BlockTables``).
  let width: Int
  /// Pages of all sequences together.
  let pages: Int
  private let counts: [Int]

  /// - Parameter contexts: tokens of each sequence.
  init(_ contexts: [Int], of layout: PageLayout) throws(DeviceError) {
    var counts: [Int] = []
    for context in contexts {
      counts.append(try TimingArena.pages(tokens: context, of: layout))
    }
    self.counts = counts
    width = counts.max() ?? 0
    pages = counts.reduce(0, +)
  }

  /// The tables of as many calls as `numbers` has pages for, one after the other.
  /// - Precondition: those are whole calls.
  func tables(of numbers: [Int32]) -> [Int32] {
    precondition(pages > 0 && numbers.count % pages == 0)
    guard counts.contains(where: { $0 < width }) else { return numbers }
    var rows: [ArraySlice<Int32>] = []
    var next = 0
    while next < numbers.count {
      for count in counts {
        rows.append(numbers[next..<next + count])
        next += count
      }
    }
    return BlockTables(rows: rows).entries
  }
}
