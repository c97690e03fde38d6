import TestSupport

@testable import Scenario

/// Scenarios made of parts of good ones and of values that may fit nowhere, the same for the same
/// seed.
struct ScenarioMutator {
  private var random: SeededRandom
  /// The good scenarios.
  private let nodes: [SourceNode]
  /// What stands under each key somewhere.
  private let values: [(key: String, value: SourceNode)]

  init(seed: UInt64) {
    random = SeededRandom(seed)
    nodes = ScenarioMutator.good.compactMap {
      YAMLSource.parse($0, into: DiagnosticLog(file: "", dialect: .yaml))
    }
    values = nodes.flatMap(ScenarioMutator.members)
  }

  private static let arrivals = [
    "{process: deterministic, rate: 1e2/min}",
    "{process: gamma, rate: 9000 /h, burstiness: 0.25}",
    "{process: rate-curve, points: [{at: 0 s, rate: 1/s}, {at: 2 min, rate: 0/s}], period: 1 h}",
    "{process: on-off, rate: 5/s, on: 2 s, off: 1.5 min, off_rate: 0.1/s}",
    "{process: clients, file: clients.csv, rate_scale: 2.5}",
    "{process: closed-loop, concurrency: 3}",
    "{process: closed-loop, concurrency: 3, think_time: 2.5e3 ms}",
    "{process: closed-loop, concurrency: 3, think_time: {exponential: {mean: 1.5 s}}}",
    "{process: replay, trace: trace.csv, start: 0 s, jitter: 3 s, time_scale: 0.5}",
    "{process: replay, trace: trace.csv, end: 5 s, repeats: 3}",
  ]

  private static let changes: [(old: String, new: String)] = [
    ("{uniform: {min: 10, max: 20}}", "{log_normal: {mean: 100.5, cv: 1, min: 4, max: 900}}"),
    ("{uniform: {min: 10, max: 20}}", "{log_normal: {mean: 100, cv: 0.5}}"),
    ("tokens: 30", "tokens: {empirical: lengths.txt}"),
    ("tokens: 30", "tokens: 30\n  client: {prepare: 120 us, send: 0 s}"),
    ("max_num_seqs: 64", "scheduler: sglang\n  enable_prefix_caching: false"),
    ("max_num_seqs: 64", "scheduler: edf\n  long_prefill_token_threshold: 256"),
    ("max_num_seqs: 64", "watermark: 0.05\n  max_queued_requests: 0"),
    ("tokens: 30", "tokens: 30\n  system_prompt_tokens: 64\n  objectives: {ttft: 1 s}"),
    ("kv_cache_memory_bytes: 2 GiB", "gpu_memory_utilization: 0.5"),
    ("block_size: 16", "host_overhead: {per_step: 0.3 ms}\n  pipeline_parallel_size: 1"),
    ("[fp16, int4]", "int4-rotated"),
    (
      "profile: profile.json\n",
      "profile: profile.json\n  link: {bandwidth: 450 GB/s, latency: 2.5 us}\n"
    ),
    ("kv_cache:\n  format: [fp16, int4]\n", ""), ("seed: 7\n", ""), ("name: test-run\n", ""),
    ("A good one", "\"\""),
  ]

  /// Scenarios that the parser accepts in a ``Fixture``.
  static let good: [String] =
    [
      Fixture.scenario, ClusterReaderTests.clustered, ClassesTests.shared, ClassesTests.apart,
      SessionReaderTests.conversation, SessionReaderTests.classes, lengthsInClasses,
    ]
    + changes.map { Fixture.scenario.replacingOccurrences(of: $0.old, with: $0.new) }
    + arrivals.map { arrivals in
      let text = Fixture.scenario.replacingOccurrences(
        of: "\n    process: poisson\n    rate: 2.5/s", with: " " + arrivals)
      guard arrivals.contains("replay") else { return text }
      return text.replacingOccurrences(of: "  requests: 100\n", with: "")
        .replacingOccurrences(of: "  output_tokens: 30\n", with: "")
    }

  /// Classes that leave nothing to the workload but when they arrive.
  private static let lengthsInClasses = ClassesTests.shared
    .replacingOccurrences(of: "  prompt_tokens: {uniform: {min: 10, max: 20}}\n", with: "")
    .replacingOccurrences(of: "  output_tokens: 30\n", with: "")
    .replacingOccurrences(of: "share: 3", with: "share: 3\n      prompt_tokens: 5")
    .replacingOccurrences(of: "priority:", with: "output_tokens: 30\n      priority:")

  private static func members(of node: SourceNode) -> [(key: String, value: SourceNode)] {
    switch node.kind {
    case .scalar: []
    case .sequence(let items): items.flatMap(members)
    case .mapping(let members):
      members.flatMap { [($0.key, $0.value)] + ScenarioMutator.members(of: $0.value) }
    }
  }

  private static let scalars = [
    "0", "1", "-1", "2", "17", "0.5", "1.0", "1e3", "1e-400", "99999999999999999999", "true",
    "false", "null", "~", "on", "", "abc", "a b", "fp16", "vllm", "0 s", "-0 s", "1 s", "0.0 ms",
    "1e400 s", "00 s", "1.5 GiB", "1e3 B", "0 B", "0/s", "-0/s", "2.5/s", "1e-3/min", "0.50/h",
    "1 GB/s", "0x1F", "0o17", "017", "12:30:45", "1_000", "+1", ".5", "2023-11-16", "profile.json",
  ]

  private mutating func below(_ bound: Int) -> Int {
    Int(random.next() % UInt64(bound))
  }

  private mutating func one<Element>(of items: [Element]) -> Element {
    items[below(items.count)]
  }

  /// The next scenario, in YAML.
  mutating func next() -> String {
    var node = one(of: nodes)
    for _ in 0..<below(4) { node = mutated(node) }
    return ScenarioMutator.text(node) + "\n"
  }

  private mutating func mutated(_ node: SourceNode) -> SourceNode {
    switch node.kind {
    case .scalar: return other(node)
    case .sequence(var items):
      guard !items.isEmpty, below(4) > 0 else { return other(node) }
      let at = below(items.count)
      items[at] = mutated(items[at])
      return SourceNode(kind: .sequence(items), position: .start)
    case .mapping(var members):
      guard !members.isEmpty, below(8) > 0 else { return other(node) }
      let at = below(members.count)
      let member = members[at]
      switch below(8) {
      case 0: members.remove(at: at)
      case 1: members[at] = named(one(of: values).key, member.value)
      case 2:
        let (key, value) = one(of: values)
        members.append(named(key, value))
      case 3, 4:
        let same = values.filter { $0.key == member.key }
        if !same.isEmpty { members[at] = named(member.key, one(of: same).value) }
      default: members[at] = named(member.key, mutated(member.value))
      }
      var names: Set<String> = []
      members = members.filter { names.insert($0.key).inserted }
      return SourceNode(kind: .mapping(members), position: .start)
    }
  }

  private mutating func other(_ node: SourceNode) -> SourceNode {
    switch below(6) {
    case 0: return one(of: values).value
    case 1: return SourceNode(kind: .sequence([node]), position: .start)
    case 2: return SourceNode(kind: .mapping([]), position: .start)
    default:
      let isQuoted = below(4) == 0
      return SourceNode(
        kind: .scalar(one(of: ScenarioMutator.scalars), quoted: isQuoted), position: .start)
    }
  }

  private func named(_ key: String, _ value: SourceNode) -> SourceNode.Member {
    SourceNode.Member(key: key, keyPosition: .start, value: value)
  }

  /// A node in YAML's flow style.
  private static func text(_ node: SourceNode) -> String {
    switch node.kind {
    case .scalar(let text, quoted: true): quotedForJSON(text)
    case .scalar(let text, quoted: false): text
    case .sequence(let items):
      // Between commas, nothing is no value.
      "["
        + items.map {
          let item = text($0); return item.isEmpty ? "~" : item
        }
        .joined(separator: ", ") + "]"
    case .mapping(let members):
      "{" + members.map { "\(quotedForJSON($0.key)): \(text($0.value))" }.joined(separator: ", ")
        + "}"
    }
  }
}
