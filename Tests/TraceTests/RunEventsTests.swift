import Simulator
import Testing

@testable import Trace

/// What a report shows of events, held against the rows that it was made of.
@Suite struct RunEventsTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  private func overview(
    of records: [AnyRecord], replicas: Int64 = 2, window: Range<Int64>? = nil,
    isOpen: Bool = false
  ) throws -> RunOverview {
    let path = folder.path()
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
    try writer.endRun(metrics: [])
    try writer.finish()
    if isOpen {
      let connection = try connect(path)
      try connection.execute(
        """
        UPDATE run SET completed = 0, row_digest = NULL, last_event_ns = NULL, requests = NULL,
          step_rows = NULL, events = NULL, last_seq = NULL
        """)
      try connection.close()
    }
    return try TraceReader(path: path).overview(window: window).runs[0]
  }

  private func event(
    _ kind: EventRecord.Kind, _ ns: Int64, since start: Int64? = nil, replica: Int64 = 0,
    request: Int64 = -1, sample: Int64 = 0, cause: EventRecord.Cause = .none, tokens: Int64 = 0
  ) -> AnyRecord {
    .event(
      EventRecord(
        kind: kind, timeNs: ns, startNs: start, replica: replica, request: request,
        sample: sample, cause: cause, tokens: tokens))
  }

  private func request(
    _ id: Int64, first: Int64, finish: Int64, preemptions: Int64 = 1, samples: Int64 = 1
  ) -> AnyRecord {
    .request(
      RequestRecord(
        id: id, arrivalNs: 0, scheduledNs: 10, firstTokenNs: first, finishNs: finish,
        promptTokens: 7, cachedTokens: 0, outputTokens: 3 * samples, preemptions: preemptions,
        outcome: .finished, samples: samples, lastSampleTokens: 3))
  }

  @Test("Events are summed up by kind and cause")
  func sums() throws {
    let events = try overview(of: [
      event(.preempted, 100, request: 3, cause: .decodes, tokens: 40),
      event(.resumed, 150, since: 100, request: 3),
      event(.preempted, 300, request: 4, cause: .urgency, tokens: 9),
      event(.resumed, 420, since: 300, request: 4, tokens: 4),
      event(.preempted, 500, request: 3, cause: .decodes, tokens: 2),
    ]).events
    typealias Sum = RunEvents.Sum
    #expect(
      events.sums == [
        Sum(
          kind: .preempted, cause: .decodes, count: 2, firstNs: 100, lastNs: 500, tookNs: 0,
          tokens: 42),
        Sum(
          kind: .preempted, cause: .urgency, count: 1, firstNs: 300, lastNs: 300, tookNs: 0,
          tokens: 9),
        Sum(
          kind: .resumed, cause: .none, count: 2, firstNs: 150, lastNs: 420, tookNs: 170,
          tokens: 4),
      ])
    #expect(events[.preempted]?.count == 3 && events[.preempted]?.lastNs == 500)
    #expect(events[.rejected] == nil && events.ofReplicas.isEmpty && events.hasAllOfReplicas)
  }

  @Test("Rejections are counted in their slices, the one at the end in the last")
  func rejections() throws {
    let slices = try overview(of: [
      event(.rejected, 0, replica: -1, request: 1, cause: .pool),
      event(.rejected, 555, replica: -1, request: 2, cause: .queue),
      event(.rejected, 559, replica: -1, request: 3, cause: .queue),
      event(.rejected, 1_000, replica: -1, request: 4, cause: .queue),
    ]).slices
    #expect(slices.count == 100 && slices.reduce(0) { $0 + $1.rejections } == 4)
    #expect([0, 55, 99].map { slices[$0].rejections } == [1, 2, 1])
    #expect(slices.allSatisfy { $0.openReplicas == 2 })
  }

  @Test("Replicas get requests unless they failed, are off, start, or are on their way out")
  func openReplicas() throws {
    // Replica 1 is off till 305, on its way out from 500 to 600, and off from 905; replica 0 fails
    // from 700 to 800. A request ends at 1,000.
    let run = try overview(of: [
      event(.replicaStarting, 200, replica: 1), event(.replicaReady, 305, since: 200, replica: 1),
      event(.replicaDraining, 500, replica: 1), event(.replicaReopened, 600, replica: 1),
      event(.replicaFailed, 700), event(.replicaRecovered, 800),
      event(.replicaDraining, 905, replica: 1), event(.replicaOff, 950, replica: 1),
      request(0, first: 500, finish: 1_000),
    ])
    #expect(run.events.ofReplicas.count == 8 && run.events.hasAllOfReplicas)
    #expect(
      run.events.ofReplicas[4]
        == RunEvents.OfReplica(kind: .replicaFailed, replica: 0, timeNs: 700))
    let open = run.slices.map { ($0.openReplicas * 1_000).rounded() / 1_000 }
    func expect(_ slices: Range<Int>, _ value: Double) {
      #expect(open[slices].allSatisfy { $0 == value }, "\(slices): \(open[slices])")
    }
    expect(0..<30, 1)
    expect(30..<31, 1.5)
    expect(31..<50, 2)
    expect(50..<60, 1)
    expect(60..<70, 2)
    expect(70..<80, 1)
    expect(80..<90, 2)
    expect(90..<91, 1.5)
    expect(91..<100, 1)
  }

  @Test("A timeline tells when a request had no blocks, and computed again; of samples it does not")
  func pauses() throws {
    let records = [
      event(.preempted, 100, request: 0, cause: .decodes),
      event(.resumed, 150, since: 100, request: 0),
      event(.recomputed, 180, since: 150, request: 0),
      event(.swappedOut, 300, request: 0, cause: .decodes),
      event(.swappedIn, 350, since: 300, request: 0),
      event(.resumed, 150, since: 100, request: 1, sample: 2),
      request(0, first: 50, finish: 500, preemptions: 2),
      request(1, first: 50, finish: 500, samples: 3),
      request(2, first: 50, finish: 1_000, preemptions: 0),
    ]
    typealias Pause = TimelineRequest.Pause
    let all = try overview(of: records, window: 0..<1_000).timeline.requests
    #expect(
      all.map(\.pauses) == [
        [
          Pause(startNs: 100, endNs: 150, isRecomputing: false),
          Pause(startNs: 150, endNs: 180, isRecomputing: true),
          Pause(startNs: 300, endNs: 350, isRecomputing: false),
        ], [], [],
      ])
    #expect(all.map(\.samples) == [1, 3, 1])
    // What was over before the window, and what comes behind it, is left out.
    let some = try overview(of: records, window: 160..<300).timeline.requests
    #expect(some[0].pauses == [Pause(startNs: 150, endNs: 180, isRecomputing: true)])
  }

  @Test("A run that has not ended goes as far as its last event, of whichever kind")
  func lastEvent() throws {
    let records = [
      request(0, first: 50, finish: 500), event(.replicaFailed, 700), event(.preempted, 650),
    ]
    #expect(try overview(of: records, isOpen: true).lastEventNs == 700)
    #expect(try overview(of: Array(records.prefix(1)), isOpen: true).lastEventNs == 500)
  }

  @Test("Events that contradict themselves are damage")
  func damage() throws {
    for record in [
      event(.preempted, -5, cause: .decodes), event(.resumed, 10, since: 20, request: 1),
    ] {
      let error = traceError { _ = try overview(of: [record, request(0, first: 50, finish: 500)]) }
      guard case .damaged = error else {
        Issue.record("\(String(describing: error)) of \(record)")
        continue
      }
    }
    // More replicas than there are change no slice beyond what can be.
    let strange = try overview(of: [
      event(.replicaFailed, 0, replica: .max), event(.replicaRecovered, .max, replica: .max),
    ])
    #expect(strange.slices.allSatisfy { $0.openReplicas.isFinite })
  }
}
