import Simulator
import Trace

/// What happened between steps, as a table and as sentences; nothing where nothing did.
extension ReportTables {
  /// Failures of one run that are told one by one.
  private static let mostFailures = 8

  /// The section of what happened.
  func writeEvents(to page: inout Markup) {
    let rows = eventRows
    guard !rows.isEmpty else { return }
    page.element("section") { page in
      page.element("h2", text: "What happened")
      page.element(
        "p", ["class": "dim"],
        text: "What happened to requests and replicas between steps, from the rows of event.")
      writeTable(named: "What happened", rows, to: &page)
      let failures = runs.map { ($0.label, ReplicaFailures($0.overview.events)) }
        .filter { !$0.1.spans.isEmpty }
      guard !failures.isEmpty else { return }
      page.element("ul", ["class": "facts"]) { page in
        for (label, failures) in failures {
          let text = failures.text(atMost: ReportTables.mostFailures)
          page.element("li", text: "\(label): \(text)")
        }
      }
    }
  }

  /// A row for each kind and cause of which some run has any.
  private var eventRows: [(String, [String])] {
    var rows: [(String, [String])] = []
    var names: [(name: String, kind: EventRecord.Kind, cause: EventRecord.Cause)] = []
    for sum in runs.flatMap(\.overview.events.sums) {
      if !names.contains(where: { $0.kind == sum.kind && $0.cause == sum.cause }),
        let name = EventRecord.name(sum.kind, sum.cause)
      {
        names.append((name, sum.kind, sum.cause))
      }
    }
    names.sort { ($0.kind.rawValue, $0.cause.rawValue) < ($1.kind.rawValue, $1.cause.rawValue) }
    for (name, kind, cause) in names {
      rows.append(
        row(name) { run in
          let sum = run.overview.events.sums.first { $0.kind == kind && $0.cause == cause }
          return Figures.count(Int(sum?.count ?? 0))
        })
    }
    return rows + timeRows
  }

  /// What losses and copies took.
  private var timeRows: [(String, [String])] {
    let times: [(name: String, kinds: [EventRecord.Kind])] = [
      ("mean time without blocks", [.resumed, .swappedIn]),
      ("mean time to compute again what was lost", [.recomputed]),
      ("mean time of a hand-over", [.handedOver]),
      ("mean time to start a replica", [.replicaReady]),
    ]
    return times.compactMap { name, kinds in
      func mean(_ run: ReportRun) -> Double? {
        let sums = kinds.compactMap { run.overview.events[$0] }
        let count = sums.reduce(0) { $0 + $1.count }
        return count > 0 ? sums.reduce(0.0) { $0 + $1.tookNs } / Double(count) : nil
      }
      return runs.contains { mean($0) != nil } ? row(name) { Figures.time(mean($0)) } : nil
    }
  }
}

extension EventRecord {
  /// What a report calls events of a kind and cause; nil where what they follow tells of them.
  fileprivate static func name(_ kind: Kind, _ cause: Cause) -> String? {
    switch kind {
    case .preempted: "preempted: \(lossReason(cause))"
    case .swappedOut: "swapped to the host's memory: \(lossReason(cause))"
    case .resumed, .recomputed, .swappedIn: nil
    case .displaced: "sent to another replica: their own failed"
    case .handedOver: "prompts handed over to the replica that decodes them"
    case .replicaFailed: "replicas that failed"
    case .replicaRecovered: "replicas that served again"
    case .replicaStarting: "replicas that began to start"
    case .replicaReady: "replicas that were ready"
    case .replicaDraining: "replicas that got no more requests"
    case .replicaReopened: "replicas that got requests again"
    case .replicaOff: "replicas that were switched off"
    case .rejected: "rejected: \(cause.rejection)"
    }
  }

  private static func lossReason(_ cause: Cause) -> String {
    cause == .urgency
      ? "a more urgent request came" : "those that decode needed blocks"
  }
}

extension EventRecord.Cause {
  /// Why a request was rejected.
  var rejection: String {
    switch self {
    case .context: "longer than the model's context"
    case .step: "longer than a step"
    case .pool: "longer than the pool"
    case .seats: "more samples than seats"
    case .queue: "the queue was full"
    case .noReplica: "no replica was left"
    case .turn: "the turn before was"
    case .none, .decodes, .urgency, .failure: "no cause is known"
    }
  }
}

/// When replicas of a run failed, and when they served again.
struct ReplicaFailures {
  /// Failures in their order.
  private(set) var spans: [(replica: Int64, failedNs: Int64, recoveredNs: Int64?)] = []

  init(_ events: RunEvents) {
    for event in events.ofReplicas {
      if event.kind == .replicaFailed {
        spans.append((event.replica, event.timeNs, nil))
      } else if event.kind == .replicaRecovered,
        let index = spans.lastIndex(where: { $0.replica == event.replica })
      {
        spans[index].recoveredNs = event.timeNs
      }
    }
  }

  /// The first of them in words.
  func text(atMost most: Int) -> String {
    let told = spans.prefix(most).map { span in
      let failed =
        "replica \(span.replica) failed at \(Figures.time(Double(span.failedNs)))"
      let end = span.recoveredNs.map { "served again at \(Figures.time(Double($0)))" }
      return "\(failed) and \(end ?? "did not serve again")"
    }
    let rest = spans.count - told.count
    return told.joined(separator: "; ") + (rest > 0 ? "; and \(Figures.count(rest)) more" : "")
      + "."
  }
}
