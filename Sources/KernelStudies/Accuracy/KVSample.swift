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
    let asking = try HeadRows(queries, "queries", .asking, cachedTokens: keys.tokens)
    guard asking.headDim == keys.headDim, asking.tokens <= keys.tokens,
      asking.heads % keys.heads == 0
    else {
      throw .badShape(
        file: queries.name,
        given: "queries of \(asking.sizes)",
        accepted: "at most the \(Counted.of(keys.tokens, "token")) of the keys, a multiple of "
          + "their \(Counted.of(keys.heads, "head")), and their head_dim \(keys.headDim)")
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
    guard (1...TensorLimits.heads).contains(queryHeads), queryHeads % cachedKeys.heads == 0 else {
      throw .badShape(
        file: keys.name,
        given: "\(Counted.of(cachedKeys.heads, "head")) for "
          + Counted.of(queryHeads, "query head"),
        accepted: "query heads that are a multiple of \(cachedKeys.heads) up to "
          + "\(TensorLimits.heads)")
    }
    let count = min(cachedKeys.tokens, queryTokens)
    guard TensorLimits.elementCount([count, queryHeads, cachedKeys.headDim]) != nil else {
      throw .tooLarge(
        file: keys.name,
        given: "\(Counted.of(count, "query token")) of \(Counted.of(queryHeads, "head")) of "
          + "\(cachedKeys.headDim)",
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
    let keyRows = try HeadRows(keys, "keys", .cached)
    let valueRows = try HeadRows(values, "values", .cached)
    guard valueRows.tokens == keyRows.tokens, valueRows.heads == keyRows.heads,
      valueRows.headDim == keyRows.headDim
    else {
      throw .badShape(
        file: values.name,
        given: "values of \(valueRows.sizes)",
        accepted: "those of the keys: \(keyRows.sizes)")
    }
    return (keyRows, valueRows)
  }
}
