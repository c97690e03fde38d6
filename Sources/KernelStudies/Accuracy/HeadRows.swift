/// A tensor in the one order of elements that kernels take: `[token][head][headDim]`.
struct HeadRows {
  let tokens: Int
  let heads: Int
  let headDim: Int
  let elements: [Float]

  /// Tokens, heads and elements of a vector, for errors.
  var sizes: String {
    "\(Counted.of(tokens, "token")) and \(Counted.of(heads, "head")) of \(headDim)"
  }

  /// What a tensor holds; the raw value is what its axis of heads is called.
  enum Kind: String {
    case cached = "kv_heads"
    case asking = "query_heads"
  }

  /// Reads the shape, refuses axes that look swapped, and puts the elements in order.
  ///
  /// - Parameters:
  ///   - what: keys, values or queries, for errors.
  ///   - cachedTokens: tokens of the keys, where these are queries.
  init(
    _ tensor: Tensor, _ what: String, _ kind: Kind, cachedTokens: Int = .max
  ) throws(TensorFileError) {
    let shape = tensor.shape
    switch shape.count {
    case 2: (tokens, heads, headDim) = (shape[0], 1, shape[1])
    case 3: (tokens, heads, headDim) = (shape[0], shape[1], shape[2])
    case 4 where shape[0] == 1: (heads, tokens, headDim) = (shape[1], shape[2], shape[3])
    default:
      throw HeadRows.badShape(tensor, what, kind)
    }
    guard tokens >= 1, heads >= 1, (1...TensorLimits.headDim).contains(headDim), headDim % 16 == 0
    else { throw HeadRows.badShape(tensor, what, kind) }
    guard !HeadRows.looksSwapped(tokens, heads, kind, cachedTokens) else {
      throw HeadRows.swapped(tensor, what, kind, tokens: tokens, heads: heads)
    }
    guard tokens <= TensorLimits.tokens, heads <= TensorLimits.heads else {
      throw HeadRows.badShape(tensor, what, kind)
    }
    try HeadRows.check(tensor, headDim: headDim)
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

  /// Whether the axes of tokens and heads are the wrong way round, as far as sizes tell.
  ///
  /// A few query tokens of many heads are usual, so that of queries only those are suspect whose
  /// heads are as many as there are tokens, or more than models have.
  private static func looksSwapped(
    _ tokens: Int, _ heads: Int, _ kind: Kind, _ cachedTokens: Int
  ) -> Bool {
    switch kind {
    case .cached: heads > tokens || heads > TensorLimits.kvHeads
    case .asking: heads > tokens && (heads == cachedTokens || heads > TensorLimits.kvHeads)
    }
  }

  private static func swapped(
    _ tensor: Tensor, _ what: String, _ kind: Kind, tokens: Int, heads: Int
  ) -> TensorFileError {
    let (name, read) = (kind.rawValue, Tensor.text(tensor.shape))
    let limits =
      kind == .cached
      ? "at most \(TensorLimits.kvHeads) heads, and no more than tokens, in " : ""
    let mend =
      tensor.shape.count == 4
      ? "[1, \(name), tokens, head_dim]; save array.swapaxes(1, 2) of "
        + "[1, tokens, \(name), head_dim]"
      : "[tokens, \(name), head_dim]; save array[None] or array.swapaxes(0, 1) of "
        + "[\(name), tokens, head_dim]"
    return .badShape(
      file: tensor.name,
      given: "\(what) of shape \(read), read as \(Counted.of(tokens, "token")) of "
        + "\(Counted.of(heads, "head")): the axes of tokens and heads look swapped",
      accepted: limits + mend)
  }

  private static func badShape(
    _ tensor: Tensor, _ what: String, _ kind: Kind
  ) -> TensorFileError {
    let (heads, most) = (
      kind.rawValue, kind == .cached ? TensorLimits.kvHeads : TensorLimits.heads
    )
    return .badShape(
      file: tensor.name, given: "\(what) of shape \(Tensor.text(tensor.shape))",
      accepted: "[tokens, \(heads), head_dim], [tokens, head_dim] or [1, \(heads), tokens, "
        + "head_dim], with 1 to \(TensorLimits.tokens) tokens, 1 to \(most) heads "
        + "and a head_dim that is a multiple of 16 up to \(TensorLimits.headDim)")
  }

  /// Refuses what a format of the study cannot hold, and says where in the tensor it stands.
  private static func check(_ tensor: Tensor, headDim: Int) throws(TensorFileError) {
    let limit = TensorLimits.magnitude(headDim: headDim)
    guard let index = tensor.elements.firstIndex(where: { !($0.magnitude <= limit) })
    else { return }
    throw .badValue(
      file: tensor.name,
      given: "\(tensor.elements[index]) at \(Tensor.place(index, in: tensor.shape))",
      accepted: TensorLimits.acceptedValues(limit))
  }
}

extension KVSample {
  /// Of `rows`, which are `[token][head][headDim]` with `count` heads, the vectors of some heads.
  func vectors(_ rows: [Float], of count: Int, heads chosen: Range<Int>) -> [Float] {
    let (row, headDim) = (count * heads.headDim, heads.headDim)
    var vectors: [Float] = []
    vectors.reserveCapacity(rows.count / count * chosen.count)
    for start in stride(from: 0, to: rows.count, by: row) {
      vectors += rows[start + chosen.lowerBound * headDim..<start + chosen.upperBound * headDim]
    }
    return vectors
  }
}
