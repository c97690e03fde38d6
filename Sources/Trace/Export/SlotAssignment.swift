/// Puts intervals on slots, so that no two of a slot overlap: each, in the order of their starts,
/// on the lowest that is free. There are as many slots as intervals overlap at most.
///
/// O(log n) for each of n slots: a tree whose inner nodes know when the first of their slots gets
/// free.
struct SlotAssignment {
  /// Slots that the tree has room for, a power of two.
  private var leaves = 1
  /// Node 1 is the root, 2n and 2n + 1 are the children of n, and the slots stand at the end.
  private var freeFrom: [Int64] = [.min, .min]

  /// The slot of an interval.
  /// - Precondition: none that was given before starts later.
  mutating func slot(from start: Int64, until end: Int64) -> Int {
    if freeFrom[1] > start { grow() }
    var node = 1
    while node < leaves {
      node = freeFrom[2 * node] <= start ? 2 * node : 2 * node + 1
    }
    freeFrom[node] = max(start, end)
    let slot = node - leaves
    while node > 1 {
      node /= 2
      freeFrom[node] = min(freeFrom[2 * node], freeFrom[2 * node + 1])
    }
    return slot
  }

  /// Twice as many slots; those that are new are free.
  private mutating func grow() {
    let slots = freeFrom[leaves...]
    var grown = [Int64](repeating: .min, count: 4 * leaves)
    grown.replaceSubrange(2 * leaves..<3 * leaves, with: slots)
    leaves *= 2
    for node in stride(from: leaves - 1, to: 0, by: -1) {
      grown[node] = min(grown[2 * node], grown[2 * node + 1])
    }
    freeFrom = grown
  }
}
