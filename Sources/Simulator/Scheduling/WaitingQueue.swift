import DequeModule

/// The slots of waiting requests in the order in which they are to be admitted.
///
/// In the order of arrival it is a line, and all moves are O(1). In another order it is a heap by
/// rank, and coming and going are O(log n).
struct WaitingQueue: Sendable {
  /// Where a preempted request waits in the order of arrival: before all others or behind them.
  enum End: Sendable {
    case head, tail
  }

  let order: RequestOrder
  /// One of the two is empty, whatever waits.
  private var line = Deque<Int>()
  private var heap = EventQueue()

  init(order: RequestOrder) { self.order = order }

  var count: Int { line.count + heap.count }
  var isEmpty: Bool { count == 0 }

  /// Who is to be admitted next.
  var first: Int? { order == .arrival ? line.first : heap.first.map { Int($0.payload) } }

  /// A request has come.
  mutating func append(_ slot: Int, of sequence: Sequence) {
    putBack(slot, of: sequence, at: .tail)
  }

  /// A request that ran waits again: at an end of the line, or at its own place in another order.
  mutating func putBack(_ slot: Int, of sequence: Sequence, at end: End) {
    guard order == .arrival else {
      let rank = order.rank(of: sequence)
      heap.push(Event(time: rank.key, order: UInt64(rank.id), payload: UInt64(slot)))
      return
    }
    switch end {
    case .head: line.prepend(slot)
    case .tail: line.append(slot)
    }
  }

  /// - Precondition: somebody waits.
  mutating func removeFirst() {
    if order == .arrival {
      line.removeFirst()
    } else {
      _ = heap.pop()
    }
  }

  /// All who wait, in order. O(n log n); for checks.
  var slots: [Int] {
    var rest = heap
    var slots = Array(line)
    while let next = rest.pop() { slots.append(Int(next.payload)) }
    return slots
  }
}
