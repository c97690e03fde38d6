/// Something that happens at a time. 24 bytes; never a closure.
struct Event: Hashable, Sendable {
  /// When: nanoseconds, or whatever the queue counts in.
  var time: Int64
  /// Settles ties: lower comes first.
  var order: UInt64
  /// What: the owner's to interpret.
  var payload: UInt64

  /// Time and order as one number, which compares without a branch.
  @inline(__always)
  fileprivate var rank: Int128 { Int128(time) << 64 | Int128(order) }
}

/// A queue ordered by (time, order): a binary heap in one buffer. `push` and `pop` are O(log n).
///
/// Moves go through a pointer to the buffer: with checked indices they take twice as long.
struct EventQueue: Sendable {
  private var heap: [Event] = []

  /// The next event.
  var first: Event? { heap.first }
  /// How many events are pending.
  var count: Int { heap.count }

  mutating func push(_ event: Event) {
    heap.append(event)
    heap.withUnsafeMutableBufferPointer {
      EventQueue.raise(event, from: $0.count - 1, in: $0)
    }
  }

  /// Puts an event into a hole, or as far above it as it belongs.
  @inline(__always)
  private static func raise(
    _ event: Event, from leaf: Int, in heap: UnsafeMutableBufferPointer<Event>
  ) {
    let rank = event.rank
    var hole = leaf
    while hole > 0 {
      let parent = (hole - 1) / 2
      guard rank < heap[parent].rank else { break }
      heap[hole] = heap[parent]
      hole = parent
    }
    heap[hole] = event
  }

  /// Those events that are kept. O(n): they come in an order in which hardly any rises.
  func filter(_ isKept: (Event) -> Bool) -> EventQueue {
    var kept = EventQueue()
    for event in heap where isKept(event) { kept.push(event) }
    return kept
  }

  mutating func pop() -> Event? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    heap.withUnsafeMutableBufferPointer { heap in
      // The lesser children move up as far as there are any. Then the last event takes the hole:
      // it came from the bottom, and nearly always belongs there.
      var hole = 0
      var child = 1
      while child + 1 < heap.count {
        child += heap[child + 1].rank < heap[child].rank ? 1 : 0
        heap[hole] = heap[child]
        hole = child
        child = 2 * hole + 1
      }
      if child < heap.count {
        heap[hole] = heap[child]
        hole = child
      }
      EventQueue.raise(last, from: hole, in: heap)
    }
    return first
  }
}
