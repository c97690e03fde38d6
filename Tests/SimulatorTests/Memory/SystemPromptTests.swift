import CostModel
import TestSupport
import Testing

@testable import Simulator

@Suite("System prompts")
struct SystemPromptTests {
  private let pricer = SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1)

  private func workload(systemPromptTokens: Int, prompt: Int = 3, gapNs: Double) -> Workload {
    Workload(
      arrivals: .deterministic(requestsPerSecond: 1e9 / gapNs),
      classes: [
        RequestClass(
          promptTokens: .fixed(prompt), outputTokens: .fixed(2),
          systemPromptTokens: systemPromptTokens)
      ], requests: 3)
  }

  @Test("The first request computes the system prompt, and all after it find its whole blocks")
  func handWorked() {
    // 10 tokens in blocks of 4: two blocks are shared, and two tokens stand with the user's three.
    let workload = workload(systemPromptTokens: 10, gapNs: 1000)
    func play(_ caching: Bool) -> Played {
      Played(
        workload, blockSize: 4, poolBlocks: 64, enablePrefixCaching: caching, checks: true,
        pricer: pricer)
    }
    let shared = play(true)
    #expect(shared.requestsById.map(\.promptTokens) == [13, 13, 13])
    #expect(shared.requestsById.map(\.cachedTokens) == [0, 8, 8])
    // 100 + 13, then 100 + 5.
    #expect(shared.requestsById.map(\.ttftNs) == [113, 105, 105])
    #expect(shared.summary.cachedTokens == 16)
    #expect(play(false).requestsById.map(\.ttftNs) == [113, 113, 113])
  }

  @Test("Two that run hold the blocks of their system prompt once")
  func heldOnce() {
    // All three are due within a step; each has 8 shared tokens and 3 + 2 − 1 = 4 of its own.
    let workload = workload(systemPromptTokens: 8, gapNs: 1)
    let shared = Played(
      workload, blockSize: 4, poolBlocks: 5, enablePrefixCaching: true, checks: true,
      pricer: pricer)
    #expect(shared.summary.peakRunning == 3 && shared.summary.peakUsedBlocks == 5)
    #expect(shared.requestsById.map(\.cachedTokens) == [0, 8, 8])
    let apart = Played(
      workload, blockSize: 4, poolBlocks: 5, enablePrefixCaching: false, checks: true,
      pricer: pricer)
    #expect(apart.summary.peakRunning == 1)
  }

  @Test("Classes share with their own alone; one shorter than a block shares nothing")
  func classes() {
    let streams = ["a", "b", "c"].enumerated().map { place, name in
      Workload.Stream(
        name: name, arrivals: .deterministic(requestsPerSecond: 1e6), requestClass: place)
    }
    let workload = Workload(
      arrivals: .superposed(streams),
      classes: [("a", 8), ("b", 16), ("c", 3)].map { name, tokens in
        RequestClass(
          name: name, promptTokens: .fixed(5), outputTokens: .fixed(1), systemPromptTokens: tokens)
      }, requests: 9)
    let played = Played(
      workload, blockSize: 4, poolBlocks: 64, enablePrefixCaching: true, checks: true,
      pricer: pricer)
    let found = played.requestsById.map { [$0.requestClass, $0.cachedTokens] }
    #expect(found[..<3] == [[0, 0], [1, 0], [2, 0]])
    #expect(found[3...] == [[0, 8], [1, 16], [2, 0], [0, 8], [1, 16], [2, 0]])
  }

  @Test("A system prompt is what a trace is that names the same blocks, whatever the pool")
  func agreesWithTrace() {
    var (preemptions, found) = (0, 0)
    for number in 0..<(200 * testDepth) {
      var random = SeededRandom(UInt64(number))
      func draw(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }
      let blockSize = [1, 2, 5, 16][draw(0...3)]
      let count = draw(1...120)
      let gapNs = draw(0...400)
      let users = (0..<count).map { _ in Int32(draw(1...40)) }
      let outputs = (0..<count).map { _ in Int32(draw(1...40)) }
      let times = (0..<count).map { Int64($0 * gapNs) }
      let classes = (0..<draw(1...3)).map { place in
        RequestClass(
          name: "c\(place)", share: Double(draw(1...4)), promptTokens: .fromTrace,
          outputTokens: .fromTrace, systemPromptTokens: draw(0...80))
      }
      let withClasses = Workload(
        arrivals: .replay(
          RequestTrace(arrivalNs: times, promptTokens: users, outputTokens: outputs),
          timeScale: 1),
        classes: classes, requests: count)
      var source = RequestSource(workload: withClasses, seed: 1)
      let places = (0..<count).map { _ in source.next().requestClass }
      let named = Self.naming(
        places.map { classes[$0].systemPromptTokens }, places, users, blockSize: blockSize)
      let traced = SharedPrefixTests.workload(named, gapNs: Int64(gapNs)) { outputs[$0] }
      let seats = draw(1...12)
      let (budget, pool) = (max(seats, draw(1...64)), draw(100...400) / blockSize + 4)
      func play(_ workload: Workload) -> Played {
        Played(
          workload, maxNumSeqs: seats, maxNumBatchedTokens: budget, blockSize: blockSize,
          poolBlocks: pool, enablePrefixCaching: true, checks: true, pricer: pricer)
      }
      let (played, expected) = (play(withClasses), play(traced))
      // Classes have priorities of their own, which this scheduler does not look at.
      func alike(_ requests: [RequestRecord]) -> [RequestRecord] {
        requests.map { request in
          var record = request
          (record.requestClass, record.priority) = (0, 0)
          return record
        }
      }
      #expect(alike(played.requests) == alike(expected.requests), "world \(number)")
      #expect(played.runs == expected.runs, "world \(number)")
      preemptions += played.summary.preemptions
      found += played.summary.cachedTokens
    }
    #expect(preemptions > 10 && found > 1000, "\(preemptions), \(found)")
  }

  /// Prompts whose whole blocks of system prompts have the same names within a class, and whose
  /// other blocks nobody else has.
  private static func naming(
    _ systems: [Int], _ places: [Int], _ users: [Int32], blockSize: Int
  ) -> (lengths: [Int32], blocks: PromptBlocks) {
    var (ids, starts, next): ([Int32], [Int], Int32) = ([], [0], 0)
    var shared: [Int: [Int32]] = [:]
    let lengths = zip(systems, users).map { Int32($0) + $1 }
    for (row, length) in lengths.enumerated() {
      let common = shared[places[row], default: []]
      let blocks = (Int(length) + blockSize - 1) / blockSize
      for index in 0..<blocks {
        if index < common.count {
          ids.append(common[index])
          continue
        }
        if (index + 1) * blockSize <= systems[row] { shared[places[row], default: []].append(next) }
        ids.append(next)
        next += 1
      }
      starts.append(ids.count)
    }
    return (lengths, PromptBlocks(blockTokens: blockSize, ids: ids, starts: starts))
  }
}
