import TestSupport
import Testing

@testable import Simulator

@Suite("Request traces and the blocks of their prompts")
struct RequestTraceTests {
  /// Prompts of 4-token blocks: A B C, A B D, E, A C.
  private static let blocks = PromptBlocks(
    blockTokens: 4, ids: [0, 1, 2, 0, 1, 3, 4, 0, 2], starts: [0, 3, 6, 7, 9])
  private static let trace = RequestTrace(
    arrivalNs: [0, 10, 10, 25], promptTokens: [12, 11, 3, 8], outputTokens: [1, 2, 3, 4],
    promptBlocks: blocks)

  @Test("An unlimited cache hits the blocks of earlier prompts, from the first one on")
  func hits() {
    // Of A B D two are known; of A C both, because C stood in the first prompt.
    #expect(RequestTraceTests.blocks.unlimitedCacheHits() == (4, 9))
    // A prompt finds nothing of itself, and nothing behind a new block.
    let own = PromptBlocks(blockTokens: 4, ids: [0, 0, 1, 0], starts: [0, 2, 4])
    #expect(own.unlimitedCacheHits() == (0, 4))
    let none = PromptBlocks(blockTokens: 4, ids: [], starts: [0])
    #expect(none.unlimitedCacheHits() == (0, 0))
  }

  @Test("What starts later keeps lengths and blocks, which are numbered anew; times count from it")
  func start() {
    let late = RequestTraceTests.trace.starting(atNs: 5)
    #expect(late.arrivalNs == [5, 5, 20])
    #expect(late.promptTokens == [11, 3, 8] && late.outputTokens == [2, 3, 4])
    #expect(
      late.promptBlocks
        == PromptBlocks(blockTokens: 4, ids: [0, 1, 2, 3, 0, 4], starts: [0, 3, 4, 6]))
    #expect(RequestTraceTests.trace.starting(atNs: 10).arrivalNs == [0, 0, 15])
    #expect(RequestTraceTests.trace.starting(atNs: 26).count == 0)
    #expect(RequestTraceTests.trace.starting(atNs: 0) == RequestTraceTests.trace)
  }

  @Test("What ends earlier has the requests before that, and their blocks")
  func end() {
    let early = RequestTraceTests.trace.ending(atNs: 25)
    #expect(early.arrivalNs == [0, 10, 10])
    #expect(early.promptBlocks?.starts.count == 4)
    #expect(RequestTraceTests.trace.ending(atNs: 26) == RequestTraceTests.trace)
    #expect(RequestTraceTests.trace.ending(atNs: 0).count == 0)
  }

  @Test("Each time that requests come again they have blocks of their own, shared as before")
  func repeated() {
    let once = RequestTraceTests.trace
    let thrice = once.repeated(3, periodNs: 100)
    #expect(thrice.arrivalNs == [0, 10, 10, 25, 100, 110, 110, 125, 200, 210, 210, 225])
    #expect(thrice.promptTokens == once.promptTokens + once.promptTokens + once.promptTokens)
    #expect(thrice.outputTokens == once.outputTokens + once.outputTokens + once.outputTokens)
    let (hit, all) = once.promptBlocks!.unlimitedCacheHits()
    #expect(hit > 0 && thrice.promptBlocks!.unlimitedCacheHits() == (3 * hit, 3 * all))
    // Each time by itself is the trace again.
    let last = thrice.starting(atNs: 200)
    #expect(last == once)
    #expect(once.repeated(1, periodNs: 25) == once)
  }

  @Test("Jitter moves each request later by less than itself, with its lengths and blocks")
  func jitter() {
    var random = SeededRandom(5)
    let count = 4_000
    // Lengths name the request, and so does its only block.
    let trace = RequestTrace(
      arrivalNs: (0..<count).map { Int64($0 / 20) * 1_000 },
      promptTokens: (0..<count).map { Int32($0 + 1) },
      outputTokens: (0..<count).map { _ in Int32(random.next() % 100 + 1) },
      promptBlocks: PromptBlocks(
        blockTokens: count, ids: (0..<Int32(count)).map { $0 }, starts: Array(0...count)))
    let moved = trace.jittered(byNs: 2_500, seed: 3)
    var seen = Set<Int>()
    var sum = 0.0
    for index in 0..<count {
      let request = Int(moved.promptTokens[index]) - 1
      seen.insert(request)
      #expect(moved.outputTokens[index] == trace.outputTokens[request])
      let later = moved.arrivalNs[index] - trace.arrivalNs[request]
      #expect((0..<2_500).contains(later))
      sum += Double(later)
    }
    #expect(seen.count == count)
    // The mean of n uniform draws has a standard error of width / √(12 n).
    #expect(abs(sum / Double(count) - 1_249.5) < 5 * 2_500 / (12 * Double(count)).squareRoot())
    #expect(moved.promptBlocks?.ids == (0..<Int32(count)).map { $0 })
    #expect(moved == trace.jittered(byNs: 2_500, seed: 3))
    #expect(moved != trace.jittered(byNs: 2_500, seed: 4))
    #expect(trace.jittered(byNs: 0, seed: 3) == trace)
    // A draw from [0, 1) is 0: the order of equal times stays.
    #expect(trace.jittered(byNs: 1, seed: 3) == trace)
  }

  @Test("Larger blocks are the same where all their blocks and all before them are")
  func grouped() {
    let blocks = PromptBlocks(
      blockTokens: 4, ids: [0, 1, 2, 3, 0, 1, 2, 0, 1, 4, 5, 2, 3, 0],
      starts: [0, 4, 7, 11, 13, 14])
    let pairs = blocks.grouped(blockTokens: 8)
    // 01 23; 01 2; 01 45; 23 behind nothing is another block than behind 01; 0 is partial.
    #expect(
      pairs
        == PromptBlocks(
          blockTokens: 8, ids: [0, 1, 0, 2, 0, 3, 4, 5], starts: [0, 2, 4, 6, 7, 8]))
    #expect(blocks.grouped(blockTokens: 4) == blocks)
    #expect(pairs.unlimitedCacheHits() == (2, 8))
  }
}
