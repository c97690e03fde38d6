import Testing

@testable import Scenario

/// What is refused of the forms that PublishedTraceTests reads.
@Suite("Malformed traces in published forms") struct BadTraceTests {
  static let burstGPT = CSVTraceForm.burstGPT.header + "\n"
  static let vidur = CSVTraceForm.vidur.header + "\n"

  /// A row in Mooncake's form.
  static func mooncake(
    time: String = "0", input: String = "512", output: String = "1", hashes: String = "[0]",
    rest: String = ""
  ) -> String {
    "{\"timestamp\":\(time),\"input_length\":\(input),\"output_length\":\(output),"
      + "\"hash_ids\":\(hashes)\(rest)}\n"
  }

  static func bailian(chat: String = "1", type: String = "\"text\"") -> String {
    "{\"chat_id\":\(chat),\"parent_chat_id\":-1,\"timestamp\":0,\"input_length\":1,"
      + "\"output_length\":1,\"type\":\(type),\"turn\":1,\"hash_ids\":[3]}\n"
  }

  static let good = mooncake()

  @Test(
    "A malformed row is refused at its place",
    arguments: [
      (burstGPT + "1,GPT-4,5,0,5,API log\n2,GPT-4,5,0,5,x\n", "1:1", "all 2 rows"),
      (burstGPT + "1,GPT-4,5,6,11\n", "2:1", "5 columns; accepted: 6"),
      (burstGPT + "-1,GPT-4,5,6,11,x\n", "2:1", "Timestamp: `-1` is not accepted here"),
      (burstGPT + "x,GPT-4,5,0,5,x\n", "2:1", "Timestamp: `x` is not accepted here"),
      (burstGPT + "1,é,0,6,6,x\n", "2:5", "Request tokens: `0`"),
      (burstGPT + "1,GPT-4,5,00,5,x\n", "2:11", "Response tokens: `00`"),
      (burstGPT + "2,G,5,6,11,x\n1,G,5,6,11,x\n", "3:1", "order of their times"),
      (vidur + "nan,1,2\n", "2:1", "arrived_at: `nan` is not accepted here"),
      (vidur + "inf,1,2\n", "2:1", "a time in seconds, 0 or more"),
      (vidur + "01,1,2\n", "2:1", "`01`"), (vidur + "1.,1,2\n", "2:1", "`1.`"),
      (vidur + ".5,1,2\n", "2:1", "`.5`"), (vidur + "1e,1,2\n", "2:1", "`1e`"),
      (vidur + "1e10,1,2\n", "2:1", "at most 9000000000 s"),
      (vidur + "1e999999999999,1,2\n", "2:1", "at most 9000000000 s"),
      (vidur + "0,1,2\n4e9,1,2\n", "3:1", "hundred years"),
      (vidur + "0,1.0,2\n", "2:3", "num_prefill_tokens: `1.0`"),
      (good + mooncake(time: "\"0\""), "2:14", "timestamp: `\"0\"` is not accepted here"),
      (good + mooncake(time: "-1"), "2:14", "a time in milliseconds, 0 or more"),
      (good + mooncake(time: "NaN"), "2:14", "`NaN`"),
      (good + mooncake(time: "null"), "2:14", "`null`"),
      (mooncake(time: "1") + good, "2:1", "earlier than the row before it"),
      (good + mooncake(input: "0"), "2:31", "input_length: `0`"),
      (good + mooncake(input: "512.0"), "2:31", "input_length: `512.0`"),
      (good + mooncake(output: "[1]"), "2:51", "output_length: `[1` is not accepted"),
      (
        good + mooncake(hashes: "0"), "2:64", "hash_ids: `0` is not accepted here; accepted: a list"
      ),
      (good + mooncake(hashes: "[-1]"), "2:65", "hash_ids: `-1`"),
      (good + mooncake(hashes: "[]"), "2:1", "hash_ids: a list of 0 for 512 tokens; accepted: 1"),
      (good + mooncake(hashes: "[0,1]"), "2:1", "a list of 2 for 512 tokens; accepted: 1, one for"),
      (good + mooncake(input: "513"), "2:1", "a list of 1 for 513 tokens; accepted: 2"),
      (good + mooncake(hashes: "[0;1]"), "2:65", "hash_ids: `0;1`"),
      (good + mooncake(hashes: "[0 1]"), "2:67", "a comma or a closing bracket"),
      (good + mooncake(rest: ",\"timestamp\":0"), "2:68", "`timestamp` stands twice in the row"),
      (good + mooncake(rest: ",\"x\":tru"), "2:75", "this is not JSON"),
      (good + mooncake(rest: ",\"x\":[1,{\"y\":-1.5e3}"), "2:87", "this is not JSON"),
      (good + mooncake(rest: ",x:1"), "2:68", "a key in quotation marks"),
      (good + mooncake(rest: "} {"), "2:69", "the end of the line"),
      (good + "[]\n", "2:1", "an object in braces"), (good + "\n", "2:1", "an object in braces"),
      (good + "{}\n", "2:1", "lacks `timestamp`"),
      (good + "{\"timestamp\":1,\"input_length\":5}\n", "2:1", "lacks `output_length`"),
      (
        good + "{\"timestamp\":1,\"input_length\":5,\"output_length\":1}\n", "2:1",
        "lacks `hash_ids`, which rows before it have"
      ),
      (
        "{\"timestamp\":1,\"input_length\":5,\"output_length\":1}\n" + mooncake(time: "2"), "2:1",
        "has `hash_ids`, which rows before it lack"
      ),
      (bailian() + bailian(chat: "-2"), "2:12", "chat_id: `-2` is not accepted here"),
      (bailian() + bailian(chat: "1.5"), "2:12", "chat_id: `1.5`"),
      (bailian() + bailian(type: "5"), "2:90", "type: `5` is not accepted here; accepted: text"),
    ])
  func malformed(text: String, place: String, says: String) throws {
    try BadInput("malformed", "", "", place, says)
      .expectAlone(in: RequestTraceTests.errors(text), of: "t")
  }

  @Test("A malformed row is one error, whatever stands behind it")
  func rows() {
    let good = BadTraceTests.mooncake(time: "5")
    let errors = RequestTraceTests.errors(
      good + BadTraceTests.mooncake(hashes: "[1,2]", rest: "?") + good
        + BadTraceTests.mooncake(time: "4") + good)
    #expect(errors.count == 2, "\(errors)")
    #expect(errors.allSatisfy { $0.hasPrefix("t:2:") || $0.hasPrefix("t:4:") })
  }

  @Test("Keys beyond a form's are passed over, however deep, up to the limit of nesting")
  func nesting() {
    func row(_ depth: Int) -> String {
      BadTraceTests.mooncake(
        rest: ",\"x\":" + String(repeating: "[", count: depth)
          + String(repeating: "]", count: depth))
    }
    #expect(RequestTraceTests.errors(row(Limits.nesting)).isEmpty)
    #expect(RequestTraceTests.errors(row(Limits.nesting + 1)).count == 1)
    #expect(RequestTraceTests.errors(row(200_000)).count == 1)
  }

  @Test(
    "A first line that no form has is one error, which lists them all",
    arguments: ["", "\u{FEFF}", "{\"a\": 1}", "id,text", "[1]", "{\"timestamp\": 0}\n{}\n"])
  func unknown(text: String) throws {
    let errors = RequestTraceTests.errors(text)
    try #require(errors.count == 1)
    #expect(errors[0].hasPrefix("t:1:1: error: the f"))
    for name in ["Azure", "BurstGPT", "Vidur", "Qwen-Bailian", "Mooncake", "a recorded run"] {
      #expect(errors[0].contains("(\(name))"), "\(errors[0])")
    }
  }
}
