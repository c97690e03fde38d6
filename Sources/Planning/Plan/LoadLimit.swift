import Scenario
import Simulator

/// What ends the load that is held.
public struct LoadLimit: Hashable, Sendable {
  /// What was missed just above it.
  public enum Breach: Hashable, Sendable {
    /// These objectives, the one that is missed by most first.
    case objectives([ServiceObjective])
    /// The system fills for as long as requests come, though the objectives are met yet.
    case filling
    /// Nothing: no higher load was tried.
    case none
  }

  /// Replicas of a cell that do the same.
  public struct Side: Hashable, Sendable {
    /// What they do.
    public let role: ReplicaRole
    /// The most blocks owned at once in a pool, as a share of it, just above.
    public let poolShare: Double
    /// The most sequences of a replica there, as a share of `max_num_seqs`.
    public let sequencesShare: Double
    /// The share of the time in which a replica has a step, just below.
    public let busyShare: Double
  }

  /// What was missed.
  public let breach: Breach
  /// All replicas, or those that compute prompts and then those that decode.
  public let sides: [Side]
  /// The side on which requests take too long just above.
  public let slowSide: Side
  /// Preemptions there, for each request.
  public let preemptionsPerRequest: Double
  /// What the requests came to there.
  public let figures: LoadFigures

  /// What ends the load that a search found.
  init(_ result: LoadSearch.Result, _ planned: LoadTrial, _ plan: ComparisonPlan) {
    let above = result.missed ?? planned
    if result.missed == nil {
      breach = .none
    } else {
      let missed = above.readings.filter { !$0.isMet }.sorted { $0.use > $1.use }
      breach = missed.isEmpty ? .filling : .objectives(missed.map(\.objective))
    }
    let pools = plan.pools[0]
    sides = ReplicaRole.allCases.compactMap { role in
      let own = pools.filter { $0.group.role == role }
      return own.isEmpty ? nil : Side(role, own, above.summary, planned.summary)
    }
    let isOfPrompts = LoadLimit.isOfPrompts(breach, above.figures, planned.figures)
    slowSide = isOfPrompts ? sides[0] : sides[sides.count - 1]
    preemptionsPerRequest =
      Double(above.summary.preemptions) / Double(max(1, above.summary.finishedRequests))
    figures = above.figures
  }

  /// Whether it is before their first tokens, which the replicas give that compute prompts, that
  /// requests take too long. Where the objective does not say, it is what grows more with the load.
  private static func isOfPrompts(
    _ breach: Breach, _ above: LoadFigures, _ below: LoadFigures
  ) -> Bool {
    if case .objectives(let missed) = breach, case .time(let measure, _, _)? = missed.first?.bound {
      switch measure {
      case .ttft, .queue: return true
      case .tpot: return false
      case .e2e: break
      }
    }
    let growth = above.e2e.meanNs - below.e2e.meanNs
    return 2 * (above.ttft.meanNs - below.ttft.meanNs) > growth
  }
}

extension LoadLimit.Side {
  fileprivate init(
    _ role: ReplicaRole, _ groups: [GroupPool], _ above: RunSummary, _ below: RunSummary
  ) {
    /// The most that a replica uses, as a share of what it has.
    func most(_ used: (ReplicaSummary) -> Int, of whole: (GroupPool) -> Int) -> Double {
      groups.flatMap { group in
        group.replicas.map {
          Double(used(above.replicas[$0])) / Double(max(1, whole(group)))
        }
      }.max() ?? 0
    }
    self.role = role
    poolShare = most(\.peakUsedBlocks) { $0.pool.blocks }
    // Each lane of a pipeline has seats of its own.
    sequencesShare = most(\.peakRunning) { $0.group.setup.engine.maxNumSeqs * $0.pool.stages }
    let replicas = groups.flatMap(\.replicas)
    let busyNs = replicas.reduce(0.0) { $0 + Double(below.replicas[$1].busyNs) }
    busyShare = busyNs / max(1, Double(below.durationNs)) / Double(replicas.count)
  }
}
