import Operators
import Testing

@Suite("Ragged batches")
struct RaggedBatchTests {
  @Test("Contexts have the mean to the token and the longest, rise, and none is below a token")
  func contexts() {
    for sequences in [1, 2, 3, 8, 33, 256] {
      for context in [1, 2, 17, 300, 3001] {
        for share in [0.0, 0.1, 0.5, 0.9, 1] {
          let most = context + (sequences - 1) * (context - 1)
          let longest = context + Int(share * Double(most - context))
          let batch = RaggedBatch(sequences: sequences, context: context, longest: longest)
          let contexts = batch.contexts
          #expect(contexts.count == sequences)
          #expect(contexts.reduce(0, +) == sequences * context)
          #expect(contexts.max() == longest && contexts.last == longest)
          #expect(contexts.min()! >= 1)
          // Rounding moves a context by a token at most.
          #expect(zip(contexts, contexts.dropFirst()).allSatisfy { $0 <= $1 + 1 })
        }
      }
    }
  }

  @Test("With the longest twice the mean, contexts rise about evenly")
  func evenRise() {
    let contexts = RaggedBatch(sequences: 100, context: 1000, longest: 2000).contexts
    for (index, context) in contexts.enumerated() {
      #expect(abs(context - 20 * (index + 1)) < 40)
    }
  }

  @Test("There are no contexts whose longest is below the mean or needs more than all have")
  func none() {
    #expect(RaggedBatch.exists(sequences: 3, context: 10, longest: 28))
    #expect(!RaggedBatch.exists(sequences: 3, context: 10, longest: 29))
    #expect(!RaggedBatch.exists(sequences: 3, context: 10, longest: 9))
    #expect(!RaggedBatch.exists(sequences: 0, context: 10, longest: 10))
    #expect(RaggedBatch.exists(sequences: .max, context: .max, longest: .max))
  }
}
