/// Something that happens at a time. 24 bytes; never a closure.
struct Event: Hashable, Sendable {
  /// When: nanoseconds, or whatever the queue counts in.
  var time: Int64
  /// Settles ties: lower comes first.
  var order: UInt64
  /// What: the owner's to interpret.
  var payload: UInt64

  @inline(__always)
  fileprivate func precedes(_ other: Event) -> Bool {
    time != other.time ? time < other.time : order < other.order
  }
}

/// A queue ordered by (time, order): a 4-ary heap in one buffer. `push` and `pop` are O(log n).
struct EventQueue: Sendable {
  private var heap: [Event] = []

  /// The next event.
  var first: Event? { heap.first }
  /// How many events are pending.
  var count: Int { heap.count }

  mutating func push(_ event: Event) {
    var hole = heap.count
    heap.append(event)
    while hole > 0 {
      let parent = (hole - 1) / 4
      guard event.precedes(heap[parent]) else { break }
      heap[hole] = heap[parent]
      hole = parent
    }
    heap[hole] = event
  }

  mutating func pop() -> Event? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    let count = heap.count
    var hole = 0
    while true {
      let children = 4 * hole + 1
      guard children < count else { break }
      var least = children
      for child in (children + 1)..<max(children + 1, min(children + 4, count))
      where heap[child].precedes(heap[least]) {
        least = child
      }
      guard heap[least].precedes(last) else { break }
      heap[hole] = heap[least]
      hole = least
    }
    heap[hole] = last
    return first
  }
}
