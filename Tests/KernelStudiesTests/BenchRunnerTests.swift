import KernelStudies
import Kernels
import Operators
import Testing

@Suite("Running a benchmark")
struct BenchRunnerTests {
  @Test("Formats take turns, each on a cleared cache, with the read and the peak in every round")
  func interleaving() throws {
    var plan = BenchPlan.small
    plan.kinds = [.decode]
    let (result, devices) = try scriptedResult(plan)
    // After the machine's own figures comes one call of each that does not count. A call of FP16
    // takes 8.4 ms, so it is not repeated; those of INT4 take 2.2 ms.
    let calls = devices[1].calls.drop { $0 == "read" || $0 == "peak" }
    let cases = ["fp16", "int4", "int4-rotated"].flatMap { ["pages \($0)", "clear", "\($0) x1"] }
    let round = ["read", "peak"] + cases
    #expect(Array(calls) == ["fp16 x1", "int4 x1", "int4-rotated x1"] + round + round + round)
    #expect(result.samples.count == 1)
    #expect(result.samples[0].reads == [2e9, 2e9, 2e9])
    #expect(result.samples[0].timesNs.map(\.count) == [3, 3, 3])
    // The scripted kernels run at half the read's rate, pages at three quarters.
    let share = try #require(result.samples[0].shareOfCaseRead(0))
    #expect(abs(share.median - 2.0 / 3) < 1e-6)
  }

  @Test("Short calls are repeated within their turn, up to fifteen times")
  func shortCalls() throws {
    var plan = BenchPlan.small
    plan.kinds = [.decode]
    plan.contexts = [300]
    plan.batches = [1]
    let (_, devices) = try scriptedResult(plan)
    // 1.2 ms and 0.33 ms.
    #expect(devices[1].calls.contains("fp16 x3"))
    #expect(devices[1].calls.contains("int4 x12"))
    plan.contexts = [16]
    #expect(try scriptedResult(plan).devices[1].calls.contains("int4 x15"))
  }

  @Test("One device at a time: first one thread, then all")
  func devices() throws {
    weak var first: ScriptedDevice?
    var wanted: [Int?] = []
    let runner = BenchRunner(.small) { (threads) throws(DeviceError) in
      #expect(first == nil, "the first device's memory is free before the second is made")
      let device = ScriptedDevice(threads: threads ?? 2)
      if wanted.isEmpty { first = device }
      wanted.append(threads)
      return device
    }
    let result = try runner.run { _ in }
    #expect(wanted == [1, nil])
    #expect(result.machine.facts.coreCount == 2)
    #expect(result.machine.readOneThread?.median == 1e9)
    #expect(result.machine.readAllThreads.median == 2e9)
    #expect(result.machine.peakAllThreads?.median == 2e10)
    #expect(result.quietShare == 1)
  }

  @Test("What does not fit in memory, and what the device refuses, is noted and left out")
  func skipped() throws {
    var plan = BenchPlan.small
    plan.batches = [1, 64]
    plan.contexts = [1024, 1 << 17]
    let (result, _) = try scriptedResult(plan) { $0.refusedLinearTokens = [256] }
    #expect(result.skipped.map(\.label) == ["decode 64 x 131072", "linear M=256"])
    #expect(result.skipped[1].reason == "tokens is 256, but the kernels accept others")
    #expect(result.samples(of: .decode).count == 3)
    #expect(result.samples(of: .linear).count == 1)
  }

  @Test("Calls that take too long are left out, and larger ones are not even tried")
  func slow() throws {
    var plan = BenchPlan.small
    plan.kinds = [.linear]
    // 101 MB at half of 2 GB/s take 0.1 s; forty times that is more than four times 0.8 s.
    let (result, devices) = try scriptedResult(plan) { $0.linearFactor = 40 }
    #expect(
      result.skipped == [
        SkippedGroup(label: "linear M=1", reason: "a call takes some 4 s"),
        SkippedGroup(label: "linear M=256", reason: "smaller shapes take too long already"),
      ])
    #expect(result.samples.isEmpty)
    #expect(devices[1].calls.filter { $0.hasPrefix("weights") }.count == 1)
  }

  @Test("Any other error ends the run")
  func failure() {
    let runner = BenchRunner(.small) { (_) throws(DeviceError) in throw .outOfMemory(bytes: 7) }
    #expect(throws: DeviceError.outOfMemory(bytes: 7)) { _ = try runner.run { _ in } }
  }

  @Test("Progress rises from nothing to one")
  func progress() throws {
    var shares: [Double] = []
    let runner = BenchRunner(.small) { (threads) throws(DeviceError) in
      ScriptedDevice(threads: threads ?? 2)
    }
    _ = try runner.run { shares.append($0.share) }
    #expect(shares.first == 0 && shares.last == 1)
    #expect(shares == shares.sorted() && Set(shares).count == shares.count)
  }

  @Test("Every kind of group is measured, append from cache included")
  func everything() throws {
    let (result, _) = try scriptedResult()
    #expect(Set(result.samples.map(\.group.kind)) == Set(BenchGroup.Kind.allCases))
    #expect(result.cachedAppends.map(\.rowNs.median) == [5, 10, 15, 20])
    #expect(result.cachedAppends.map(\.ratioToPlain.median) == [0.5, 1, 1.5, 2])
    #expect(result.cachedDecodes.map(\.bytesPerSecond.median) == [4e9, 2e9, 2e9])
    #expect(result.samples(of: .gather).allSatisfy { $0.shareOfCaseRead(0) == nil })
  }

  @Test("Every path has a peak; rows from cache take time, and odd ones are refused")
  func cpu() throws {
    for path in CPUPath.available {
      #expect(try CPUBackend(path: path, threads: 1).measureFMAPeak(repeats: 1) > 0)
    }
    let backend = try CPUBackend(threads: 1)
    try backend.clearCache()
    let rows = try backend.timeAppendFromCache(headDim: 64, format: .int4Rotated, repeats: 2)
    #expect(rows.count == 2 && rows.allSatisfy { $0 > 0 })
    let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)
    for format in BenchPlan.formats {
      let pages = try backend.measurePageRead(
        heads: heads, format: format, blockSize: 16, repeats: 1)
      let rates = try backend.decodeRateFromCache(
        heads: heads, format: format, blockSize: 16, repeats: 2)
      #expect(pages > 0 && rates.count == 2 && rates.allSatisfy { $0 > 0 })
    }
    #expect(throws: DeviceError.self) {
      _ = try backend.timeAppendFromCache(headDim: 40, format: .int4, repeats: 1)
    }
  }
}
