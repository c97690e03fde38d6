import Glibc
import Operators

/// Keys, values and queries for those who have none at hand, with the outlier channels that make
/// plain four-bit keys fail.
///
/// That some channels of keys are far larger than the rest, in every token, is what KIVI (arXiv
/// 2402.02750) and KVQuant (arXiv 2401.18079) show of models of their time; how many, how large and
/// how constant is chosen here, and measured by neither (docs/accuracy.md). Here
///
/// - values and queries are independent normal draws;
/// - so are keys, but in ``outlierChannels(headDim:)`` channels of each KV head, drawn without
///   repetition, a key is `scale · (sign + normal / 4)`, where the channel's `scale` lies between
///   20 and 60, log-uniformly, and its `sign` is −1 or 1.
///
/// What is the same in every token shifts all logits of a query alike and leaves its softmax as it
/// was; the quarter that varies makes attention pick some tens of a thousand keys. Not modelled:
/// rotary embedding, correlation between tokens or channels, outliers of values.
public struct OutlierGenerator: Hashable, Sendable {
  /// Tokens of keys and values.
  public var tokens: Int
  /// Query heads, KV heads and elements of a vector.
  public var heads: HeadGeometry
  /// Tokens of queries: the last ones.
  public var queryTokens: Int
  /// Chooses all draws.
  public var seed: UInt64
  /// Whether keys have outlier channels. Without them all keys are normal draws: the same ones, so
  /// that nothing else differs.
  public var hasOutliers = true

  /// A generator of `tokens` tokens.
  ///
  /// - Precondition: `queryTokens` lies in `1 ... tokens`.
  public init(tokens: Int, heads: HeadGeometry, queryTokens: Int, seed: UInt64) {
    precondition((1...tokens).contains(queryTokens))
    self.tokens = tokens
    self.heads = heads
    self.queryTokens = queryTokens
    self.seed = seed
  }

  /// Whether a tensor of these sizes has at most ``TensorLimits/elements`` elements.
  public static func isWithinLimits(tokens: Int, heads: Int, headDim: Int) -> Bool {
    TensorLimits.elementCount([tokens, heads, headDim]) != nil
  }

  /// Outlier channels of a head: one of 64, and at least one.
  public static func outlierChannels(headDim: Int) -> Int { max(1, headDim / 64) }

  /// The sample: the same for the same generator.
  public func sample() -> KVSample {
    var values = GaussianStream(seed: seed, purpose: .values)
    return KVSample(
      keys: keys(), values: values.normals(tokens * heads.kvHeads * heads.headDim),
      queries: OutlierGenerator.queries(
        tokens: queryTokens, rowLength: heads.queryHeads * heads.headDim, seed: seed),
      tokens: tokens, queryTokens: queryTokens, heads: heads)
  }

  /// Independent normal queries, `[token][queryHead][headDim]`.
  static func queries(tokens: Int, rowLength: Int, seed: UInt64) -> [Float] {
    var stream = GaussianStream(seed: seed, purpose: .queries)
    return stream.normals(tokens * rowLength)
  }

  private func keys() -> [Float] {
    let row = heads.kvHeads * heads.headDim
    var offsets = [Double](repeating: 0, count: row)
    var scales = [Double](repeating: 1, count: row)
    var channels = GaussianStream(seed: seed, purpose: .channels)
    for head in 0..<(hasOutliers ? heads.kvHeads : 0) {
      var free = Array(head * heads.headDim..<(head + 1) * heads.headDim)
      for _ in 0..<OutlierGenerator.outlierChannels(headDim: heads.headDim) {
        let channel = free.remove(at: Int(channels.uniform() * Double(free.count)))
        let scale = 20 * exp(channels.uniform() * log(3))
        offsets[channel] = channels.uniform() < 0.5 ? -scale : scale
        scales[channel] = scale / 4
      }
    }
    var stream = GaussianStream(seed: seed, purpose: .keys)
    var keys: [Float] = []
    keys.reserveCapacity(tokens * row)
    for _ in 0..<tokens {
      for channel in 0..<row {
        keys.append(Float(offsets[channel] + scales[channel] * stream.normal()))
      }
    }
    return keys
  }
}
