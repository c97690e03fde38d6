import Simulator
import Testing

@testable import Scenario

/// Whose later turn each row of a Qwen-Bailian trace is.
@Suite("Chats of a request trace") struct ChatTraceTests {
  private static func row(
    _ chat: Int, parent: Int, _ prompt: Int, _ output: Int, _ hashes: [Int]
  ) -> String {
    "{\"chat_id\": \(chat), \"parent_chat_id\": \(parent), \"timestamp\": 61.5, \"input_length\": "
      + "\(prompt), \"output_length\": \(output), \"type\": \"text\", \"turn\": 1, "
      + "\"hash_ids\": \(hashes)}\n"
  }

  private static func continuations(_ rows: String...) throws(ScenarioError) -> [Int32]? {
    try PublishedTraceTests.parse(rows.joined()).promptBlocks?.continuations
  }

  /// 20 tokens and 30 of output, and a prompt of 60 that begins with these.
  private static let first = row(7, parent: -1, 20, 30, [1, 2])
  private static let second = row(8, parent: 7, 60, 5, [1, 3, 4, 5])

  @Test("A later turn names the blocks of its parent's output")
  func laterTurn() throws {
    #expect(try Self.continuations(Self.first, Self.second) == [1, -1])
    let third = Self.row(9, parent: 8, 65, 1, [1, 3, 4, 6, 9])
    #expect(try Self.continuations(Self.first, Self.second, third) == [1, 2, -1])
    let other = Self.row(10, parent: 7, 50, 1, [1, 3, 4, 8])
    #expect(try Self.continuations(Self.first, other, Self.second) == [1, -1, -1])
  }

  @Test("A parent that is not in the file, stands later, or is the row itself is none")
  func strangers() throws {
    #expect(try Self.continuations(Self.second) == [])
    #expect(try Self.continuations(Self.second, Self.first) == [])
    #expect(try Self.continuations(Self.row(7, parent: 7, 20, 1, [1, 2])) == [])
    // -1 is no number of a chat.
    let none = Self.row(-1, parent: -1, 20, 30, [1, 2])
    #expect(try Self.continuations(none, Self.row(8, parent: -1, 60, 5, [1, 3, 4, 5])) == [])
  }

  @Test("Of two rows with the same number the latest before it is meant")
  func repeatedNumbers() throws {
    #expect(try Self.continuations(Self.first, Self.first, Self.second) == [-1, 2, -1])
  }

  @Test("A row whose prompt does not begin with its parent's, or is too short, names nothing of it")
  func disagreement() throws {
    let changed = Self.row(8, parent: 7, 60, 5, [9, 3, 4, 5])
    let cut = Self.row(8, parent: 7, 49, 5, [1, 3, 4, 5])
    for child in [changed, cut] {
      #expect(try Self.continuations(Self.first, child) == [])
      // It keeps nobody else from it.
      #expect(try Self.continuations(Self.first, child, Self.second) == [2, -1, -1])
    }
  }

  @Test("Written in Mooncake's form, a trace keeps its prompts and not who continues whom")
  func conversion() throws {
    let trace = try PublishedTraceTests.parse(Self.first + Self.second)
    let read = try RequestTraceFile.parse(MooncakeTraceWriter.bytes(of: trace), path: "t")
    #expect(read.promptTokens == trace.promptTokens && read.outputTokens == trace.outputTokens)
    #expect(read.promptBlocks?.continuations == [])
  }
}
