import Foundation
import Simulator
import Testing

@testable import Trace

/// Tracks and counters for ui.perfetto.dev.
@Suite struct PerfettoExportTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// An event as it is read back, its times in nanoseconds.
  private struct Event {
    let phase: String
    let name: String
    let process: Int
    let thread: Int
    let startNs: Int64
    let endNs: Int64
    let id: String
    let arguments: [String: Any]
  }

  private func events(_ change: (inout ExportOptions) -> Void = { _ in }) throws -> [Event] {
    let text = try folder.export(.perfetto, change)
    let root = try #require(
      try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    func ns(_ value: Any?) -> Int64 {
      Int64((((value as? NSNumber)?.doubleValue ?? 0) * 1_000).rounded())
    }
    return try #require(root["traceEvents"] as? [[String: Any]]).map {
      let start = ns($0["ts"])
      return Event(
        phase: $0["ph"] as! String, name: $0["name"] as! String, process: $0["pid"] as! Int,
        thread: $0["tid"] as? Int ?? 0, startNs: start, endNs: start + ns($0["dur"]),
        id: $0["id"] as? String ?? "", arguments: $0["args"] as? [String: Any] ?? [:])
    }
  }

  @Test("A small trace, line by line")
  func byHand() throws {
    try writeTrace(folder.path(), records: smallRecords)
    let expected = #"""
      {"displayTimeUnit":"ms","otherData":{"kvsim_version":"0.1.0","scenario":"chat"},\#
      "traceEvents":[
      {"ph":"M","name":"process_name","pid":1,"args":{"name":"run 1,\#
       fp16: replica 0 of prompts (prefill)"}},
      {"ph":"M","name":"process_sort_index","pid":1,"args":{"sort_index":1}},
      {"ph":"M","name":"thread_name","pid":1,"tid":2,"args":{"name":"steps"}},
      {"ph":"M","name":"thread_sort_index","pid":1,"tid":2,"args":{"sort_index":0}},
      {"ph":"X","name":"prefill","pid":1,"tid":2,"ts":1.000,"dur":2.000,"args":{"steps":1,\#
      "prefill_sequences":1,"prefill_tokens":48,"waiting_requests":1,"used_blocks":4,\#
      "empty_slots":16,"linear_us":1.500,"prefill_attention_us":0.500}},
      {"ph":"C","name":"batch","pid":1,"ts":1.000,"args":{"sequences":1}},
      {"ph":"C","name":"queue","pid":1,"ts":1.000,"args":{"requests":1}},
      {"ph":"C","name":"KV blocks","pid":1,"ts":3.000,"args":{"used":4}},
      {"ph":"X","name":"decode","pid":1,"tid":2,"ts":3.000,"dur":6.007,"args":{"steps":3,\#
      "decode_sequences":1,"context_tokens":64,"preempted_requests":2,"used_blocks":5,\#
      "empty_slots":13,\#
      "linear_us":6.007,"derived_us":0.007}},
      {"ph":"C","name":"queue","pid":1,"ts":3.000,"args":{"requests":0}},
      {"ph":"C","name":"KV blocks","pid":1,"ts":9.007,"args":{"used":5}},
      {"ph":"C","name":"batch","pid":1,"ts":9.007,"args":{"sequences":0}},
      {"ph":"M","name":"process_name","pid":3,"args":{"name":"run 1, fp16: no replica"}},
      {"ph":"M","name":"process_sort_index","pid":3,"args":{"sort_index":3}},
      {"ph":"M","name":"thread_name","pid":3,"tid":4,"args":{"name":"rejected"}},
      {"ph":"M","name":"thread_sort_index","pid":3,"tid":4,"args":{"sort_index":999}},
      {"ph":"i","name":"rejected: request 1","pid":3,"tid":4,"ts":0.700,"s":"t",\#
      "args":{"class":"batch","priority":3,"prompt_tokens":9000,"samples":1}},
      {"ph":"b","name":"request","pid":1,"ts":0.500,"cat":"request","id":"0x0000000000000001",\#
      "args":{"request":0}},
      {"ph":"b","name":"waiting","pid":1,"ts":0.500,"cat":"request","id":"0x0000000000000001"},
      {"ph":"e","name":"waiting","pid":1,"ts":1.000,"cat":"request","id":"0x0000000000000001"},
      {"ph":"e","name":"request","pid":1,"ts":9.007,"cat":"request","id":"0x0000000000000001"},
      {"ph":"M","name":"thread_name","pid":1,"tid":5,"args":{"name":"slot 0"}},
      {"ph":"M","name":"thread_sort_index","pid":1,"tid":5,"args":{"sort_index":1000}},
      {"ph":"X","name":"request 0","pid":1,"tid":5,"ts":1.000,"dur":8.007,\#
      "args":{"class":"chat","prompt_tokens":64,"cached_tokens":16,"output_tokens":4,\#
      "samples":1,"preemptions":1,"queue_us":0.500,"ttft_us":2.500,"tpot_us":2.002,"e2e_us":8.507}},
      {"ph":"X","name":"prefill","pid":1,"tid":5,"ts":1.000,"dur":2.000},
      {"ph":"X","name":"decode","pid":1,"tid":5,"ts":3.000,"dur":6.007},
      {"ph":"M","name":"thread_name","pid":1,"tid":6,"args":{"name":"events"}},
      {"ph":"M","name":"thread_sort_index","pid":1,"tid":6,"args":{"sort_index":999}},
      {"ph":"i","name":"preempted: request 0","pid":1,"tid":6,"ts":3.000,"s":"t",\#
      "args":{"kind":"preempted","cause":"decodes","tokens":64,"blocks":4}}
      ]}

      """#
    #expect(try folder.export(.perfetto) == expected)
  }

  @Test("Every request stands on one slot, alone there meanwhile, with its parts inside it")
  func requests() throws {
    let records = plausibleRecords(2_000, seed: 3)
    try writeTrace(folder.path(), records: records, formats: ["fp16", "int4"])
    let events = try events()
    let slices = events.filter { $0.phase == "X" && $0.name.hasPrefix("request ") }
    #expect(slices.count == 2 * records.finished.count)
    let rejected = events.filter { $0.phase == "i" }
    #expect(rejected.count == 2 * (records.requests.count - records.finished.count))
    // And on a track of its own from its arrival to its end.
    for phase in ["b", "e"] {
      let ends = events.filter { $0.phase == phase && $0.name == "request" }.map(\.startNs)
      let times = records.finished.map { phase == "b" ? $0.arrivalNs : $0.finishNs }
      #expect(ends.sorted() == (times + times).sorted())
    }
    let byID = Dictionary(uniqueKeysWithValues: records.finished.map { ("request \($0.id)", $0) })
    for slice in slices {
      let request = try #require(byID[slice.name])
      #expect(slice.startNs == request.scheduledNs && slice.endNs == request.finishNs)
    }
    for (track, slices) in Dictionary(grouping: slices, by: \.thread) {
      let ordered = slices.sorted { ($0.startNs, $0.endNs) < ($1.startNs, $1.endNs) }
      for (before, after) in zip(ordered, ordered.dropFirst()) {
        #expect(before.endNs <= after.startNs, "track \(track)")
      }
      let parts = events.filter {
        $0.thread == track && ($0.name == "prefill" || $0.name == "decode")
      }
      for part in parts {
        #expect(ordered.contains { $0.startNs <= part.startNs && part.endNs <= $0.endNs })
      }
      let whole = ordered.reduce(0) { $0 + $1.endNs - $1.startNs }
      #expect(parts.reduce(0) { $0 + $1.endNs - $1.startNs } == whole)
    }
  }

  @Test("Times without blocks and of copies stand inside their request, prompts where they were")
  func pauses() throws {
    func later(
      _ kind: EventRecord.Kind, _ id: Int64, _ start: Int64, _ ns: Int64, on replica: Int64
    ) -> AnyRecord {
      .event(
        EventRecord(kind: kind, timeNs: ns, startNs: start, replica: replica, request: id))
    }
    func request(_ id: Int64, _ times: Int64..., on replica: Int64, samples: Int64 = 1)
      -> AnyRecord
    {
      .request(
        RequestRecord(
          id: id, arrivalNs: times[0], scheduledNs: times[1], firstTokenNs: times[2],
          finishNs: times[3], promptTokens: 9, cachedTokens: 0, outputTokens: 5, preemptions: 1,
          outcome: .finished, replica: replica, samples: samples))
    }
    // The first loses its blocks in its prompt and while it decodes; the prompt of the second is
    // copied, and it is swapped out; of the third, with two samples, nothing can be said.
    try writeTrace(
      folder.path(),
      records: [
        later(.resumed, 0, 2_000, 3_000, on: 1), later(.resumed, 0, 5_000, 6_000, on: 1),
        later(.recomputed, 0, 6_000, 7_000, on: 1), later(.resumed, 2, 5_000, 6_000, on: 1),
        later(.handedOver, 1, 4_000, 4_500, on: 0), later(.swappedIn, 1, 5_000, 8_000, on: 3),
        request(0, 0, 1_000, 4_000, 9_000, on: 1), request(1, 500, 1_000, 4_000, 9_000, on: 3),
        request(2, 0, 1_000, 4_000, 9_000, on: 1, samples: 2),
      ], formats: ["fp16", "int4"])
    let events = try events { $0.run = 2 }
    let slices = events.filter { $0.phase == "X" }
    func parts(_ name: String) throws -> [String] {
      let whole = try #require(slices.first { $0.name == name })
      return slices.filter { $0.thread == whole.thread }
        .map { "\($0.name) \($0.startNs)–\($0.endNs)" }
    }
    #expect(
      try parts("request 0") == [
        "request 0 1000–9000", "prefill 1000–4000", "decode 4000–9000", "preempted 2000–3000",
        "preempted 5000–6000", "recompute 6000–7000",
      ])
    #expect(
      try parts("request 1") == [
        "request 1 1000–9000", "prefill on replica 0 1000–4000", "decode 4000–9000",
        "handed over 4000–4500", "swapped out 5000–8000",
      ])
    #expect(try parts("request 2").count == 3)
    #expect(try parts("prefill of request 1") == ["prefill of request 1 1000–4000"])
    let process = { name in events.first { $0.name == name }?.process }
    let names = Dictionary(
      uniqueKeysWithValues: events.filter { $0.name == "process_name" }.map {
        ($0.process, $0.arguments["name"] as? String ?? "")
      })
    let source = try #require(process("prefill of request 1"))
    #expect(names[source]?.hasPrefix("run 2, int4: replica 0 of prompts") == true)
    // It waited there for its prompt.
    let wait = try #require(
      events.first {
        $0.phase == "b" && $0.name == "waiting" && $0.arguments["request"] as? Int == 1
      })
    #expect(wait.process == source)
    // Of a window the same, for the requests in it.
    let late = try self.events { $0.window = 8_500..<9_500 }
    #expect(late.count { $0.name == "recompute" } == 2)
  }

  @Test("Counters have the values of pool_sample, and the batch is empty between steps")
  func counters() throws {
    let records = plausibleRecords(1_500, seed: 4)
    try writeTrace(folder.path(), records: records)
    let events = try events()
    let names = Dictionary(
      uniqueKeysWithValues: events.filter { $0.name == "process_name" }.map {
        ($0.arguments["name"] as! String, $0.process)
      })
    let connection = try connect(folder.path())
    for replica in 0..<3 {
      let process = try #require(names["run 1, fp16: replica \(replica) of prompts (prefill)"])
      func counter(_ name: String, _ series: String) -> [(ns: Int64, value: Int64)] {
        events.filter { $0.phase == "C" && $0.process == process && $0.name == name }
          .map { ($0.startNs, ($0.arguments[series] as! NSNumber).int64Value) }
      }
      let row = try connection.prepare(
        """
        SELECT time_ns, used_blocks, waiting_requests, running_sequences FROM pool_sample
        WHERE replica = \(replica) ORDER BY time_ns
        """)
      let blocks = counter("KV blocks", "used")
      let batch = counter("batch", "sequences")
      let queue = counter("queue", "requests")
      var place = 0
      while try row.step() {
        let ns = row.integer(0)
        #expect(blocks[place] == (ns, row.integer(1)))
        // What holds just before the row's end.
        #expect(queue.last { $0.ns < ns }?.value == row.integer(2))
        #expect(batch.last { $0.ns < ns }?.value == row.integer(3))
        place += 1
      }
      #expect(place == blocks.count && place > 100)
      let steps = records.steps.filter { $0.replica == replica }
      for (step, next) in zip(steps, steps.dropFirst()) where step.endNs < next.startNs {
        #expect(batch.last { $0.ns <= step.endNs }?.value == 0)
      }
      #expect(batch.last?.value == 0)
    }
  }

  @Test("Requests that wait are counted from arrival to their first step")
  func waits() throws {
    let records = plausibleRecords(1_000, seed: 5)
    try writeTrace(folder.path(), records: records)
    let events = try events()
    let requests = Dictionary(
      uniqueKeysWithValues: events.filter { $0.phase == "b" && $0.name == "request" }.map {
        ($0.id, ($0.arguments["request"] as! NSNumber).int64Value)
      })
    #expect(requests.count == records.finished.count)
    let begun = events.filter { $0.phase == "b" && $0.name == "waiting" }
    let ended = Dictionary(
      uniqueKeysWithValues: events.filter { $0.phase == "e" && $0.name == "waiting" }.map {
        ($0.id, $0.startNs)
      })
    let waited = records.finished.filter { $0.scheduledNs > $0.arrivalNs }
    #expect(begun.count == waited.count && ended.count == waited.count && !waited.isEmpty)
    let byID = Dictionary(uniqueKeysWithValues: waited.map { ($0.id, $0) })
    for event in begun {
      let number = try #require(requests[event.id])
      let request = try #require(byID[number])
      #expect(event.startNs == request.arrivalNs && ended[event.id] == request.scheduledNs)
    }
  }

  @Test("Runs share no process and no track, and no track has the number of a process")
  func numbers() throws {
    try writeTrace(
      folder.path(), records: plausibleRecords(300, seed: 6), formats: ["fp16", "int4"])
    let events = try events()
    let processes = events.filter { $0.name == "process_name" }.map(\.process)
    let threads = events.filter { $0.name == "thread_name" }.map(\.thread)
    #expect(Set(processes + threads).count == processes.count + threads.count)
    #expect(processes.count == 2 * 4)
    let only = try self.events { $0.run = 2 }.filter { $0.name == "process_name" }
    #expect(only.count == 4)
    #expect(only.allSatisfy { ($0.arguments["name"] as! String).hasPrefix("run 2, int4: ") })
  }

  @Test("A window takes the requests and steps that were there meanwhile, and no others")
  func window() throws {
    let records = plausibleRecords(1_000, seed: 7)
    try writeTrace(folder.path(), records: records)
    let window: Range<Int64> = 1 << 30..<1 << 31
    let events = try events { $0.window = window }
    let requests = records.finished.filter {
      $0.finishNs >= window.lowerBound && $0.arrivalNs < window.upperBound
    }
    let steps = records.steps.filter {
      $0.endNs >= window.lowerBound && $0.startNs < window.upperBound
    }
    #expect(
      Set(events.filter { $0.name.hasPrefix("request ") }.map(\.name))
        == Set(requests.map { "request \($0.id)" }))
    #expect(events.filter { $0.name == "KV blocks" }.count == steps.count)
    #expect(!requests.isEmpty && requests.count < records.finished.count && !steps.isEmpty)
  }

  @Test("Steps of a pipeline's lanes that overlap stand on tracks of their own")
  func lanes() throws {
    let steps = [(0, 10, 3), (4, 14, 5), (10, 20, 3), (14, 24, 6)].map {
      (start, end, decodes) -> AnyRecord in
      .step(
        StepRecord(
          startNs: start, endNs: end, steps: 1, decodeSequences: decodes, contextTokens: 9,
          prefillSequences: 0, prefillTokens: 0, waitingRequests: 0, preemptedRequests: 0,
          usedBlocks: 2, emptySlots: 0, cost: .init()))
    }
    try writeTrace(folder.path(), records: steps)
    let events = try events()
    let names = events.filter { $0.name == "thread_name" }.map { $0.arguments["name"] as! String }
    #expect(names == ["steps", "steps, lane 1"])
    let slices = events.filter { $0.phase == "X" }
    #expect(slices.map(\.startNs) == [0, 4, 10, 14])
    #expect(slices[0].thread == slices[2].thread && slices[1].thread == slices[3].thread)
    let counted = events.filter { $0.phase == "C" && $0.name != "queue" && $0.name != "KV blocks" }
      .filter { !$0.name.hasPrefix("queue") }
    #expect(
      counted.map(\.name) == ["batch", "batch, lane 1", "batch, lane 1", "batch", "batch, lane 1"])
    #expect(counted.map { $0.arguments["sequences"] as! Int } == [3, 5, 6, 0, 0])
  }

  @Test("A run that was killed is shown as far as it went; names mean what they say")
  func hostileNames() throws {
    try writeHostileTrace(folder.path())
    let names = try events().compactMap { $0.arguments["name"] as? String }
    #expect(
      names.contains("run 1, \(hostileName): replica 0 of \(hostileName) (prefill)"), "\(names)")
    let slice = try #require(try events().first { $0.name == "request 0" })
    #expect(slice.arguments["class"] as? String == hostileName)
  }
}
