/// One operator of one layer at one shape: what kernels run, calibration measures and the cost
/// model predicts.
public enum OperatorShape: Hashable, Sendable {
  /// `Y[tokens × outputs] = X[tokens × inputs] · W[outputs × inputs]ᵀ`, FP16 weights, FP32 sums.
  case linear(tokens: Int, outputs: Int, inputs: Int)
  /// Write K and V of `tokens` new tokens into pages, quantising on the way.
  case append(tokens: Int, heads: HeadGeometry, format: KVFormat)
  /// Read K and V of `tokens` tokens of one sequence back from pages, as FP32 and turned back.
  case gather(tokens: Int, heads: HeadGeometry, format: KVFormat)
  /// One query token for each of `sequences`, each over `context` cached tokens.
  case decodeAttention(sequences: Int, context: Int, heads: HeadGeometry, format: KVFormat)
  /// The same over contexts that differ: those of the batch.
  case raggedDecode(RaggedBatch, heads: HeadGeometry, format: KVFormat)
  /// `tokens` query tokens of one sequence, causal, over `prefix` cached tokens and themselves.
  case prefillAttention(tokens: Int, prefix: Int, heads: HeadGeometry, format: KVFormat)
  /// Both in one launch, as engines with variable-length kernels do it: a chunk of `tokens` after
  /// `prefix`, and `sequences` single tokens over `context` cached tokens each.
  case mixedAttention(
    tokens: Int, prefix: Int, sequences: Int, context: Int, heads: HeadGeometry, format: KVFormat)
  /// The experts of a layer that tokens are sent to, activation included, and routing where that
  /// was not measured by itself: `active` of them have work (see ``ExpertShape``).
  case experts(tokens: Int, active: Int, layer: ExpertShape)
  /// One of the small operators over `rows` rows of `width` elements (see ``ElementwiseOperator``).
  case elementwise(ElementwiseOperator, rows: Int, width: Int)

  /// Bytes that the operator has to read and write at least: each operand once.
  public var bytes: Int {
    switch self {
    case .linear(let tokens, let outputs, let inputs):
      return 2 * outputs * inputs + 4 * tokens * (inputs + outputs)
    case .append(let tokens, let heads, let format),
      .gather(let tokens, let heads, let format):
      return tokens * (8 * heads.kvHeads * heads.headDim + heads.kvBytesPerToken(format))
    case .decodeAttention(let sequences, let context, let heads, let format):
      return sequences
        * (context * heads.kvBytesPerToken(format) + 8 * heads.queryHeads * heads.headDim)
    case .raggedDecode(let batch, let heads, let format):
      return OperatorShape.evenDecode(batch, heads, format).bytes
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      return (prefix + tokens) * heads.kvBytesPerToken(format)
        + 8 * tokens * heads.queryHeads * heads.headDim
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, let format):
      return OperatorShape.prefillAttention(
        tokens: tokens, prefix: prefix, heads: heads, format: format
      ).bytes
        + OperatorShape.decodeAttention(
          sequences: sequences, context: context, heads: heads, format: format
        ).bytes
    case .experts(let tokens, let active, let layer):
      return 2 * active * layer.weights + 8 * tokens * layer.inputs
    case .elementwise(let kind, let rows, let width):
      return rows * width * kind.bytesPerElement
    }
  }

  /// Floating-point operations: a multiply and an add count as two; rotation and quantisation
  /// are not counted.
  public var operations: Int {
    switch self {
    case .linear(let tokens, let outputs, let inputs):
      return 2 * tokens * outputs * inputs
    case .experts(let tokens, _, let layer):
      return 2 * tokens * layer.perToken * layer.weights
    case .append, .gather, .elementwise:
      return 0
    case .decodeAttention(let sequences, let context, let heads, _):
      return 4 * sequences * context * heads.queryHeads * heads.headDim
    case .raggedDecode(let batch, let heads, let format):
      return OperatorShape.evenDecode(batch, heads, format).operations
    case .prefillAttention(let tokens, let prefix, let heads, _):
      return 4 * OperatorShape.attendedPairs(tokens: tokens, prefix: prefix)
        * heads.queryHeads * heads.headDim
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, _):
      let pairs = OperatorShape.attendedPairs(tokens: tokens, prefix: prefix) + sequences * context
      return 4 * pairs * heads.queryHeads * heads.headDim
    }
  }

  /// The KV format, for operators that have one.
  public var format: KVFormat? {
    switch self {
    case .linear, .experts, .elementwise: nil
    case .append(_, _, let format), .gather(_, _, let format),
      .decodeAttention(_, _, _, let format), .raggedDecode(_, _, let format),
      .prefillAttention(_, _, _, let format),
      .mixedAttention(_, _, _, _, _, let format):
      format
    }
  }

  /// Decode attention of as many sequences with as many tokens together, each with the mean.
  private static func evenDecode(
    _ batch: RaggedBatch, _ heads: HeadGeometry, _ format: KVFormat
  ) -> OperatorShape {
    .decodeAttention(
      sequences: batch.sequences, context: batch.context, heads: heads, format: format)
  }

  /// Query–key pairs of a causal chunk: each token sees the prefix, those before it and itself.
  public static func attendedPairs(tokens: Int, prefix: Int) -> Int {
    tokens * prefix + tokens * (tokens + 1) / 2
  }
}

/// One expert of a layer, a gated MLP, and how many of them a token passes.
public struct ExpertShape: Hashable, Sendable {
  /// `num_experts_per_tok`.
  public let perToken: Int
  /// Width of what goes in and comes out.
  public let inputs: Int
  /// Width of the gated MLP.
  public let width: Int

  /// - Precondition: sizes are positive.
  public init(perToken: Int, inputs: Int, width: Int) {
    precondition(perToken > 0 && inputs > 0 && width > 0)
    self.perToken = perToken
    self.inputs = inputs
    self.width = width
  }

  /// Weights of one expert: gate, up and down.
  public var weights: Int { 3 * inputs * width }
}

extension HeadGeometry {
  /// Bytes of K and V with metadata, per token of one layer (see ``PageLayout``).
  public func kvBytesPerToken(_ format: KVFormat) -> Int {
    PageLayout(format: format, blockSize: 1, kvHeads: kvHeads, headDim: headDim).bytesPerToken
  }
}
