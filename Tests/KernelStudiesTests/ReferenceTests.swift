import Glibc
import Kernels
import Operators
import Testing

@testable import KernelStudies

/// The reference itself, on two tokens that a person can work out.
@Suite struct ReferenceTests {
  private let sequence = CachedSequence(blocks: [1, 0], context: 2)

  /// Keys 4·e₀ and 0, values all 1 and all 3, each in a page of its own, the first behind the
  /// second.
  private func pages() throws -> KVPages {
    var pages = try KVPages(
      layout: PageLayout(format: .fp16, blockSize: 1, kvHeads: 1, headDim: 16), pageCount: 2)
    try CPUBackend(path: .scalar, threads: 1).append(
      keys: [4] + [Float](repeating: 0, count: 31),
      values: [Float](repeating: 1, count: 16) + [Float](repeating: 3, count: 16),
      slots: [1, 0], to: &pages)
    return pages
  }

  /// The query 4·e₀ gives logits 4 · 4 / √16 = 4 and 0.
  private func attended(tokens: Int, _ options: AttentionOptions) throws -> [Double] {
    let query = [4] + [Float](repeating: 0, count: 15)
    let queries = (0..<tokens).flatMap { _ in query }
    return Reference.attention(
      try pages(), sequence, tokens: tokens, queryHeads: 1, queries: queries[...],
      options: options)
  }

  private func isAll(_ rows: ArraySlice<Double>, _ value: Double) -> Bool {
    rows.allSatisfy { abs($0 - value) < 1e-12 }
  }

  @Test func logitsBecomeWeights() throws {
    let rows = try attended(tokens: 1, .plain)
    #expect(isAll(rows[...], (exp(4) + 3) / (exp(4) + 1)))
  }

  @Test func aSoftCapBendsLogits() throws {
    let rows = try attended(tokens: 1, AttentionOptions(softCap: 2))
    let bent = exp(2 * tanh(2.0))
    #expect(isAll(rows[...], (bent + 3) / (bent + 1)))
  }

  @Test func aWindowOfOneShowsTheOwnValue() throws {
    let rows = try attended(tokens: 2, AttentionOptions(slidingWindow: 1))
    #expect(isAll(rows[..<16], 1) && isAll(rows[16...], 3))
  }

  @Test func noTokenSeesThoseAfterIt() throws {
    let rows = try attended(tokens: 2, .plain)
    #expect(isAll(rows[..<16], 1))
    #expect(isAll(rows[16...], (exp(4) + 3) / (exp(4) + 1)))
  }

  @Test func gatheringReadsPagesInTheSequencesOrder() throws {
    let values = Reference.gathered(try pages(), sequence, isValue: true)
    #expect(isAll(values[..<16], 1) && isAll(values[16...], 3))
    #expect(Reference.gathered(try pages(), sequence, isValue: false)[0] == 4)
  }
}
