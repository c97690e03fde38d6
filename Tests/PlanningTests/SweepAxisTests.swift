import Scenario
import Testing
import Trace

@testable import Planning

@Suite("Axes of a sweep")
struct SweepAxisTests {
  private func values(_ text: String) throws -> [String] {
    try SweepAxisDescription("engine.max_num_seqs=\(text)").values
  }

  private func fault(_ text: String) -> String {
    let error = #expect(throws: SweepError.self) { try SweepAxisDescription(text) }
    return error?.description ?? ""
  }

  @Test(
    "A list is taken as it stands; commas within brackets, braces and quotes part nothing",
    arguments: [
      ("8,16,32", ["8", "16", "32"]), ("fp16, int4", ["fp16", "int4"]), ("2/s", ["2/s"]),
      ("[fp16, int4],int4", ["[fp16, int4]", "int4"]),
      ("{fixed: 3},{uniform: {min: 1, max: 9}}", ["{fixed: 3}", "{uniform: {min: 1, max: 9}}"]),
      ("\"a,b\",c", ["\"a,b\"", "c"]), ("../other/config.json", ["../other/config.json"]),
    ])
  func lists(_ text: String, _ expected: [String]) throws {
    #expect(try values(text) == expected)
  }

  @Test(
    "A range goes up to its end by factors or by steps, with its unit and no rounding to be seen",
    arguments: [
      ("1..256:x2", ["1", "2", "4", "8", "16", "32", "64", "128", "256"]),
      ("1..200:x4", ["1", "4", "16", "64"]), ("10..50:+20", ["10", "30", "50"]),
      ("10..49:+20", ["10", "30"]), ("3..6", ["3", "4", "5", "6"]), ("7..7", ["7"]),
      ("0.1..0.5:+0.1", ["0.1", "0.2", "0.3", "0.4", "0.5"]),
      ("0.5/s..4/s:x2", ["0.5/s", "1/s", "2/s", "4/s"]),
      ("1 GiB..4 GiB:x2", ["1 GiB", "2 GiB", "4 GiB"]), ("-2..1", ["-2", "-1", "0", "1"]),
      ("1,2..8:x2,100", ["1", "2", "4", "8", "100"]),
    ])
  func ranges(_ text: String, _ expected: [String]) throws {
    #expect(try values(text) == expected)
  }

  @Test("Ranges of random ends and steps have the values that whole numbers say")
  func randomRanges() throws {
    var state: UInt64 = 7
    func draw(_ range: ClosedRange<Int>) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return range.lowerBound + Int(state >> 33) % range.count
    }
    for _ in 0..<200 {
      let (first, span, step) = (draw(-50...50), draw(0...400), draw(1...60))
      let numbers = stride(from: first, through: first + span, by: step).map(String.init)
      #expect(try values("\(first)..\(first + span):+\(step)") == numbers)
      // The same in tenths.
      let tenths = stride(from: first, through: first + span, by: step).map { number in
        number % 10 == 0 ? "\(number / 10)" : (Double(number) / 10).description
      }
      let (low, high) = (Double(first) / 10, Double(first + span) / 10)
      #expect(try values("\(low)..\(high):+\(Double(step) / 10)") == tenths)
    }
  }

  @Test(
    "What is no axis gets one error that says what would be",
    arguments: [
      ("engine.max_num_seqs", "is no PATH=VALUES"), ("=1,2", "is no path of a key"),
      ("engine.max_num_seq=1", "did you mean `engine.max_num_seqs`?"),
      ("max_num_seqs=1", "did you mean `engine.max_num_seqs` or"),
      ("concurrency=1", "`workload.arrivals.concurrency`"),
      ("engine.blocksize=16", "did you mean `engine.block_size`?"),
      ("workload.classes[x].share=1", "is no path of a key"),
      ("engine..max_num_seqs=1", "is no path of a key"),
      ("engine.max_num_seqs=", "is empty"), ("engine.max_num_seqs=1,,2", "is empty"),
      ("engine.max_num_seqs=8,16,8", "`8` twice"), ("engine.max_num_seqs=8..1", "is no range"),
      ("engine.max_num_seqs=1..8:x1", "needs a step"), ("engine.max_num_seqs=0..8:x2", "a step"),
      ("engine.max_num_seqs=1..8:2", "needs a step"), ("engine.max_num_seqs=1..8:+0", "a step"),
      ("engine.max_num_seqs=0.5..3", "needs a step"), ("engine.max_num_seqs=1/s..8:x2", "one unit"),
      ("engine.max_num_seqs=1..8:+1:+2", "is no range"),
      ("engine.max_num_seqs=1..1000000000", "more than 100000 values"),
      ("engine.max_num_seqs=[1,2", "is not closed"), ("engine.max_num_seqs={a: 1}}", "not closed"),
    ])
  func refusals(_ text: String, _ mention: String) {
    #expect(fault(text).contains(mention), "\(fault(text))")
  }

  @Test("Every key that a scenario may have can be varied, in lists by its place")
  func everyKey() throws {
    for path in [
      "seed", "model", "kv_cache.format", "engine.speculative_config.acceptance_rate",
      "workload.classes[1].objectives.ttft", "cluster.groups[0].engine.max_num_seqs",
      "workload.arrivals.think_time.exponential.mean",
    ] {
      #expect(ScenarioSetting.fault(ofPath: path) == nil, "\(path)")
    }
  }
}
