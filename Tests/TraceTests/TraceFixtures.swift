import Foundation
import Simulator

@testable import Trace

/// A folder of a test's own, removed with it.
final class TemporaryFolder {
  let url: URL

  init() throws {
    url = FileManager.default.temporaryDirectory.appending(path: "kvsim-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit {
    try? FileManager.default.removeItem(at: url)
  }

  func path(_ name: String = "trace.db") -> String { url.appending(path: name).path }

  /// The names of everything in it.
  func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).sorted()
  }

  func bytes(_ name: String = "trace.db") throws -> Data {
    try Data(contentsOf: url.appending(path: name))
  }

  func write(_ data: Data, to name: String = "trace.db") throws {
    try data.write(to: url.appending(path: name))
  }
}

/// A record of any kind, so that their common order can be compared.
enum AnyRecord: Hashable {
  case request(RequestRecord)
  case step(StepRecord)
  case event(EventRecord)
  case tokens(TokenRecord)
}

/// Keeps every record.
struct ListRecorder: Recorder {
  var records: [AnyRecord] = []
  mutating func record(_ request: RequestRecord) { records.append(.request(request)) }
  mutating func record(_ run: StepRecord) { records.append(.step(run)) }
  mutating func record(_ event: EventRecord) { records.append(.event(event)) }
}

extension Recorder {
  mutating func record(_ record: AnyRecord) throws(Failure) {
    switch record {
    case .request(let request): try self.record(request)
    case .step(let step): try self.record(step)
    case .event(let event): try self.record(event)
    case .tokens(let tokens): try self.record(tokens)
    }
  }
}

let sampleScenario = ScenarioDescription(
  name: "chat", sourcePath: "Scenarios/chat.yaml", text: "name: chat\n# Grüße\n",
  modelJSON: #"{"hidden_size": 4096}"#, linkJSON: #"{"kvsim_link": 1}"#,
  classes: [
    ClassDescription(
      name: "chat", priority: -2, systemPromptTokens: 100, ttftObjectiveNs: 5,
      tpotObjectiveNs: 6, e2eObjectiveNs: 7),
    ClassDescription(
      name: "batch", priority: 3, systemPromptTokens: 0, ttftObjectiveNs: nil,
      tpotObjectiveNs: nil, e2eObjectiveNs: nil),
  ])

let sampleProfile = ProfileDescription(
  name: "ryzen", device: "AMD Ryzen 9", kernelPath: "cpu-avx2", provenance: "measured",
  checksum: "0123abcd", text: #"{"operators": []}"#)

func sampleRun(format: String = "fp16", scenario: Int64 = 1) -> RunDescription {
  func group(_ name: String, _ role: String, _ replicas: Range<Int64>) -> GroupDescription {
    GroupDescription(
      name: name, role: role, profileID: 1, format: format, firstReplica: replicas.lowerBound,
      replicas: replicas.upperBound - replicas.lowerBound, devices: 8, kvBytesPerToken: 131_072,
      poolTokens: 16_000, poolBlocks: 1_000, blockSize: 16)
  }
  return RunDescription(
    scenarioID: scenario, format: format, seed: .max - 5, kvsimVersion: "0.1.0",
    startedUTC: "2026-05-01T12:00:00Z",
    groups: [group("prompts", "prefill", 0..<3), group("tokens", "decode", 3..<4096)])
}

let finishedRequest = RequestRecord(
  id: 0, arrivalNs: 10, scheduledNs: 20, firstTokenNs: 30, finishNs: 50, promptTokens: 7,
  cachedTokens: 4, outputTokens: 3, preemptions: 1, outcome: .finished, requestClass: 1,
  priority: -5, replica: 2)

let rejectedRequest = RequestRecord(
  id: 1, arrivalNs: 15, scheduledNs: -1, firstTokenNs: -1, finishNs: 15, promptTokens: 9_000,
  cachedTokens: 0, outputTokens: 0, preemptions: 0, outcome: .rejected, replica: -1)

/// Three samples of one prompt, the last of which had four tokens.
let sampledRequest = RequestRecord(
  id: 2, arrivalNs: 10, scheduledNs: 20, firstTokenNs: 30, finishNs: 60, promptTokens: 7,
  cachedTokens: 4, outputTokens: 9, preemptions: 1, outcome: .finished, requestClass: 1,
  priority: -5, replica: 2, samples: 3, lastSampleTokens: 4)

let sampleStep = StepRecord(
  startNs: 20, endNs: 30, steps: 1, decodeSequences: 2, contextTokens: 100,
  prefillSequences: 1, prefillTokens: 64, waitingRequests: 3, preemptedRequests: 0,
  usedBlocks: 9, emptySlots: 5,
  cost: .init(
    linearNs: 1, appendNs: 2, decodeAttentionNs: 3, prefillAttentionNs: 4, elementwiseNs: 5,
    collectiveNs: 7, hostNs: 8, swapNs: 10, extrapolatedNs: 6, derivedNs: 9), replica: 3)

/// The third sample of a request goes to the host's memory for another request.
let sampleEvent = EventRecord(
  kind: .swappedOut, timeNs: 25, replica: 3, request: 0, sample: 2, cause: .urgency, yieldedTo: 1,
  tokens: 7, blocks: 3)

/// Records that look like a simulation's, the same for the same seed.
func sampleRecords(_ count: Int, seed: UInt64) -> [AnyRecord] {
  var state = seed
  func random(_ bound: UInt64) -> Int64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Int64(state >> 33 % bound)
  }
  return (0..<count).map { index in
    if random(3) > 0 {
      let arrival = random(1 << 40)
      let isRejected = random(10) == 0
      let start = isRejected ? -1 : arrival + random(1 << 30)
      return .request(
        RequestRecord(
          id: Int64(index), arrivalNs: arrival, scheduledNs: start,
          firstTokenNs: isRejected ? -1 : start + random(1 << 30),
          finishNs: isRejected ? arrival : start + (1 << 31) + random(1 << 30),
          promptTokens: random(8_192), cachedTokens: random(512),
          outputTokens: isRejected ? 0 : 1 + random(4), preemptions: random(3),
          outcome: isRejected ? .rejected : .finished, requestClass: random(2),
          priority: random(9) - 4, replica: random(5) - 1, samples: 1 + random(3),
          lastSampleTokens: random(4)))
    }
    if random(4) == 0 {
      let time = random(1 << 40)
      return .event(
        EventRecord(
          kind: EventRecord.Kind.allCases[Int(random(15))], timeNs: time,
          startNs: time - random(1 << 20), replica: random(4), toReplica: random(3) - 1,
          request: random(UInt64(count)) - 1, sample: random(3),
          cause: EventRecord.Cause.allCases[Int(random(11))], yieldedTo: random(3) - 1,
          tokens: random(4_096), blocks: random(300)))
    }
    return .step(
      StepRecord(
        startNs: random(1 << 40), endNs: random(1 << 41), steps: 1 + random(40),
        decodeSequences: random(256), contextTokens: random(1 << 20),
        prefillSequences: random(8), prefillTokens: random(4_096), waitingRequests: random(100),
        preemptedRequests: random(4), usedBlocks: random(1_000), emptySlots: random(5_000),
        cost: .init(
          linearNs: random(1 << 24), appendNs: random(1 << 20),
          decodeAttentionNs: random(1 << 24), prefillAttentionNs: random(1 << 24),
          elementwiseNs: random(1 << 16), collectiveNs: random(1 << 16),
          hostNs: random(1 << 16), swapNs: random(1 << 16), extrapolatedNs: random(1 << 20),
          derivedNs: random(1 << 20)),
        replica: random(4)))
  }
}

/// Writes a whole trace with one run for each format, all with the same records.
/// - Returns: the digests of the runs.
@discardableResult
func writeTrace(
  _ path: String, records: [AnyRecord], formats: [String] = ["fp16"], overwrite: Bool = false,
  metrics: [Metric] = []
) throws -> [String] {
  var writer = try TraceWriter(path: path, overwrite: overwrite)
  _ = try writer.addScenario(sampleScenario)
  _ = try writer.addProfile(sampleProfile)
  var digests: [String] = []
  for format in formats {
    try writer.beginRun(sampleRun(format: format))
    for record in records { try writer.record(record) }
    digests.append(try writer.endRun(metrics: metrics))
  }
  try writer.finish()
  return digests
}

/// A connection for the tests' own queries, with views.
func connect(_ path: String) throws -> Connection {
  try Connection(file: TracePath(path).file, path: path, mode: .create)
}

/// The error that `body` throws, if it is a `TraceError`.
func traceError(_ body: () throws -> Void) -> TraceError? {
  do {
    try body()
    return nil
  } catch {
    return error as? TraceError
  }
}
