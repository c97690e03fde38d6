import Testing

@testable import Scenario

@Suite("Objectives of a service")
struct ServiceObjectiveTests {
  @Test(
    "An objective is read as it is written, and written as it is read",
    arguments: [
      ("ttft.p99 <= 500 ms", "ttft.p99 <= 500 ms"), ("tpot.mean<=0.04s", "tpot.mean <= 40 ms"),
      ("e2e.p95 <= 20 s", "e2e.p95 <= 20 s"), ("queue.max <= 2 min", "queue.max <= 120 s"),
      ("ttft.p99.9 <= 1.5 s", "ttft.p99.9 <= 1.5 s"), ("ttft.median ≤ 3 us", "ttft.p50 <= 3 us"),
      ("goodput >= 99 %", "goodput >= 99 %"), ("goodput >= 0.995", "goodput >= 99.5 %"),
      ("chat.ttft.p50 <= 9 ns", "chat.ttft.p50 <= 9 ns"),
      ("chat.goodput ≥ 90%", "chat.goodput >= 90 %"),
      ("ttft.ttft.p50 <= 1 s", "ttft.ttft.p50 <= 1 s"),
      ("goodput.goodput >= 1", "goodput.goodput >= 100 %"), ("e2e.p100 <= 1 s", "e2e.max <= 1 s"),
    ])
  func written(_ text: String, _ plain: String) throws {
    let read = try ServiceObjective.parse(text)
    #expect(read.map(\.description) == [plain])
    #expect(try ServiceObjective.parse(plain) == read)
  }

  @Test("What is bounded is what stands there")
  func parts() throws {
    let one = try #require(try ServiceObjective.parse("a.tpot.p99.5 <= 40 ms").first)
    #expect(one.className == "a")
    #expect(one.bound == .time(.tpot, .percentile(thousandths: 995), atMostNs: 40_000_000))
    #expect(
      try ServiceObjective.parse("goodput >= 99 %").first?.bound == .goodput(atLeast: 0.99))
  }

  @Test(
    "What is no objective is refused, and says what is one",
    arguments: [
      ("ttft.p99 < 500 ms", "is no objective; accepted: such as `ttft.p99 <= 500 ms`"),
      ("ttft.p99 >= 500 ms", "bounded by `<=`"), ("goodput <= 99 %", "bounded by `>=`"),
      ("itl.p99 <= 1 s", "`itl.p99` is nothing to state an objective of"),
      ("ttft.p0 <= 1 s", "is nothing to state"), ("ttft.p101 <= 1 s", "is nothing to state"),
      ("ttft.p99.99 <= 1 s", "is nothing to state"), ("ttft <= 1 s", "is nothing to state"),
      ("ttft.p99 <= 500", "is no time; accepted: a number above 0 with a unit (ns, us"),
      ("ttft.p99 <= -1 s", "is no time"), ("ttft.p99 <= 0 s", "is no time"),
      ("ttft.p99 <= 1e30 h", "is no time"), ("goodput >= 101 %", "is no share"),
      ("goodput >= 0", "is no share"), ("goodput >= 1.5", "is no share"), ("", "is no objective"),
      ("mlperf-llama-3.1-8b-servr", "did you mean `mlperf-llama-3.1-8b-server`?"),
    ])
  func refused(_ text: String, _ says: String) {
    #expect {
      _ = try ServiceObjective.parse(text)
    } throws: { "\($0)".contains(says) }
  }

  @Test("A preset is a limit of TTFT and one of TPOT")
  func presets() throws {
    #expect(ServiceObjective.presets.count == 8)
    for preset in ServiceObjective.presets {
      let read = try ServiceObjective.parse(preset.name)
      #expect(read == preset.objectives && read.count == 2)
    }
    #expect(
      try ServiceObjective.parse("mlperf-llama-2-70b-interactive").map(\.description)
        == ["ttft.p99 <= 450 ms", "tpot.p99 <= 40 ms"])
  }
}
