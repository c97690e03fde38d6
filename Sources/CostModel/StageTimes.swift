/// How the time of one step passes through a pipeline: what the host does before, then stage after
/// stage, and between each and the next a send. Nanoseconds.
public struct StageTimes: Hashable, Sendable {
  /// What the engine's processor does.
  public var hostNs: Int64 = 0
  /// What each stage does. A buffer that is written anew for each step.
  public var stageNs: [Int64]
  /// What passes between the end of one stage and the beginning of the next.
  public var sendNs: Int64 = 0

  /// No time at all.
  public init(stages: Int) {
    stageNs = Array(repeating: 0, count: stages)
  }

  /// From the beginning to the end of a step that waits for nobody. O(stages).
  public var totalNs: Int64 {
    var sum = hostNs + sendNs * Int64(max(0, stageNs.count - 1))
    for ns in stageNs { sum += ns }
    return sum
  }
}

/// Spreads the price of a step over the stages of a pipeline.
///
/// What is before the first layer or behind the last one is known by itself, and so are the sends.
/// The rest is that of all layers, of which each stage has its share by number: layers count as
/// alike. So the times of all stages and sends add up to the price, to the nanosecond.
struct StagePrices: Sendable {
  /// What does not go by layers, by the tokens of a step.
  private struct Ends {
    let embeddingNs: Int64
    let finalNormNs: Int64
    /// Of each hop.
    let sendNs: Int64
    let gatherNs: Int64
  }

  private let layers: [Int]
  private let allLayers: Int64
  private let ends: [Ends]

  /// Nil of one stage.
  init?(
    model: ModelArchitecture, stages: Int, maxTokens: Int, elementwise: ElementwisePrices,
    collectives: CollectivePrices
  ) {
    guard stages > 1 else { return nil }
    layers = model.layersByStage(stages)
    allLayers = Int64(model.layers)
    ends = (0...maxTokens).map { tokens in
      let hop = collectives.hop(tokens: tokens)
      return Ends(
        embeddingNs: nanoseconds(
          elementwise.nsOfOne(.embedding, rows: tokens)
            + collectives.embeddingReductionNs(tokens: tokens)),
        finalNormNs: nanoseconds(elementwise.nsOfOne(.finalNorm, rows: tokens)),
        sendNs: nanoseconds(hop.sendNs), gatherNs: nanoseconds(hop.gatherNs))
    }
  }

  /// Spreads a step of so many tokens; `outputNs` is what its outputs take behind the last layer.
  /// What a stage gathers of what others sent is its own time.
  func spread(_ cost: StepCost, tokens: Int, outputNs: Int64, over times: inout StageTimes) {
    precondition(times.stageNs.count == layers.count, "a price and a pipeline have the same stages")
    let ends = ends[tokens]
    let hops = Int64(layers.count - 1)
    times.hostNs = cost.hostNs
    // Roundings of many parts are with the layers, and never more than there is.
    var left = cost.totalNs - cost.hostNs
    let embeddingNs = min(ends.embeddingNs, left)
    left -= embeddingNs
    let lastNs = min(ends.finalNormNs + outputNs, left)
    left -= lastNs
    times.sendNs = min(ends.sendNs, left / hops)
    left -= hops * times.sendNs
    let gatherNs = min(ends.gatherNs, left / hops)
    left -= hops * gatherNs
    let (each, rest) = left.quotientAndRemainder(dividingBy: allLayers)
    var done: Int64 = 0
    var doneNs: Int64 = 0
    for stage in layers.indices {
      done += Int64(layers[stage])
      let untilNs = each * done + rest * done / allLayers
      times.stageNs[stage] = untilNs - doneNs + (stage > 0 ? gatherNs : 0)
      doneNs = untilNs
    }
    times.stageNs[0] += embeddingNs
    times.stageNs[layers.count - 1] += lastNs
  }
}
