/// What uneven contexts add to decode attention in all layers, tabulated: a straight piece of it
/// for any batch costs a few additions.
///
/// While a batch decodes, its longest context stays as far beyond the mean as it was, and their
/// ratio falls. ``RaggedDecodeModel`` is asked at nodes of the mean, an eighth apart, and time is a
/// line from node to node; so the time of a run of steps stays an arithmetic series.
struct RaggedPieces: Sendable {
  /// A straight piece over the mean context in whole tokens, of one batch as it decodes.
  struct Piece {
    let start: Int
    let startNs: Int64
    /// Nanoseconds per token of mean context; negative where the contexts' evening out saves more.
    let growthNs: Int64
    /// Where the piece ends; `Int.max` for the last.
    let end: Int
    let isExtrapolated: Bool
  }

  /// How many layers have each window, the smallest first; nil: attention to all tokens.
  private let windows: [(window: Int?, layers: Double)]
  /// Mean contexts, ascending, from 1.
  private let nodes: [Int]
  private let spreads: [Double]
  /// Nanoseconds of a layer at each number of sequences, node and spread.
  private let ns: [Double]
  private let isExtrapolated: [Bool]
  /// Whether the model's heads were not measured.
  let isDerived: Bool

  /// Tables for up to so many sequences, with contexts of up to `maxContext` tokens at least.
  init(
    _ model: RaggedDecodeModel, windows: [(window: Int?, layers: Double)], maxSequences: Int,
    maxContext: Int
  ) {
    self.windows = windows
    spreads = [0] + model.spreads
    var nodes = [1]
    while nodes[nodes.count - 1] <= maxContext {
      let last = nodes[nodes.count - 1]
      nodes.append(last + max(16, last / 8))
    }
    self.nodes = nodes
    isDerived = model.isDerived
    var ns: [Double] = []
    var isExtrapolated: [Bool] = []
    for sequences in 0...maxSequences {
      for node in nodes {
        for spread in spreads {
          let extra = model.extra(sequences: sequences, context: Double(node), spread: spread)
          ns.append(extra.ns)
          isExtrapolated.append(extra.isExtrapolated)
        }
      }
    }
    (self.ns, self.isExtrapolated) = (ns, isExtrapolated)
  }

  /// The piece of a batch with such a mean, in whole tokens, whose longest context lies so many
  /// tokens beyond it.
  func piece(sequences: Int, context: Int, beyond: Int) -> Piece {
    var (low, high) = (0, nodes.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if nodes[middle] <= context { low = middle } else { high = middle }
    }
    // Layers see uneven contexts as long as none leaves their window; then more and more are cut to
    // it, and they count as alike.
    var layers = 0.0
    var (start, end) = (nodes[low], high < nodes.count ? nodes[high] : Int.max)
    for (window, count) in windows {
      let isSeen = window.map { context + beyond < $0 } ?? true
      if isSeen { layers += count }
      guard let border = window.map({ $0 - beyond }) else { continue }
      if isSeen { end = min(end, border) } else { start = max(start, border) }
    }
    let first = value(sequences, low, beyond)
    var growth: Int64 = 0
    if high < nodes.count {
      let rise = value(sequences, high, beyond).ns - first.ns
      growth = nanoseconds(layers * rise / Double(nodes[high] - nodes[low]))
    }
    return Piece(
      start: start, startNs: nanoseconds(layers * first.ns) + growth * Int64(start - nodes[low]),
      growthNs: growth, end: end, isExtrapolated: layers > 0 && first.isExtrapolated)
  }

  /// Nanoseconds of a layer at a node.
  private func value(
    _ sequences: Int, _ node: Int, _ beyond: Int
  ) -> (ns: Double, isExtrapolated: Bool) {
    let asked = Double(beyond) / Double(nodes[node])
    let base = (sequences * nodes.count + node) * spreads.count
    var upper = 0
    while upper < spreads.count, spreads[upper] < asked { upper += 1 }
    guard upper > 0 else { return (0, false) }
    guard upper < spreads.count else { return (ns[base + upper - 1], true) }
    let weight = (asked - spreads[upper - 1]) / (spreads[upper] - spreads[upper - 1])
    return (
      (1 - weight) * ns[base + upper - 1] + weight * ns[base + upper],
      isExtrapolated[base + upper]
    )
  }
}
