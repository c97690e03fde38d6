import CostModel
import Planning
import Scenario
import Simulator

/// What a comparison says of its replicas, above the table and in it.
struct ClusterRows {
  private let scenario: ServingScenario
  private let outcomes: [FormatOutcome]

  init(_ comparison: FormatComparison) {
    scenario = comparison.scenario
    outcomes = comparison.outcomes
  }

  private var cluster: ClusterOptions { scenario.cluster }
  var isCluster: Bool { cluster.replicas > 1 }
  /// Whether replicas differ.
  private var hasGroups: Bool { cluster.groups.count > 1 }
  /// Whether replicas fail or are switched on and off.
  private var changes: Bool {
    !cluster.outages.isEmpty || cluster.groups.contains { $0.autoscaling != nil }
  }

  /// Which replicas there are and how their memory is divided in the first format.
  var heading: String {
    let groups = outcomes.first?.groups ?? []
    let kinds = hasGroups ? groups.map(kind).joined() : scenario.devicesHeading + single
    let memory = groups.map { own in
      (hasGroups ? "memory of \(own.group.name): " : "memory: ") + ClusterRows.memory(own)
    }
    return kinds + memory.joined(separator: "\n")
  }

  private func kind(_ own: GroupPool) -> String {
    let task =
      switch own.group.role {
      case .whole: ""
      case .prefill: " for prompts"
      case .decode: " for decodes"
      }
    let format = own.group.format.map { ", always \($0.name)" } ?? ""
    return "\(own.group.name): \(replicas(own.group))\(task)\(format), "
      + own.group.setup.devicesHeading
  }

  private func replicas(_ group: ReplicaGroup) -> String {
    guard let rule = group.autoscaling else {
      return Figures.count(group.replicas, "replica")
    }
    return "\(Figures.count(rule.least)) to \(Figures.count(group.most, "replica"))"
  }

  /// A line that says how many replicas without groups there are; none of one.
  private var single: String {
    guard isCluster, let group = cluster.groups.first else { return "" }
    let number =
      group.autoscaling == nil
      ? Figures.count(cluster.replicas)
      : "\(Figures.count(group.autoscaling?.least ?? 0)) to \(Figures.count(group.most))"
    return "\(number) such replicas, requests routed by \(cluster.routing.rawValue)\n"
  }

  private static func memory(_ own: GroupPool) -> String {
    let pool = own.pool
    return "weights \(Size(pool.weightBytes)), activations \(Size(pool.activationBytes)), KV pool "
      + "\(Size(pool.poolBytes)), unused \(Size(pool.unusedBytes)) of \(Size(pool.deviceBytes))"
      + (own.group.setup.parallelism.devices > 1 ? " each" : "")
  }

  // MARK: Rows of the table

  /// What the pool of each kind of replica holds.
  var capacity: [[String]] {
    let each = isCluster ? " of one replica" : ""
    return cluster.groups.indices.flatMap { index in
      let name = hasGroups ? "\(cluster.groups[index].name): " : ""
      let stages = cluster.groups[index].stages
      return [
        row("\(name)KV bytes per token") { Figures.count($0.groups[index].pool.kvBytesPerToken) },
        row("\(name)tokens the pool\(each) holds") {
          Figures.count($0.groups[index].pool.tokens)
        },
      ]
        + (stages > 1
          ? [
            row("\(name)tokens of each of its \(stages) lanes") {
              Figures.count($0.groups[index].pool.laneTokens)
            }
          ] : [])
    }
  }

  /// What replicas that fail left to others; none without failures.
  var displacements: [[String]] {
    guard !cluster.outages.isEmpty else { return [] }
    return [
      row("requests sent again after failures") { Figures.count($0.summary.displacedRequests) }
    ]
  }

  /// What was copied from replica to replica; none where prompts stay.
  var transfers: [[String]] {
    let all = outcomes.compactMap(\.summary.transfers)
    guard all.count == outcomes.count, !all.isEmpty else { return [] }
    func figure(
      _ name: String, _ times: KeyPath<TransferSummary, LatencyStatistics>,
      _ value: @escaping (LatencyStatistics) -> Double, largest: (LatencyStatistics) -> Double
    ) -> [String] {
      let unit = Figures.TimeUnit(largestNs: all.map { largest($0[keyPath: times]) }.max() ?? 0)
      return row("\(name), \(unit.name)") {
        guard let times = $0.summary.transfers?[keyPath: times], times.count > 0 else { return "–" }
        return unit.text(value(times))
      }
    }
    func pair(_ name: String, _ times: KeyPath<TransferSummary, LatencyStatistics>) -> [[String]] {
      [
        figure("\(name) mean", times, { $0.meanNs }, largest: { Double($0.p99Ns) }),
        figure("\(name) p99", times, { Double($0.p99Ns) }, largest: { Double($0.p99Ns) }),
      ]
    }
    return [
      row("KV cache copied between replicas") {
        $0.summary.transfers.map { "\(Size($0.bytes))" } ?? "–"
      }
    ] + pair("copying a prompt's KV cache:", \.copying)
      + pair("waiting to be copied:", \.waiting)
  }

  /// How busy the replicas and their stages were.
  var activity: [[String]] { replicaActivity + stageActivity }

  /// How busy the stages of pipelines were; none without any.
  private var stageActivity: [[String]] {
    guard cluster.groups.contains(where: { $0.stages > 1 }) else { return [] }
    func stages(_ outcome: FormatOutcome) -> [Int64] {
      outcome.summary.replicas.flatMap(\.stageBusyNs)
    }
    return [
      row("time with a step in it: least busy stage") {
        ClusterRows.busyShare($0, stages($0).min() ?? 0)
      },
      row("time with a step in it: busiest stage") {
        ClusterRows.busyShare($0, stages($0).max() ?? 0)
      },
      row("of a step's time, waiting for a stage") {
        let summary = $0.summary
        let waitNs = summary.replicas.reduce(0) { $0 + $1.stageWaitNs }
        let allNs = waitNs + summary.cost.totalNs
        return allNs == 0 ? "–" : Figures.percent(Double(waitNs) / Double(allNs))
      },
    ]
  }

  private var replicaActivity: [[String]] {
    guard isCluster else { return [] }
    var rows = [
      row("time with a step under way: least busy replica") {
        ClusterRows.busyShare($0, $0.summary.replicas.map(\.busyNs).min() ?? 0)
      },
      row("time with a step under way: busiest replica") {
        ClusterRows.busyShare($0, $0.summary.replicas.map(\.busyNs).max() ?? 0)
      },
    ]
    if changes {
      rows.append(
        row("replica hours") {
          let ns = $0.summary.replicas.reduce(0) { $0 + ($1.presentNs ?? 0) }
          return Figures.decimal(Double(ns) / 3.6e12)
        })
    }
    return rows
  }

  private func row(_ name: String, _ cell: (FormatOutcome) -> String) -> [String] {
    [name] + outcomes.map(cell)
  }

  private static func busyShare(_ outcome: FormatOutcome, _ busyNs: Int64) -> String {
    let durationNs = outcome.summary.durationNs
    return durationNs == 0 ? "–" : Figures.percent(Double(busyNs) / Double(durationNs))
  }
}
