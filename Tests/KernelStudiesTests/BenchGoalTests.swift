import Foundation
import KernelStudies
import Operators
import Report
import Testing

@Suite("Goals of the benchmark")
struct BenchGoalTests {
  private func goal(_ result: BenchResult, _ name: String) throws -> BenchGoal {
    try #require(result.goals.first { $0.name == name })
  }

  private func figure(_ place: String, _ value: Double) -> BenchGoal.Figure {
    BenchGoal.Figure(place, SampleSpread([value]))
  }

  @Test("The worst shape decides; the limit itself will do")
  func verdicts() {
    let figures = [figure("a", 0.9), figure("b", 0.85), figure("c", 0.95)]
    let met = BenchGoal("share", .atLeast(0.85), .share, figures)
    #expect(met.verdict == .met && met.worst?.place == "b" && met.shapesMet == 3)
    let missed = BenchGoal("share", .atLeast(0.9), .share, figures)
    #expect(missed.verdict == .missed && missed.shapes == 3 && missed.shapesMet == 2)
    let most = BenchGoal("ratio", .atMost(0.9), .times, figures)
    #expect(most.verdict == .missed && most.worst?.place == "c" && most.shapesMet == 2)
    #expect(BenchGoal("ratio", .atMost(0.95), .times, figures).verdict == .met)
    let none = BenchGoal("nothing", .atMost(1), .times, [])
    #expect(none.verdict == .notMeasured && none.worst == nil && none.shapes == 0)
    let elsewhere = BenchGoal("share", .atLeast(0.5), .share, figures, isJudged: false)
    #expect(elsewhere.verdict == .notJudged)
  }

  @Test("A made-up device, judged by hand")
  func scripted() throws {
    // It reads at half the plain read's rate. Two sequences of 1,024 tokens have 8 MiB in FP16 and
    // 2.1 MiB in INT4, both beyond a cache of 1 MiB, so INT4 is 4096/1088 times as fast.
    let (result, _) = try scriptedResult()
    let share = try goal(result, "fp16 decode, of read bandwidth")
    #expect(abs(share.worst!.spread.median - 0.5) < 1e-6 && share.verdict == .missed)
    let speed = try goal(result, "int4 decode, tokens/s over fp16")
    #expect(abs(speed.worst!.spread.median - 4096.0 / 1088) < 1e-6 && speed.verdict == .met)
    #expect(try goal(result, "int4-rotated decode, time over int4").verdict == .met)
    let row = try goal(result, "rotate and quantise 128 values in cache")
    #expect(row.worst?.spread.median == 20 && row.verdict == .met)
    // One thread takes 2 ns a byte: 8.4 ms for 1,024 tokens in FP16.
    let f16 = try goal(result, "fp16 decode over ggml's F16, one thread")
    #expect(abs(f16.worst!.spread.median - 624e3 / 8_388_608) < 1e-6 && f16.shapes == 2)
    let peak = try goal(result, "linear M>=256, of the FMA peak")
    // 2 * 256 operations for each weight, whose 2 bytes take 2 ns: 256 of 20 a nanosecond.
    #expect(abs(peak.worst!.spread.median - 12.8) < 1e-6)
  }

  @Test("Rotation that costs more than allowed misses its goals")
  func slowRotation() throws {
    let (result, _) = try scriptedResult { $0.rotationNs = 200_000 }
    // 200 µs on 2,228 µs of decode, and on 594 µs of append.
    #expect(try goal(result, "int4-rotated decode, time over int4").verdict == .missed)
    #expect(try goal(result, "int4-rotated append, time over int4").verdict == .missed)
  }

  @Test("What fits in cache says nothing about the read's bandwidth")
  func cached() throws {
    var plan = BenchPlan.small
    plan.batches = [1]
    plan.contexts = [512]
    let (result, _) = try scriptedResult(plan)
    // FP16 takes 2 MiB, INT4 half a MiB: only the one exceeds the cache. A context below 1k is
    // none that rotation is judged on.
    #expect(try goal(result, "fp16 decode, of read bandwidth").shapes == 1)
    #expect(try goal(result, "int4 decode, of read bandwidth").verdict == .notMeasured)
    #expect(try goal(result, "int4 decode, tokens/s over fp16").verdict == .notMeasured)
    #expect(try goal(result, "int4-rotated decode, time over int4").verdict == .notMeasured)
  }

  @Test("No other kind of machine is set against figures published for Zen 5")
  func otherMachines() throws {
    for family in [25, nil] {
      let (result, _) = try scriptedResult(cpuFamily: family)
      let goals = result.goals.filter { $0.name.contains("ggml") }
      #expect(goals.count == 3 && goals.allSatisfy { $0.verdict == .notJudged })
    }
  }

  @Test("Other heads are not set against figures published for 32/8/128")
  func otherHeads() throws {
    var plan = BenchPlan.small
    plan.heads = HeadGeometry(queryHeads: 8, kvHeads: 8, headDim: 64)
    let (result, _) = try scriptedResult(plan)
    for name in [
      "int4 decode over ggml's Q4_0, one thread", "fp16 decode over ggml's F16, one thread",
      "rotate and quantise 128 values in cache",
    ] {
      #expect(try goal(result, name).verdict == .notMeasured, "\(name)")
    }
  }

  @Test("The JSON has the same keys whatever was measured")
  func json() throws {
    var plan = BenchPlan.small
    let whole = try keys(scriptedResult(plan).result)
    plan.heads = HeadGeometry(queryHeads: 8, kvHeads: 8, headDim: 64)
    #expect(try keys(scriptedResult(plan).result) == whole)
    #expect(whole.isSuperset(of: ["machine.read_bytes_per_s.median", "goals.worst", "version"]))
    #expect(whole.contains("attention.speed_over_fp16.p10") && whole.contains("linear.format"))
  }

  @Test("The table shows each operator, the marks and the verdicts")
  func table() throws {
    let (result, _) = try scriptedResult()
    let text = KernelBenchTable(result).rendered().split(separator: " ").joined(separator: " ")
    for piece in [
      "plain read: one thread 1.00 GB/s (1.00-1.00), all threads 2.00 GB/s (2.00-2.00)",
      "FMA peak: one thread 10.0 GFLOP/s (10.0-10.0), all threads 20.0 GFLOP/s (20.0-20.0)",
      "32 query heads, 8 KV heads of 128, 16 tokens per page",
      "2 x 1024 fp16 8.00 MiB 8,389 8,389-8,389 1.00 50.0 % 66.7 % 238 1.000 3.765",
      "fp16 4.00 4.00-4.00 400.0 %", "int4-rotated-128-kv", "missed", "met",
    ] {
      #expect(text.contains(piece), "\(piece)")
    }
    #expect(!text.contains("other programs ran"))
  }

  @Test("A machine that had other things to do is told of")
  func unrest() throws {
    let (result, _) = try scriptedResult {
      if $0.facts.coreCount > 1 { $0.quietShare = 0.6 }
    }
    #expect(abs(try #require(result.quietShare) - 0.6) < 1e-12)
    let text = KernelBenchTable(result).rendered()
    #expect(text.contains("arithmetic on all threads reached 60.0 % of what"))
  }

  /// Paths of all keys; elements of an array share theirs. Spreads that are null are left out, by
  /// the keys below them.
  private func keys(_ result: BenchResult) throws -> Set<String> {
    let text = try KernelBenchJSON(result).rendered()
    let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
    var found: Set<String> = []
    func visit(_ value: Any, _ path: String) {
      if let object = value as? [String: Any] {
        for (key, value) in object { visit(value, path.isEmpty ? key : "\(path).\(key)") }
      } else if let array = value as? [Any] {
        for value in array { visit(value, path) }
      }
      if !path.isEmpty { found.insert(path) }
    }
    visit(object, "")
    return found
  }
}
