import Foundation
import Simulator
import Testing

@testable import Trace

/// A request with its prompt on a step of its own, one that is rejected, two runs of steps, and a
/// preemption.
let smallRecords: [AnyRecord] = [
  .request(
    RequestRecord(
      id: 1, arrivalNs: 700, scheduledNs: -1, firstTokenNs: -1, finishNs: 700,
      promptTokens: 9_000, cachedTokens: 0, outputTokens: 0, preemptions: 0, outcome: .rejected,
      requestClass: 1, priority: 3, replica: -1)),
  .step(
    StepRecord(
      startNs: 1_000, endNs: 3_000, steps: 1, decodeSequences: 0, contextTokens: 0,
      prefillSequences: 1, prefillTokens: 48, waitingRequests: 1, preemptedRequests: 0,
      usedBlocks: 4, emptySlots: 16, cost: .init(linearNs: 1_500, prefillAttentionNs: 500))),
  .step(
    StepRecord(
      startNs: 3_000, endNs: 9_007, steps: 3, decodeSequences: 1, contextTokens: 64,
      prefillSequences: 0, prefillTokens: 0, waitingRequests: 0, preemptedRequests: 2,
      usedBlocks: 5, emptySlots: 13, cost: .init(linearNs: 6_007, derivedNs: 7))),
  .request(
    RequestRecord(
      id: 0, arrivalNs: 500, scheduledNs: 1_000, firstTokenNs: 3_000, finishNs: 9_007,
      promptTokens: 64, cachedTokens: 16, outputTokens: 4, preemptions: 1, outcome: .finished,
      replica: 0)),
  .event(
    EventRecord(
      kind: .preempted, timeNs: 3_000, replica: 0, request: 0, cause: .decodes, tokens: 64,
      blocks: 4)),
]

/// The same without what a request found in the prefix cache, which not every form can tell.
let uncachedRecords: [AnyRecord] = smallRecords.map { record in
  guard case .request(var request) = record else { return record }
  request.cachedTokens = 0
  return .request(request)
}

/// Records of requests and steps as an engine could have made them: times follow one another, and
/// the steps of a replica do not overlap.
func plausibleRecords(_ count: Int, seed: UInt64, replicas: Int64 = 3) -> [AnyRecord] {
  var state = seed
  func random(_ bound: UInt64) -> Int64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int64(state >> 33 % bound)
  }
  var endsNs = [Int64](repeating: 0, count: Int(replicas))
  return (0..<count).map { index in
    let replica = random(UInt64(replicas))
    if random(2) == 0 {
      let start = endsNs[Int(replica)] + (random(4) == 0 ? random(1 << 24) : 0)
      let end = start + 1 + random(1 << 24)
      endsNs[Int(replica)] = end
      return .step(
        StepRecord(
          startNs: start, endNs: end, steps: 1 + random(8), decodeSequences: random(64),
          contextTokens: random(1 << 16), prefillSequences: random(3),
          prefillTokens: random(2_048), waitingRequests: random(5), preemptedRequests: random(2),
          usedBlocks: random(1_000), emptySlots: random(9),
          cost: .init(linearNs: random(1 << 20), hostNs: random(99)),
          replica: replica))
    }
    let arrival = random(1 << 32)
    let isRejected = random(12) == 0
    let start = arrival + (random(3) == 0 ? 0 : random(1 << 30))
    let token = start + random(1 << 28)
    let tokens = 1 + random(9)
    return .request(
      RequestRecord(
        id: Int64(index), arrivalNs: arrival, scheduledNs: isRejected ? -1 : start,
        firstTokenNs: isRejected ? -1 : token,
        finishNs: isRejected ? arrival : tokens == 1 ? token : token + random(1 << 31),
        promptTokens: 1 + random(8_192), cachedTokens: random(2),
        outputTokens: isRejected ? 0 : tokens, preemptions: random(3),
        outcome: isRejected ? .rejected : .finished, requestClass: random(2),
        priority: random(9) - 4, replica: isRejected ? -1 : replica))
  }
}

extension [AnyRecord] {
  var requests: [RequestRecord] {
    compactMap { if case .request(let request) = $0 { request } else { nil } }
  }
  var finished: [RequestRecord] { requests.filter { $0.outcome == .finished } }
  var steps: [StepRecord] {
    compactMap { if case .step(let step) = $0 { step } else { nil } }
  }
}

/// What a scenario states, in tests.
let statedTraffic = StatedTraffic(
  modelName: "Llama-3.1-8B", requestRate: .perSecond(2.5), burstiness: 0.5, maxConcurrency: 7)

extension TemporaryFolder {
  /// Exports its trace to a file, and reads that.
  func export(
    _ form: ExportForm, traffic: StatedTraffic = statedTraffic,
    _ change: (inout ExportOptions) -> Void = { _ in }
  ) throws -> String {
    let file = path("export-\(UUID().uuidString)")
    var options = ExportOptions(to: .file(file))
    change(&options)
    try TraceExport(of: TraceReader(path: path()), options: options) { _ in traffic }
      .write(as: form)
    return try String(contentsOfFile: file, encoding: .utf8)
  }

  /// The objects of an export in JSON Lines.
  func exportLines(
    _ form: ExportForm, _ change: (inout ExportOptions) -> Void = { _ in }
  ) throws -> [[String: Any]] {
    try export(form, change).split(separator: "\n").map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
  }
}

/// A name that every notation has to escape something of.
let hostileName = "a\"b\\c,d\n<script>\u{1b}[31m\u{7f}\u{85}\u{2028}\t;é🙂{}"

/// Writes a trace whose scenario, classes, groups and format all have a hostile name.
func writeHostileTrace(_ path: String) throws {
  var writer = try TraceWriter(path: path, overwrite: false)
  var scenario = sampleScenario
  scenario.name = hostileName
  scenario.classes[0].name = hostileName
  _ = try writer.addScenario(scenario)
  _ = try writer.addProfile(sampleProfile)
  var run = sampleRun(format: hostileName)
  run.groups[0].name = hostileName
  run.kvsimVersion = hostileName
  try writer.beginRun(run)
  for record in smallRecords { try writer.record(record) }
  try writer.endRun(metrics: [Metric(name: hostileName, unit: "", value: 1.5)])
  try writer.finish()
}
