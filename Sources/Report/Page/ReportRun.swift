import Simulator
import Trace

/// A run as a report calls and draws it.
struct ReportRun {
  let overview: RunOverview
  /// Its place among the runs of the report: its colour, dash and mark.
  let style: Int
  /// Its KV format; where several runs have the same, with its number.
  let label: String
  private let metrics: [String: Double]

  /// The runs of an overview.
  static func all(_ overview: TraceOverview) -> [ReportRun] {
    let formats = overview.runs.map(\.run.description.format)
    return overview.runs.enumerated().map { index, run in
      let format = cut(formats[index])
      let isOnly = formats.count { $0 == formats[index] } == 1
      return ReportRun(run, style: index, label: isOnly ? format : "\(format), run \(run.run.id)")
    }
  }

  private init(_ overview: RunOverview, style: Int, label: String) {
    self.overview = overview
    self.style = style
    self.label = label
    metrics = Dictionary(
      overview.metrics.compactMap { metric in metric.value.map { (metric.name, $0) } },
      uniquingKeysWith: { first, _ in first })
  }

  /// A figure that the simulator worked out, by its name in the trace; nil where the run does not
  /// define it or has not ended.
  subscript(metric: String) -> Double? { metrics[metric] }

  /// Whether it has ended, and so has figures.
  var hasEnded: Bool { overview.run.end != nil }

  /// Whether replicas came or went by a rule of their group.
  var hasChangingFleet: Bool {
    let kinds: [EventRecord.Kind] = [
      .replicaStarting, .replicaReady, .replicaDraining, .replicaReopened, .replicaOff,
    ]
    return kinds.contains { overview.events[$0] != nil }
  }

  /// What a replica holds several of at once: of several samples each is a sequence.
  var heldNoun: String { self["samples"] == nil ? "requests" : "sequences" }

  /// Groups of replicas, with the device of each.
  var groups: [(group: GroupDescription, device: String)] {
    zip(overview.run.description.groups, overview.profiles).map { ($0, ReportRun.cut($1.device)) }
  }

  /// Devices of all its replicas.
  var devices: Double {
    overview.run.description.groups.reduce(0.0) {
      $0 + Double($1.replicas) * Double($1.devices)
    }
  }

  /// Output tokens for each second of a device, busy or not.
  var tokensPerDeviceSecond: Double? {
    guard let tokens = self["output_tokens"], let ns = self["device_ns"], ns > 0 else { return nil }
    return 1e9 * tokens / ns
  }

  /// A share of the time of all steps, by the name of its metric.
  func stepShare(_ metric: String) -> Double? {
    guard let ns = self[metric], let busy = self["busy_ns"], busy > 0 else { return nil }
    return ns / busy
  }

  /// Text from a trace, cut where it is long.
  static func cut(_ text: String) -> String {
    text.count > 80 ? text.prefix(80) + "…" : text
  }
}

extension Figures {
  /// A time with its unit.
  static func time(_ ns: Double) -> String {
    guard ns > 0 else { return "0 s" }
    let unit = TimeUnit(largestNs: ns)
    return "\(unit.text(ns)) \(unit.name)"
  }

  /// The same, or a dash.
  static func time(_ ns: Double?) -> String { ns.map { time($0) } ?? "–" }

  /// Whole numbers in full, others to three digits.
  static func number(_ value: Double) -> String {
    guard value == value.rounded(), abs(value) < 1e15 else { return decimal(value) }
    return count(Int(value))
  }

  /// The same, or a dash.
  static func number(_ value: Double?) -> String { value.map { number($0) } ?? "–" }

  /// Words with commas, the last two joined by `and`.
  static func list(_ words: [String]) -> String {
    guard words.count > 1 else { return words.first ?? "" }
    return words.dropLast().joined(separator: ", ") + " and " + words.last!
  }
}
