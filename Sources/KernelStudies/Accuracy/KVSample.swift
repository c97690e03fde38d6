import Operators

/// Keys and values of one layer, and the queries that ask them: what an accuracy study is made on.
///
/// Queries and keys are ready for attention: after rotary embedding and any normalisation. The
/// last query belongs to the last key.
public struct KVSample: Sendable {
  /// Keys, `[token][kvHead][headDim]`.
  public let keys: [Float]
  /// Values, `[token][kvHead][headDim]`.
  public let values: [Float]
  /// Queries of the last ``queryTokens`` tokens, `[token][queryHead][headDim]`.
  public let queries: [Float]
  /// Tokens of keys and values.
  public let tokens: Int
  /// Tokens of queries.
  public let queryTokens: Int
  /// Heads of all three.
  public let heads: HeadGeometry

  /// - Precondition: the arrays are as long as the sizes say, and `queryTokens` lies in
  ///   `1 ... tokens`.
  init(
    keys: [Float], values: [Float], queries: [Float], tokens: Int, queryTokens: Int,
    heads: HeadGeometry
  ) {
    precondition(keys.count == tokens * heads.kvHeads * heads.headDim)
    precondition(values.count == keys.count && (1...tokens).contains(queryTokens))
    precondition(queries.count == queryTokens * heads.queryHeads * heads.headDim)
    self.keys = keys
    self.values = values
    self.queries = queries
    self.tokens = tokens
    self.queryTokens = queryTokens
    self.heads = heads
  }

  /// A sample with queries of a model's own.
  ///
  /// - Parameters:
  ///   - keys: `[tokens, kv_heads, head_dim]`, `[tokens, head_dim]` for one head, or
  ///     `[1, kv_heads, tokens, head_dim]` as Hugging Face's caches have it.
  ///   - values: in any of these shapes; of as many tokens and heads as `keys`.
  ///   - queries: in any of these shapes, of at most as many tokens as `keys`; their heads are a
  ///     multiple of the KV heads.
  ///   - queryTokens: so many of the last queries ask.
  /// - Throws: ``TensorFileError/badShape(file:given:accepted:)`` or
  ///   ``TensorFileError/badValue(file:given:accepted:)``.
  public init(
    keys: Tensor, values: Tensor, queries: Tensor, queryTokens: Int
  ) throws(TensorFileError) {
    let (keys, values) = try KVSample.cached(keys, values)
    let asking = try HeadRows(queries, "queries", heads: "query_heads")
    guard asking.headDim == keys.headDim, asking.tokens <= keys.tokens,
      asking.heads % keys.heads == 0
    else {
      throw .badShape(
        file: queries.name,
        given: "queries of \(asking.tokens) tokens and \(asking.heads) heads of \(asking.headDim)",
        accepted: "at most the \(keys.tokens) tokens of the keys, a multiple of their "
          + "\(keys.heads) heads, and their head_dim \(keys.headDim)")
    }
    let count = min(asking.tokens, queryTokens)
    self.init(
      keys: keys.elements, values: values.elements,
      queries: Array(asking.elements.suffix(count * asking.heads * asking.headDim)),
      tokens: keys.tokens, queryTokens: count,
      heads: HeadGeometry(
        queryHeads: asking.heads, kvHeads: keys.heads, headDim: keys.headDim))
  }

  /// A sample that independent normal queries ask, drawn from `seed`.
  ///
  /// - Parameters:
  ///   - queryHeads: by default four for each KV head.
  ///   - queryTokens: as many queries, or as there are tokens.
  /// - Throws: as the other initializer; for `queryHeads` too.
  public init(
    keys: Tensor, values: Tensor, queryHeads: Int?, queryTokens: Int, seed: UInt64
  ) throws(TensorFileError) {
    let (cachedKeys, cachedValues) = try KVSample.cached(keys, values)
    let queryHeads = queryHeads ?? 4 * cachedKeys.heads
    guard queryHeads > 0, queryHeads % cachedKeys.heads == 0 else {
      throw .badShape(
        file: keys.name, given: "\(cachedKeys.heads) heads for \(queryHeads) query heads",
        accepted: "query heads that are a multiple of \(cachedKeys.heads)")
    }
    let count = min(cachedKeys.tokens, queryTokens)
    guard TensorLimits.elementCount([count, queryHeads, cachedKeys.headDim]) != nil else {
      throw .tooLarge(
        file: keys.name,
        given: "\(count) query tokens of \(queryHeads) heads of \(cachedKeys.headDim)",
        accepted: "at most \(TensorLimits.elements) elements of drawn queries")
    }
    self.init(
      keys: cachedKeys.elements, values: cachedValues.elements,
      queries: OutlierGenerator.queries(
        tokens: count, rowLength: queryHeads * cachedKeys.headDim, seed: seed),
      tokens: cachedKeys.tokens, queryTokens: count,
      heads: HeadGeometry(
        queryHeads: queryHeads, kvHeads: cachedKeys.heads, headDim: cachedKeys.headDim))
  }

  /// Keys and values, as they are cached, of the same shape.
  private static func cached(
    _ keys: Tensor, _ values: Tensor
  ) throws(TensorFileError) -> (keys: HeadRows, values: HeadRows) {
    let keyRows = try HeadRows(keys, "keys", heads: "kv_heads")
    let valueRows = try HeadRows(values, "values", heads: "kv_heads")
    guard valueRows.tokens == keyRows.tokens, valueRows.heads == keyRows.heads,
      valueRows.headDim == keyRows.headDim
    else {
      throw .badShape(
        file: values.name,
        given: "values of \(valueRows.tokens) tokens and \(valueRows.heads) heads of "
          + "\(valueRows.headDim)",
        accepted: "those of the keys: \(keyRows.tokens) tokens and \(keyRows.heads) heads of "
          + "\(keyRows.headDim)")
    }
    return (keyRows, valueRows)
  }
}

/// A tensor in the one order of elements that kernels take: `[token][head][headDim]`.
private struct HeadRows {
  let tokens: Int
  let heads: Int
  let headDim: Int
  let elements: [Float]

  init(_ tensor: Tensor, _ what: String, heads headsName: String) throws(TensorFileError) {
    let shape = tensor.shape
    switch shape.count {
    case 2: (tokens, heads, headDim) = (shape[0], 1, shape[1])
    case 3: (tokens, heads, headDim) = (shape[0], shape[1], shape[2])
    case 4 where shape[0] == 1: (heads, tokens, headDim) = (shape[1], shape[2], shape[3])
    default:
      throw HeadRows.badShape(tensor, what, headsName)
    }
    guard (1...TensorLimits.tokens).contains(tokens), (1...TensorLimits.heads).contains(heads),
      (1...TensorLimits.headDim).contains(headDim), headDim % 16 == 0
    else { throw HeadRows.badShape(tensor, what, headsName) }
    try HeadRows.check(tensor, limit: TensorLimits.magnitude(headDim: headDim))
    guard shape.count == 4 && heads > 1 else {
      elements = tensor.elements
      return
    }
    var turned: [Float] = []
    turned.reserveCapacity(tensor.elements.count)
    for token in 0..<tokens {
      for head in 0..<heads {
        let start = (head * tokens + token) * headDim
        turned += tensor.elements[start..<start + headDim]
      }
    }
    elements = turned
  }

  private static func badShape(
    _ tensor: Tensor, _ what: String, _ heads: String
  ) -> TensorFileError {
    .badShape(
      file: tensor.name, given: "\(what) of shape \(Tensor.text(tensor.shape))",
      accepted: "[tokens, \(heads), head_dim], [tokens, head_dim] or [1, \(heads), tokens, "
        + "head_dim], with 1 to \(TensorLimits.tokens) tokens, 1 to \(TensorLimits.heads) heads "
        + "and a head_dim that is a multiple of 16 up to \(TensorLimits.headDim)")
  }

  /// Refuses what a format of the study cannot hold, and says where in the tensor it stands.
  private static func check(_ tensor: Tensor, limit: Float) throws(TensorFileError) {
    guard let index = tensor.elements.firstIndex(where: { !($0.magnitude <= limit) })
    else { return }
    var (place, rest) = ([Int](), index)
    for dimension in tensor.shape.reversed() {
      place.insert(rest % dimension, at: 0)
      rest /= dimension
    }
    throw .badValue(
      file: tensor.name, given: "\(tensor.elements[index]) at \(Tensor.text(place))",
      accepted: "finite numbers up to \(limit) in magnitude, which pages of every format hold")
  }
}
