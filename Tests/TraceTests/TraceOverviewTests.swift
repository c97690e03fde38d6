import Foundation
import Simulator
import Testing

@testable import Trace

/// What a report shows of a trace, held against the rows that it was made of.
@Suite struct TraceOverviewTests {
  let folder: TemporaryFolder
  var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A trace of one run with a replica of two devices and 100 blocks.
  private func overview(
    of records: [AnyRecord], replicas: Int64 = 1, window: Range<Int64>? = nil,
    timeLimit: Duration? = nil
  ) throws -> TraceOverview {
    var writer = try TraceWriter(path: path, overwrite: true)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(sampleProfile)
    var run = sampleRun()
    run.groups = [
      GroupDescription(
        name: "replicas", role: "both", profileID: 1, format: "fp16", firstReplica: 0,
        replicas: replicas, devices: 2, kvBytesPerToken: 4, poolTokens: 1_600, poolBlocks: 100,
        blockSize: 16)
    ]
    try writer.beginRun(run)
    for record in records { try writer.record(record) }
    try writer.endRun(metrics: [Metric(name: "steps", unit: "steps", value: 3)])
    try writer.finish()
    return try TraceReader(path: path).overview(window: window, timeLimit: timeLimit)
  }

  private func step(
    _ times: Range<Int64>, steps: Int64 = 1, decodes: Int64, prefills: Int64 = 0,
    waiting: Int64 = 0, preempted: Int64 = 0, blocks: Int64, linearNs: Int64 = 0,
    replica: Int64 = 0
  ) -> AnyRecord {
    .step(
      StepRecord(
        startNs: times.lowerBound, endNs: times.upperBound, steps: steps, decodeSequences: decodes,
        contextTokens: 10, prefillSequences: prefills, prefillTokens: 0, waitingRequests: waiting,
        preemptedRequests: preempted, usedBlocks: blocks, emptySlots: 0,
        cost: .init(
          linearNs: linearNs, appendNs: 0, decodeAttentionNs: 0, prefillAttentionNs: 0,
          elementwiseNs: 0, collectiveNs: 0, hostNs: 0, swapNs: 0, extrapolatedNs: 0,
          derivedNs: 0),
        replica: replica))
  }

  private func request(
    _ id: Int64, arrival: Int64, scheduled: Int64, first: Int64, finish: Int64,
    outputs: Int64 = 3
  ) -> AnyRecord {
    .request(
      RequestRecord(
        id: id, arrivalNs: arrival, scheduledNs: scheduled, firstTokenNs: first, finishNs: finish,
        promptTokens: 7, cachedTokens: 0, outputTokens: outputs, preemptions: 0,
        outcome: .finished, replica: 0))
  }

  @Test("Two steps and one request, worked out by hand")
  func handWorked() throws {
    let overview = try overview(of: [
      step(0..<100, steps: 10, decodes: 4, waiting: 3, preempted: 2, blocks: 50, linearNs: 60),
      step(100..<250, decodes: 2, prefills: 1, blocks: 100, linearNs: 150),
      request(0, arrival: 10, scheduled: 100, first: 250, finish: 1_000),
    ])
    let run = try #require(overview.runs.first)
    #expect(overview.runsInFile == 1 && run.lastEventNs == 1_000 && run.slices.count == 100)
    #expect(run.slices[0].running == 4 && run.slices[0].waiting == 3)
    #expect(run.slices[0].mostWaiting == 3 && run.slices[0].preemptions == 2)
    #expect(run.slices[0].usedShare == 0.5 && run.slices[9].usedShare == 0.5)
    #expect(run.slices[10].running == 3 && run.slices[10].waiting == 0)
    #expect(run.slices[10].usedShare == 1 && run.slices[24].usedShare == 1)
    #expect(run.slices[25].running == 0 && run.slices[99].usedShare == 0)
    #expect(run.stepTimes.steps == 11 && run.stepTimes.busyNs == 250)
    #expect(run.stepTimes[.linear] == 210 && run.stepTimes[.stageWait] == 40)
    #expect(
      run.concurrency == [
        // The second step computes a prompt besides.
        ConcurrencyPoint(
          sequences: 4, steps: 10, stepNs: 10, tokensPerSecond: 4e9 / 10,
          tokensPerDeviceSecond: 4e9 / 20)
      ])
    #expect(run.ttft.count == 1 && run.ttft[50] == 240 && run.e2e[99] == 990)
    #expect(run.tpot[0] == 375 && run.queueing[100] == 90)
    #expect(run.metrics == [Metric(name: "steps", unit: "steps", value: 3)])
    #expect(run.timeline.requests.map(\.id) == [0] && run.timeline.stride == 1)
    // The longest queue was at the start, and twice the median request is longer than the run.
    #expect(overview.window == 0..<1_000)
  }

  @Test("Steps that decode beside prompts have points where there are no others")
  func promptsBesides() throws {
    let run = try overview(of: [
      step(0..<150, decodes: 2, prefills: 1, blocks: 1), step(150..<160, decodes: 0, blocks: 1),
    ]).runs[0]
    #expect(run.pointsHavePrompts)
    #expect(
      run.concurrency == [
        ConcurrencyPoint(
          sequences: 2, steps: 1, stepNs: 150, tokensPerSecond: 2e9 / 150,
          tokensPerDeviceSecond: 2e9 / 300)
      ])
  }

  @Test("Blocks of a pipeline's lanes, whose steps overlap, count once; those of replicas all")
  func overlaps() throws {
    let lanes = try overview(of: [
      step(0..<100, decodes: 1, blocks: 60), step(50..<150, decodes: 1, blocks: 60),
    ])
    #expect(lanes.runs[0].slices.allSatisfy { abs($0.usedShare - 0.6) < 1e-12 })
    // Two tokens in 150 ns, each of which took 100.
    #expect(abs(lanes.runs[0].lanes - 4.0 / 3) < 1e-12)
    #expect(lanes.runs[0].concurrency.map(\.stepNs) == [100])
    #expect(abs(lanes.runs[0].concurrency[0].tokensPerSecond / (2e9 / 150) - 1) < 1e-12)
    let replicas = try overview(
      of: [
        step(0..<150, decodes: 1, blocks: 60), step(0..<150, decodes: 3, blocks: 20, replica: 1),
      ], replicas: 2)
    #expect(replicas.runs[0].slices.allSatisfy { abs($0.usedShare - 0.4) < 1e-12 })
    #expect(replicas.runs[0].slices.allSatisfy { abs($0.running - 4) < 1e-12 })
    #expect(replicas.runs[0].lanes == 1 && !replicas.runs[0].pointsHavePrompts)
  }

  @Test("Nothing is lost: slices add up to the steps, points to the tokens, whatever the sizes")
  func conservation() throws {
    var state: UInt64 = 5
    func random(_ bound: Int64) -> Int64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int64(state >> 33) % bound
    }
    var records: [AnyRecord] = []
    var (now, sequenceNs, waitingNs, tokens) = (Int64(0), 0.0, 0.0, 0.0)
    for _ in 0..<500 {
      let start = now + random(1_000)
      now = start + 1 + random(random(10) == 0 ? 5_000_000 : 10_000)
      let (steps, decodes, waiting) = (1 + random(40), random(300), random(9))
      records.append(
        step(start..<now, steps: steps, decodes: decodes, waiting: waiting, blocks: random(100)))
      sequenceNs += Double(decodes) * Double(now - start)
      waitingNs += Double(waiting) * Double(now - start)
      tokens += Double(steps * decodes)
    }
    let run = try overview(of: records).runs[0]
    func integral(_ value: (TimeSlice) -> Double) -> Double {
      run.slices.reduce(0.0) { $0 + value($1) * ($1.endNs - $1.startNs) }
    }
    #expect(abs(integral(\.running) / sequenceNs - 1) < 1e-9)
    #expect(abs(integral(\.waiting) / waitingNs - 1) < 1e-9)
    let counted = run.concurrency.reduce(0.0) { $0 + $1.sequences * $1.steps }
    #expect(abs(counted / tokens - 1) < 1e-9)
    #expect(run.concurrency.map(\.sequences) == run.concurrency.map(\.sequences).sorted())
    #expect(run.concurrency.count < 16 + 5 * 8)
  }

  @Test("Percentiles are those of the nearest rank, to three digits and never below")
  func percentiles() throws {
    let times = (0..<4_000).map { Int64($0) * Int64($0) * 977 + 11 }
    let records = times.enumerated().map { index, ns in
      request(Int64(index), arrival: 5, scheduled: 5, first: 5 + ns, finish: 5 + ns, outputs: 1)
    }
    let curve = try overview(of: records.reversed()).runs[0].ttft
    #expect(curve.count == 4_000 && curve.percentilesNs.count == 101)
    for percentage in 0...100 {
      let exact = Double(times[max(0, percentage * 40 - 1)])
      let shown = Double(try #require(curve[percentage]))
      #expect(shown >= exact && shown <= exact * 1.001, "p\(percentage)")
    }
  }

  @Test("A timeline has what was there in its window, thinned out by powers of two")
  func timelines() throws {
    let records = (0..<1_000).map { id in
      request(
        Int64(id), arrival: Int64(id) * 10, scheduled: Int64(id) * 10 + 1,
        first: Int64(id) * 10 + 2, finish: Int64(id) * 10 + 100)
    }
    let all = try overview(of: records, window: 0..<20_000).runs[0].timeline
    #expect(all.requestsInWindow == 1_000 && all.stride == 32)
    #expect(all.requests.map(\.id) == stride(from: 0, to: 1_000, by: 32).map { $0 })
    // From the one that ends as the window begins to the one that arrives as it ends.
    let some = try overview(of: records, window: 5_000..<5_100).runs[0].timeline
    #expect(some.requestsInWindow == 20 && some.stride == 1)
    #expect(some.requests.map(\.id) == (490..<510).map { Int64($0) })
    let none = try overview(of: records, window: 1_000_000..<1_000_001).runs[0].timeline
    #expect(none.requestsInWindow == 0 && none.requests.isEmpty)
  }

  @Test("An empty run has no slices, no latencies and no window")
  func emptyRun() throws {
    let overview = try overview(of: [])
    #expect(overview.window == nil && overview.runs[0].slices.isEmpty)
    #expect(overview.runs[0].ttft[50] == nil && overview.runs[0].concurrency.isEmpty)
  }

  @Test("Rows that contradict themselves are damage, however large their numbers")
  func damage() throws {
    for records in [
      [step(0..<10, decodes: 1, blocks: 1, replica: 1)],
      [step(0..<10, decodes: 1, blocks: 1, replica: -1)],
      [step(0..<10, steps: 0, decodes: 1, blocks: 1)],
      [step(0..<10, decodes: -1, blocks: 1)],
      [request(0, arrival: 100, scheduled: 50, first: 60, finish: 120)],
    ] {
      let error = traceError { _ = try overview(of: records) }
      guard case .damaged = error else {
        Issue.record("\(String(describing: error)) of \(records)")
        continue
      }
    }
    let huge = Int64.max
    let extremes = try overview(of: [
      step(0..<huge, steps: huge, decodes: huge, waiting: huge, preempted: huge, blocks: huge),
      step(1..<2, decodes: 1, preempted: huge, blocks: huge),
      request(huge, arrival: 0, scheduled: 0, first: 0, finish: huge),
      request(huge, arrival: 0, scheduled: 0, first: 0, finish: huge),
    ])
    #expect(extremes.runs[0].slices.allSatisfy { $0.running.isFinite && $0.usedShare.isFinite })
    let crowd = traceError { _ = try overview(of: [], replicas: huge) }
    #expect(crowd == .damaged(path: path, reason: "the replicas of run 1 are not numbered"))
  }

  @Test("Numbers that stand many times do not fill a timeline")
  func repeatedNumbers() throws {
    let twins = Array(
      repeating: request(0, arrival: 0, scheduled: 1, first: 2, finish: 3), count: 500)
    let timeline = try overview(of: twins).runs[0].timeline
    #expect(timeline.requestsInWindow == 500)
    #expect(timeline.requests.count <= TraceOverview.timelineRequests)
  }

  @Test("An overview ends with its time")
  func timeLimit() throws {
    let records = (0..<5_000).map {
      request(Int64($0), arrival: 0, scheduled: 1, first: 2, finish: 3)
    }
    #expect(throws: TraceError.queryTimeLimit(path: path)) {
      try overview(of: records, timeLimit: .zero)
    }
  }
}
