import Foundation
import Simulator
import Testing

@testable import Scenario

/// The forms of request traces beside Azure's of 2023, which RequestTraceTests has.
@Suite("Published forms of request traces") struct PublishedTraceTests {
  static let burstGPT =
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    + "3,ChatGPT,10,0,10,API log\n"
    + "5,ChatGPT,472,18,490,Conversation log\n"
    + "45.25,GPT-4,1087,0,1087,Conversation log\n"
    + "45.5,GPT-4,1,230,231,Conversation log\n"
  static let vidur =
    "arrived_at,num_prefill_tokens,num_decode_tokens\n"
    + "0.5,1,2\n0.7863817462101234,3,4\n1e1,5,6\n"
  static let mooncake =
    "{\"timestamp\": 3000, \"input_length\": 1025, \"output_length\": 500, "
    + "\"hash_ids\": [9, 7, 8]}\n"
    + "{\"timestamp\": 3000.25, \"input_length\": 512, \"output_length\": 1, \"hash_ids\": [9]}\n"
    + "{\"hash_ids\":[9,5],\"output_length\":2,\"timestamp\":6e3,\"input_length\":513,\"x\":[{}]}\n"
  static let bailian =
    "{\"chat_id\": 159, \"parent_chat_id\": -1, \"timestamp\": 61.114, \"input_length\": 33, "
    + "\"output_length\": 132, \"type\": \"text\", \"turn\": 1, \"hash_ids\": [1089, 1090, 6326]}\n"
    + "{\"chat_id\": 160, \"parent_chat_id\": 159, \"timestamp\": 61.2, \"input_length\": 17, "
    + "\"output_length\": 1, \"type\": \"text\", \"turn\": 2, \"hash_ids\": [1089, 4]}\n"

  static func parse(_ text: String) throws(ScenarioError) -> RequestTrace {
    try RequestTraceFile.parse(Array(text.utf8), path: "t")
  }

  @Test("Azure's times of 2024 have an offset from UTC, which counts")
  func azure2024() throws {
    let trace = try PublishedTraceTests.parse(
      "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n"
        + "2024-05-10 00:00:01+00:00,2,1\n2024-05-10 02:00:01.5+02:00,3,1\n"
        + "2024-05-09 23:30:02-00:30,4,1\n2024-05-10 00:00:03Z,5,1\n")
    #expect(
      trace.arrivalNs == [0, 990_070_000, 1_490_070_000, 1_990_070_000, 2_990_070_000])
    #expect(trace.promptTokens == [2162, 2, 3, 4, 5])
  }

  @Test("Rows of BurstGPT without response tokens are passed over and counted")
  func burstGPT() throws {
    let trace = try PublishedTraceTests.parse(PublishedTraceTests.burstGPT)
    #expect(
      trace
        == RequestTrace(
          arrivalNs: [0, 40_500_000_000], promptTokens: [472, 1], outputTokens: [18, 230],
          failedRows: 2))
  }

  @Test("Times of Vidur are read to the nearest nanosecond")
  func vidur() throws {
    let trace = try PublishedTraceTests.parse(PublishedTraceTests.vidur)
    #expect(
      trace
        == RequestTrace(
          arrivalNs: [0, 286_381_746, 9_500_000_000], promptTokens: [1, 3, 5],
          outputTokens: [2, 4, 6]))
  }

  @Test("Mooncake's hashes are numbered as they appear, its times are milliseconds")
  func mooncake() throws {
    let trace = try PublishedTraceTests.parse(PublishedTraceTests.mooncake)
    #expect(
      trace
        == RequestTrace(
          arrivalNs: [0, 250_000, 3_000_000_000], promptTokens: [1025, 512, 513],
          outputTokens: [500, 1, 2],
          promptBlocks: PromptBlocks(
            blockTokens: 512, ids: [0, 1, 2, 0, 0, 3], starts: [0, 3, 4, 6])))
    let without = try PublishedTraceTests.parse(
      "{\"timestamp\": 1, \"input_length\": 5, \"output_length\": 6}")
    #expect(
      without == RequestTrace(arrivalNs: [0], promptTokens: [5], outputTokens: [6]))
  }

  @Test("Bailian's blocks have 16 tokens, its times are seconds")
  func bailian() throws {
    let trace = try PublishedTraceTests.parse(PublishedTraceTests.bailian)
    #expect(
      trace
        == RequestTrace(
          arrivalNs: [0, 86_000_000], promptTokens: [33, 17], outputTokens: [132, 1],
          promptBlocks: PromptBlocks(
            blockTokens: 16, ids: [0, 1, 2, 0, 3], starts: [0, 3, 5])))
  }

  @Test("An unlimited cache hits 36.6 % of the blocks of Mooncake's conversation trace")
  func mooncakeConversation() throws {
    let trace = try RequestTraceFile.read(
      path: Shipped.folder + "traces/mooncake-conversation.jsonl")
    #expect(trace.count == 12_031 && trace.arrivalNs.last == 3_536_999_000_000)
    #expect(Set(trace.arrivalNs).count == 1_180)
    let hits = try #require(trace.promptBlocks).unlimitedCacheHits()
    #expect(hits == (105_710, 288_500))
  }

  @Test("A trace written in Mooncake's form is read as the same requests")
  func roundTrip() throws {
    for text in [
      Fixture.trace, PublishedTraceTests.vidur, PublishedTraceTests.mooncake,
      RecordedRunTests.request,
    ] {
      let trace = try PublishedTraceTests.parse(text)
      let bytes = MooncakeTraceWriter.bytes(of: trace)
      #expect(try RequestTraceFile.parse(bytes, path: "t") == trace)
    }
    let every = RequestTrace(
      arrivalNs: [0, 1, 999_999, 1_000_000, 1_000_010, 3_155_000_000_123_456_789],
      promptTokens: [1, 2, 3, 4, 5, 1 << 24], outputTokens: [1, 2, 3, 4, 5, 1 << 24])
    #expect(
      try RequestTraceFile.parse(MooncakeTraceWriter.bytes(of: every), path: "t") == every)
  }

  @Test("Blocks of 16 tokens are written as Mooncake's of 512")
  func roundTripOfSmallBlocks() throws {
    let small = RequestTrace(
      arrivalNs: [0, 5], promptTokens: [1_025, 520], outputTokens: [1, 2],
      promptBlocks: PromptBlocks(
        blockTokens: 16, ids: Array(0..<65) + Array(0..<33), starts: [0, 65, 98]))
    let text = MooncakeTraceWriter.bytes(of: small)
    let read = try RequestTraceFile.parse(text, path: "t")
    #expect(read.arrivalNs == small.arrivalNs && read.promptTokens == small.promptTokens)
    // 520 tokens share a whole block with the first prompt; their last 8 no longer do.
    #expect(
      read.promptBlocks
        == PromptBlocks(blockTokens: 512, ids: [0, 1, 2, 0, 3], starts: [0, 3, 5]))
  }
}
