import TestSupport
import Testing

@testable import Simulator

@Suite("Prompts that continue others")
struct ContinuationTests {
  /// Blocks of 4 tokens. Request 0: 6 tokens and 7 of output, A a. 1: 15 tokens, A B C d. 2: the
  /// same beginning and another end. 3: another answer in B's place.
  private static let lengths: (prompts: [Int32], outputs: [Int32]) = (
    [6, 15, 14, 13], [7, 2, 2, 2]
  )
  private static let blocks = PromptBlocks(
    blockTokens: 4, ids: [0, 1, 0, 2, 3, 4, 0, 2, 3, 5, 0, 6, 7, 8], starts: [0, 2, 6, 10, 14])

  private static func continued(_ parents: [Int32]) -> [Int32] {
    blocks.continued(
      parents: parents, promptTokens: lengths.prompts, outputTokens: lengths.outputs
    ).continuations
  }

  @Test("A request that comes again is continued by what came with it")
  func repeated() {
    let once = Self.trace.promptBlocks!.continuations
    let count = Int32(once.count)
    #expect(
      Self.trace.repeated(2, periodNs: 1_000).promptBlocks?.continuations
        == once + once.map { $0 < 0 ? -1 : $0 + count })
  }

  @Test("The first that begins with all whole blocks of its parent's prompt names its output")
  func first() {
    #expect(Self.continued([-1, 0, 0, 0]) == [1, -1, -1, -1])
    #expect(Self.continued([-1, -1, 0, 0]) == [2, -1, -1, -1])
    // It can be the parent's answer, as far as anybody can tell.
    #expect(Self.continued([-1, -1, -1, 0]) == [3, -1, -1, -1])
    #expect(Self.continued([-1, -1, -1, -1]) == [] && Self.continued([]) == [])
    // Neither long enough nor alike.
    #expect(Self.continued([-1, -1, -1, 1]) == [])
  }

  @Test("A prompt shorter than its parent's prompt and output does not continue it")
  func tooShort() {
    for (output, isLongEnough) in [(9, true), (10, false)] as [(Int32, Bool)] {
      let continued = Self.blocks.continued(
        parents: [-1, 0, -1, -1], promptTokens: Self.lengths.prompts,
        outputTokens: [output, 2, 2, 2])
      #expect((continued.continuation(of: 0) == 1) == isLongEnough)
      #expect(continued.continuation(of: 1) == nil)
    }
  }

  private static let trace = RequestTrace(
    arrivalNs: [0, 10, 10, 25], promptTokens: lengths.prompts, outputTokens: lengths.outputs,
    promptBlocks: blocks.continued(
      parents: [-1, 0, 0, 0], promptTokens: lengths.prompts, outputTokens: lengths.outputs))

  @Test("What is cut off before `start` leaves nothing; what moves keeps who continues it")
  func picking() {
    #expect(Self.trace.starting(atNs: 10).promptBlocks?.continuations == [])
    let blocks = Self.trace.promptBlocks!
    #expect(blocks.picking([2, 1, 0]).continuations == [-1, -1, 1])
    #expect(blocks.picking([0, 2]).continuations == [])
    for seed in UInt64(0)..<20 {
      let moved = Self.trace.jittered(byNs: 40, seed: seed)
      let parent = moved.promptTokens.firstIndex(of: 6)!
      let child = moved.promptBlocks?.continuation(of: parent)
      #expect(child.map { moved.promptTokens[$0] } == 15)
    }
  }

  @Test("Larger blocks have the same continuations")
  func grouped() {
    let blocks = Self.trace.promptBlocks!.grouped(blockTokens: 8)
    #expect(blocks.continuations == [1, -1, -1, -1])
    // A a; A B, C d; A B, C e; A f, g h.
    #expect(blocks.ids == [0, 1, 2, 1, 3, 4, 5])
  }

  @Test("An unlimited cache hits the blocks of earlier prompts and known outputs")
  func hits() throws {
    // Of prompts alone A, A B C, A. With outputs 12 tokens of request 0 are in the cache: A B C.
    let prompts = try #require(Self.trace.promptBlocks).unlimitedCacheHits()
    let contexts = try #require(Self.trace.unlimitedCacheHits())
    #expect(prompts == (5, 14) && contexts == (7, 14))
    let nothingNamed = RequestTrace(arrivalNs: [0], promptTokens: [1], outputTokens: [1])
    #expect(nothingNamed.unlimitedCacheHits() == nil)
  }
}
