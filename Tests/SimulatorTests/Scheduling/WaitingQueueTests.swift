import TestSupport
import Testing

@testable import Simulator

@Suite("Waiting requests")
struct WaitingQueueTests {
  private func sequence(_ id: Int64, priority: Int = 0, deadlineNs: Int64 = .max) -> Sequence {
    var sequence = Sequence()
    sequence.id = id
    sequence.priority = priority
    sequence.deadlineNs = deadlineNs
    sequence.promptTokens = 100 - Int(id)
    return sequence
  }

  @Test("In the order of arrival, a preempted request waits at the end that is asked for")
  func line() {
    var queue = WaitingQueue(order: .arrival)
    for id in Int64(0)..<3 { queue.append(Int(id), of: sequence(id, priority: -Int(id))) }
    queue.putBack(7, of: sequence(7), at: .head)
    queue.putBack(8, of: sequence(8), at: .tail)
    #expect(queue.slots == [7, 0, 1, 2, 8] && queue.first == 7 && queue.count == 5)
  }

  @Test("In another order it waits in its own place; ties go to the lower number")
  func heap() {
    let sequences = [
      sequence(0, priority: 1, deadlineNs: 50), sequence(1, priority: 1), sequence(2, priority: -3),
      sequence(3, priority: 1, deadlineNs: 20), sequence(4, deadlineNs: 20),
    ]
    func slots(_ order: RequestOrder) -> [Int] {
      var queue = WaitingQueue(order: order)
      for slot in [3, 0, 4, 2] { queue.append(slot, of: sequences[slot]) }
      queue.putBack(1, of: sequences[1], at: .tail)
      return queue.slots
    }
    #expect(slots(.priority) == [2, 4, 0, 1, 3])
    #expect(slots(.deadline) == [3, 4, 0, 1, 2])
    #expect(slots(.shortestPrompt) == [4, 3, 2, 1, 0])
  }

  @Test("Over random comings and goings the first is the least of all that wait")
  func naiveTwin() {
    var random = SeededRandom(3)
    var queue = WaitingQueue(order: .priority)
    var twin: [(priority: Int, id: Int64)] = []
    for id in Int64(0)..<5000 {
      if twin.isEmpty || Int.random(in: 0..<5, using: &random) < 3 {
        let priority = Int.random(in: -2...2, using: &random)
        queue.append(Int(id), of: sequence(id, priority: priority))
        twin.append((priority, id))
      } else {
        twin.sort { $0 < $1 }
        #expect(queue.first == Int(twin.removeFirst().id))
        queue.removeFirst()
      }
      #expect(queue.count == twin.count && queue.isEmpty == twin.isEmpty)
    }
  }
}
