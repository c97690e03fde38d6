import Foundation
import Simulator
import Testing

@testable import Report
@testable import Trace

@Suite("The page of a trace")
struct ReportPageTests {
  private func group(_ format: String, tokens: Int64, device: Int64 = 1) -> GroupDescription {
    GroupDescription(
      name: "replicas", role: "both", profileID: 1, format: format, firstReplica: 0, replicas: 2,
      devices: 4, kvBytesPerToken: 1_000, poolTokens: tokens, poolBlocks: 100, blockSize: 16)
  }

  private func curve(_ median: Int64) -> LatencyCurve {
    LatencyCurve(count: 1_000, percentilesNs: (0...100).map { median * (50 + Int64($0)) / 100 })
  }

  /// A run that produced so many tokens in ten seconds on eight devices.
  private func run(
    _ id: Int64, _ format: String, tokens: Double, medianNs: Int64 = 2_000_000_000,
    more: [Metric] = [], scenario: String = "chat", device: String = "NVIDIA H200",
    hasEnded: Bool = true
  ) -> RunOverview {
    let metrics = [
      Metric(name: "output_tokens", unit: "tokens", value: tokens),
      Metric(name: "output_tokens_per_s", unit: "tokens/s", value: tokens / 10),
      Metric(name: "device_ns", unit: "ns", value: 80e9),
      Metric(name: "e2e_p50_ns", unit: "ns", value: Double(medianNs)),
      Metric(name: "e2e_p99_ns", unit: "ns", value: Double(medianNs) * 1.49),
      Metric(name: "ttft_p50_ns", unit: "ns", value: 0.25e9),
      Metric(name: "ttft_p99_ns", unit: "ns", value: 1.5e9),
      Metric(name: "tpot_p50_ns", unit: "ns", value: 20e6),
      Metric(name: "tpot_p99_ns", unit: "ns", value: 40e6),
      Metric(name: "peak_running", unit: "sequences", value: 123),
      Metric(name: "preemptions", unit: "preemptions", value: 0),
    ]
    let end = StoredRun.End(
      rowDigest: "0123", lastEventNs: 10_000, requests: 1_000, stepRows: 9, events: 0)
    return RunOverview(
      run: StoredRun(
        id: id,
        description: RunDescription(
          scenarioID: 1, format: format, seed: 7, kvsimVersion: "0.1.0", startedUTC: "now",
          groups: [group(format, tokens: 16_000 * id)]),
        end: hasEnded ? end : nil, sequence: 1..<10),
      scenario: ScenarioDescription(
        name: scenario, sourcePath: nil, text: "name: \(scenario)", modelJSON: "", linkJSON: nil,
        classes: []),
      profiles: [
        ProfileDescription(
          name: "p", device: device, kernelPath: "k", provenance: "measured", checksum: "cafe",
          text: "")
      ], metrics: hasEnded ? metrics + more : [], lastEventNs: 10_000,
      queueing: curve(1_000), ttft: curve(250_000_000), tpot: curve(20_000_000),
      e2e: curve(medianNs),
      slices: (0..<100).map {
        TimeSlice(
          startNs: Double($0) * 100, endNs: Double($0 + 1) * 100, running: 3, usedShare: 0.5)
      }, stepTimes: times,
      concurrency: [
        ConcurrencyPoint(
          sequences: 4, steps: 20, stepNs: 2e7, tokensPerSecond: 200, tokensPerDeviceSecond: 50)
      ], pointsHavePrompts: format == "mixed", lanes: format == "mixed" ? 2 : 1,
      timeline: Timeline())
  }

  private var times: StepTimes {
    var times = StepTimes()
    times.steps = 4
    times.busyNs = 8e9
    times[.linear] = 6e9
    times[.decodeAttention] = 2e9
    return times
  }

  private func page(_ runs: RunOverview..., runsInFile: Int? = nil) -> String {
    ReportPage(
      TraceOverview(runs: runs, runsInFile: runsInFile ?? runs.count, window: 0..<10_000)
    ).rendered()
  }

  private func answer(_ runs: RunOverview...) -> Answer {
    Answer(ReportRun.all(TraceOverview(runs: runs, runsInFile: runs.count, window: nil)))
  }

  @Test("The format with more throughput is best, those within 1 % are its peers")
  func throughput() {
    let answer = answer(
      run(1, "fp16", tokens: 10_000), run(2, "int4", tokens: 20_000),
      run(3, "int4-rotated", tokens: 19_900))
    #expect(
      answer.headline
        == "int4 serves this load best: 2,000 output tokens/s, 2.00 times the 1,000 of fp16.")
    #expect(answer.sentences[0] == "int4-rotated is as good, within 1 %.")
    #expect(
      answer.sentences[1]
        == "It runs on 2 replicas of 4 devices (NVIDIA H200), 8 in all: 250 output tokens/s for "
        + "each device.")
    #expect(answer.sentences[2].contains("a replica held 123 requests at once"))
    #expect(answer.sentences[2].contains("32,000 tokens; fp16 123 requests"))
    #expect(answer.sentences[3].contains("first token after 250 ms and 1.50 s"))
    #expect(answer.sentences[3].contains("a token every 20.0 ms and 40.0 ms"))
  }

  @Test("With throughput alike the shorter latency decides, with objectives those who met them")
  func latencyAndObjectives() {
    let slow = run(1, "fp16", tokens: 10_000, medianNs: 4_000_000_000)
    let fast = run(2, "int4", tokens: 10_050)
    #expect(
      answer(slow, fast).headline
        == "int4 serves this load best: as much throughput, and a median end-to-end latency of "
        + "2.00 s against 4.00 s of fp16.")
    func share(_ value: Double) -> [Metric] {
      [
        Metric(name: "good_share", unit: "1", value: value),
        Metric(name: "goodput", unit: "requests/s", value: 12),
      ]
    }
    let answer = answer(
      run(1, "fp16", tokens: 10_000, more: share(0.95)),
      run(2, "int4", tokens: 20_000, more: share(0.5)))
    #expect(
      answer.headline == "fp16 serves this load best: 95.0 % of its requests meet their "
        + "objectives, against 50.0 % with int4.")
    #expect(answer.sentences.contains { $0.contains("int4 50.0 %, 12 requests/s") })
  }

  @Test("Where replicas come and go the throughput of a device decides; roles are told")
  func changingFleet() {
    let fixed = run(1, "fp16", tokens: 20_000)
    var changing = run(2, "int4", tokens: 10_000)
    changing.metrics = changing.metrics.map {
      $0.name == "device_ns" ? Metric(name: $0.name, unit: $0.unit, value: 20e9) : $0
    }
    #expect(answer(fixed, changing).headline.hasPrefix("fp16 serves this load best: 2,000"))
    changing.events.sums = [
      RunEvents.Sum(
        kind: .replicaReady, cause: .none, count: 1, firstNs: 1, lastNs: 1, tookNs: 1, tokens: 0)
    ]
    for (group, role) in zip(0..<2, ["prefill", "decode"]) {
      changing.profiles.append(changing.profiles[0])
      changing.run.description.groups.insert(self.group("int4", tokens: 9), at: group)
      changing.run.description.groups[group].role = role
    }
    changing.run.description.groups.removeLast()
    let answer = answer(fixed, changing)
    #expect(
      answer.headline == "int4 serves this load best: 500 output tokens/s for each device, "
        + "2.00 times the 250 of fp16.")
    #expect(
      answer.sentences[0].hasPrefix(
        "It runs on 2 prefill replicas of 4 devices (NVIDIA H200) and 2 decode replicas of 4 "
          + "devices (NVIDIA H200), 16 in all"))
  }

  @Test("Times between tokens are drawn where a run kept them, and nowhere else")
  func tokenTimes() {
    var kept = run(1, "fp16", tokens: 10_000)
    kept.itl = curve(20_000_000)
    #expect(
      page(kept).contains("Share of gaps by time between tokens. fp16: p50 20.0 ms, p90 28.0 ms"))
    #expect(page(kept).contains("1,000 gaps.") && page(kept).contains("id=\"itl\""))
    #expect(!page(run(1, "fp16", tokens: 1)).contains("id=\"itl\""))
  }

  @Test("What is held at once are sequences where requests have several samples")
  func samples() {
    let sampled = run(
      1, "fp16", tokens: 10_000, more: [Metric(name: "samples", unit: "samples", value: 9)])
    #expect(answer(sampled).sentences[1].contains("held 123 sequences at once in a KV pool"))
    #expect(page(sampled).contains("most sequences held at once by a replica"))
    #expect(page(run(1, "fp16", tokens: 1)).contains("most requests held at once by a replica"))
  }

  @Test("Alike formats, one run, none that ended: each is said as it is")
  func otherAnswers() {
    let same = answer(run(1, "fp16", tokens: 10_000), run(2, "int4", tokens: 10_000))
    #expect(same.headline.hasPrefix("All formats serve this load alike"))
    #expect(answer(run(1, "int4", tokens: 5)).headline.hasPrefix("int4 serves this load with"))
    let open = answer(run(1, "int4", tokens: 5, hasEnded: false))
    #expect(open.headline.hasPrefix("No run of this trace has ended") && open.sentences.isEmpty)
    #expect(answer().headline.hasPrefix("No run"))
  }

  @Test("Whatever a trace says stays text, in every place where it stands")
  func hostileText() {
    let evil = "</title><script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"x"
    let metric = Metric(name: evil, unit: evil, value: 1e300)
    let page = page(
      run(1, evil, tokens: .infinity, more: [metric], scenario: evil, device: evil),
      run(2, evil, tokens: .nan, scenario: evil), runsInFile: 9)
    #expect(!page.contains("<script") && !page.contains("<img") && !page.contains("onload=\"x"))
    #expect(page.contains("&lt;script&gt;"))
    #expect(page.contains("The trace has 9 runs; the first 2 are shown."))
  }

  @Test("A page has its parts in order, the answer first, and each chart says what it shows")
  func parts() throws {
    let page = page(run(1, "fp16", tokens: 10_000), run(2, "int4", tokens: 20_000))
    let order = [
      "<!DOCTYPE html>", "Content-Security-Policy", "<title>kvsim: chat</title>", "<h1>",
      "class=\"answer\"", "At a glance", "id=\"ttft\"", "id=\"tpot\"", "id=\"e2e\"",
      "id=\"throughput\"", "id=\"step-time\"", "id=\"pareto\"", "id=\"pool\"", "id=\"waiting\"",
      "id=\"steps\"", "id=\"timeline-0\"", "All figures", "data:text/csv;charset=utf-8;base64,",
      "Where this is from", "name: chat", "</html>",
    ]
    var rest = page[...]
    for part in order {
      let place = try #require(rest.range(of: part), "\(part) is missing or stands too early")
      rest = rest[place.upperBound...]
    }
    #expect(page.contains("Share of requests by time to first token. fp16: p50 250 ms"))
    #expect(page.contains("fp16: 8.00 s in all, linear 75.0 % and decode attention 25.0 %."))
    #expect(page.contains("250 tokens/s of a device at 50.0 tokens/s of the median request"))
    #expect(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"))
    #expect(!page.contains("started"), "the same trace gives the same page")
  }

  @Test(
    "What happened is a table and sentences, with marks in the charts; without it there is none")
  func events() {
    func sum(
      _ kind: EventRecord.Kind, _ cause: EventRecord.Cause = .none, count: Int64,
      tookNs: Double = 0
    ) -> RunEvents.Sum {
      RunEvents.Sum(
        kind: kind, cause: cause, count: count, firstNs: 1, lastNs: 9, tookNs: tookNs, tokens: 5)
    }
    var changed = run(1, "fp16", tokens: 10_000)
    changed.events.sums = [
      sum(.preempted, .decodes, count: 5_671), sum(.resumed, count: 4, tookNs: 8e9),
      sum(.replicaFailed, count: 2), sum(.rejected, .pool, count: 3),
      sum(.rejected, .queue, count: 1),
    ]
    changed.events.ofReplicas = [
      RunEvents.OfReplica(kind: .replicaFailed, replica: 1, timeNs: 2_000),
      RunEvents.OfReplica(kind: .replicaRecovered, replica: 1, timeNs: 5_000),
      RunEvents.OfReplica(kind: .replicaFailed, replica: 0, timeNs: 7_000),
    ]
    changed.slices[4].rejections = 4
    let page = page(changed, run(2, "int4", tokens: 20_000))
    for row in [
      "preempted: those that decode needed blocks</th>\n<td>5,671</td>\n<td>0</td>",
      "rejected: longer than the pool</th>\n<td>3</td>\n<td>0</td>",
      "rejected: the queue was full</th>\n<td>1</td>\n<td>0</td>",
      "mean time without blocks</th>\n<td>2.00 s</td>\n<td>–</td>",
      "fp16: replica 1 failed at 2.00 µs and served again at 5.00 µs; replica 0 failed at 7.00 µs "
        + "and did not serve again.",
      "id=\"rejections\"", "id=\"replicas\"", "class=\"moment\"",
      "at 2.00 µs\nfp16: replica 1 fails, serves again at 5.00 µs",
      "Failures of replicas are marked at 2.00 µs, 7.00 µs.",
    ] { #expect(page.contains(row), "\(row)") }
    let quiet = self.page(run(1, "fp16", tokens: 10_000))
    for part in ["What happened", "class=\"moment", "id=\"rejections\"", "id=\"replicas\""] {
      #expect(!quiet.contains(part), "\(part)")
    }
  }

  @Test("A bar of the timeline is cut where its request had no blocks or computed again")
  func pauses() throws {
    var run = run(1, "fp16", tokens: 10_000)
    run.timeline.requestsInWindow = 1
    run.timeline.requests = [
      TimelineRequest(
        id: 0, arrivalNs: 0, scheduledNs: 1_000, firstTokenNs: 2_000, finishNs: 10_000,
        promptTokens: 7, outputTokens: 9, preemptions: 1,
        pauses: [
          TimelineRequest.Pause(startNs: 4_000, endNs: 5_000, isRecomputing: false),
          TimelineRequest.Pause(startNs: 5_000, endNs: 7_000, isRecomputing: true),
        ])
    ]
    let page = page(run)
    let start = try #require(page.range(of: "id=\"timeline-0\""))
    let chart = page[start.upperBound...].prefix { $0 != "§" }
    let bars = ["queue", "prefill", "decode", "queue", "prefill", "decode"]
    var rest = chart[...]
    var widths: [Double] = []
    for bar in bars {
      let place = try #require(rest.range(of: "<rect class=\"\(bar)\""))
      rest = rest[place.upperBound...]
      let width = try #require(rest.range(of: "width=\""))
      widths.append(try #require(Double(rest[width.upperBound...].prefix { $0 != "\"" })))
    }
    let all = widths.reduce(0, +)
    for (width, share) in zip(widths, [0.1, 0.1, 0.2, 0.1, 0.2, 0.3]) {
      #expect(abs(width / all - share) < 0.002)
    }
    #expect(chart.contains("1 preemption: 1.00 µs without blocks, 2.00 µs to compute again"))
  }

  @Test("Points of mixed steps and of lanes are said to be such")
  func loadText() {
    let plain = page(run(1, "fp16", tokens: 10_000))
    #expect(!plain.contains("there are none") && !plain.contains("lane"))
    let mixed = page(run(1, "mixed", tokens: 10_000))
    #expect(mixed.contains("Of mixed there are none: every step computes prompts besides."))
    #expect(mixed.contains("Sequences are those of one lane of a pipeline"))
  }

  @Test("The download has every metric of every run with every digit")
  func download() throws {
    let page = page(
      run(1, "fp16", tokens: 10_000), run(2, "int4", tokens: 1.0 / 3, hasEnded: true))
    let marker = try #require(page.range(of: "base64,"))
    let text = page[marker.upperBound...].prefix { $0 != "\"" }
    let csv = String(decoding: try #require(Data(base64Encoded: String(text))), as: UTF8.self)
    #expect(page.contains(">Download as CSV</a>\nwith every digit."))
    let lines = csv.split(separator: "\n")
    #expect(lines.count == 12 && lines[0] == "figure,unit,fp16,int4")
    #expect(lines.contains("output_tokens,tokens,10000.0,0.3333333333333333"))
  }

  @Test("Runs of one format are told apart by their numbers")
  func labels() {
    let runs = ReportRun.all(
      TraceOverview(
        runs: [run(1, "int4", tokens: 1), run(2, "int4", tokens: 1), run(3, "fp16", tokens: 1)],
        runsInFile: 3, window: nil))
    #expect(runs.map(\.label) == ["int4, run 1", "int4, run 2", "fp16"])
  }
}
