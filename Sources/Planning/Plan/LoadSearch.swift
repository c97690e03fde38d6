import Scenario
import Simulator

/// Looks for the highest load that is held with one seed.
struct LoadSearch {
  /// What a search came to.
  struct Result {
    /// At the highest load that was seen to hold; nil where the lightest does not.
    let held: LoadTrial?
    /// At the lowest load above it that was seen not to; nil where none was tried that high.
    let missed: LoadTrial?
    /// Runs that were judged.
    let trials: Int
  }

  /// Requests in a closed loop for each seat of its replicas, beyond which more of them only wait.
  private static let requestsPerSeat = 4.0
  /// Clients that are tried at most.
  private static let mostClients = 1 << 14
  /// The share of a run's requests that are there at once, on the mean, where they come all
  /// together.
  private static let together = 0.4
  /// Seconds that a run lasts at most.
  private static let longest = 1e9
  /// Loads are twice or half as high till one that holds and one that does not are known.
  private static let stride = 2.0
  /// A request that finds this many others, or fewer, is alone, for each that an objective spares:
  /// one in a hundred may not find any where the 99th percentile is to show what one alone gets.
  private static let lone = 0.1

  let trials: LoadTrials
  let seed: UInt64
  /// How near the load that is held and the one that is not are in the end, as a share of them.
  let resolution: Double

  private var isClosed: Bool {
    if case .clients = trials.plan.scenario.workload.load { true } else { false }
  }

  /// Searches from a load upwards or downwards, and then between two. Every run of it, whatever the
  /// load, sees the same draws.
  ///
  /// - Parameters:
  ///   - start: where to begin.
  ///   - stride: how much higher or lower the next load is, at first.
  func highest(from start: Double, stride: Double = LoadSearch.stride) -> Result {
    var made = 0
    func trial(at load: Double) -> LoadTrial {
      made += 1
      return trials.trial(at: load, seed: seed)
    }
    var held: LoadTrial?
    var missed: LoadTrial?
    var load = rounded(start)
    var step = stride
    while held == nil || missed == nil {
      let next = trial(at: load)
      if next.holds {
        held = next
        guard missed == nil, !isHighest(next) else { break }
        load = higher(load, step)
      } else {
        missed = next
        guard held == nil, !isLightest(next) else { break }
        load = lower(load, step)
      }
      step *= step < LoadSearch.stride ? step : 1
    }
    while let low = held, let high = missed {
      guard let between = between(low.load, high.load) else { break }
      let next = trial(at: between)
      if next.holds { held = next } else { missed = next }
    }
    return Result(held: held, missed: missed, trials: made)
  }

  private func rounded(_ load: Double) -> Double {
    isClosed ? min(Double(LoadSearch.mostClients), max(1, load.rounded())) : load
  }

  private func higher(_ load: Double, _ step: Double) -> Double {
    isClosed ? rounded(max(load + 1, load * step)) : load * step
  }

  private func lower(_ load: Double, _ step: Double) -> Double {
    isClosed ? rounded(min(load - 1, load / step)) : load / step
  }

  /// A load between two; nil where they are near enough.
  private func between(_ low: Double, _ high: Double) -> Double? {
    guard high > low * (1 + resolution) else { return nil }
    let middle = (low * high).squareRoot()
    guard isClosed else { return middle }
    let whole = min(high - 1, max(low + 1, middle.rounded()))
    return high - low > 1 ? whole : nil
  }

  /// Whether a higher load would be no higher for the replicas.
  private func isHighest(_ trial: LoadTrial) -> Bool {
    guard isClosed else {
      // One request alone is not many at once.
      return trial.requests > 1
        && trial.present >= LoadSearch.together * Double(trial.requests - 1)
    }
    let seats = trials.plan.pools[trials.format].reduce(0) {
      $0 + $1.group.most * $1.group.setup.engine.maxNumSeqs
    }
    return trial.load >= Double(LoadSearch.mostClients)
      || trial.present >= LoadSearch.requestsPerSeat * Double(seats)
  }

  /// Whether a lighter load would be no lighter for any request.
  private func isLightest(_ trial: LoadTrial) -> Bool {
    if isClosed { return trial.load <= 1 }
    let spared = trials.objectives.map(\.spared).min() ?? 1
    let figures = trial.figures
    let present = figures.requestsPerSecond * figures.e2e.meanNs * 1e-9
    return present < LoadSearch.lone * max(1e-3, spared)
      || Double(trial.requests) > LoadSearch.longest * trial.load
  }
}
