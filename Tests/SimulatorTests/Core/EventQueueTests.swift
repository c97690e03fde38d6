import TestSupport
import Testing

@testable import Simulator

@Suite("Event queue")
struct EventQueueTests {
  @Test("An event is 24 bytes")
  func size() {
    #expect(MemoryLayout<Event>.stride == 24)
  }

  @Test("300,000 random pushes and pops agree with a sorted list")
  func agreesWithSortedList() {
    var random = SeededRandom(42)
    var queue = EventQueue()
    var naive: [Event] = []
    for order in 0..<UInt64(300_000) {
      if naive.count < 200, !Bool.random(using: &random) || naive.isEmpty {
        let event = Event(
          time: Int64.random(in: 0..<50, using: &random), order: order, payload: order)
        queue.push(event)
        // Later orders go behind equal times.
        let index = naive.firstIndex { $0.time > event.time } ?? naive.count
        naive.insert(event, at: index)
      } else {
        let expected = naive.isEmpty ? nil : naive.removeFirst()
        #expect(queue.pop() == expected)
      }
      #expect(queue.count == naive.count)
      #expect(queue.first == naive.first)
    }
  }

  @Test("Of some events, those that are kept come out in their order")
  func filter() {
    var random = SeededRandom(43)
    for count in 0..<100 {
      var queue = EventQueue()
      let events = (0..<UInt64(count)).map {
        Event(time: Int64.random(in: 0..<30, using: &random), order: $0, payload: 0)
      }
      for event in events { queue.push(event) }
      let isKept = { (event: Event) in event.time % 3 != 0 }
      var kept = queue.filter(isKept)
      let expected = events.filter(isKept).sorted { ($0.time, $0.order) < ($1.time, $1.order) }
      #expect(kept.count == expected.count)
      for event in expected { #expect(kept.pop() == event) }
    }
  }

  @Test("Ties fire by their order, whichever was pushed first")
  func ties() {
    var queue = EventQueue()
    for order in [3, 1, 2, 0] as [UInt64] {
      queue.push(Event(time: 5, order: order, payload: order))
    }
    #expect((0..<4).map { _ in queue.pop()!.payload } == [0, 1, 2, 3])
    #expect(queue.pop() == nil)
  }
}
