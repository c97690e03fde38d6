import Operators

/// The operators that profiles hold, in the order in which tables show them.
public enum OperatorKind: Hashable, Sendable, CaseIterable {
  /// A dense projection.
  case linear
  /// Writing K and V into pages.
  case append
  /// Reading K and V back from pages.
  case gather
  /// Attention of single query tokens.
  case decodeAttention
  /// Attention of single query tokens over contexts that differ.
  case raggedDecode
  /// Attention of a prompt's chunk.
  case prefillAttention
  /// Attention of a chunk and of single query tokens in one launch.
  case mixedAttention
  /// The experts of a layer.
  case experts
  /// One of the small operators.
  case elementwise(ElementwiseOperator)

  /// All of them.
  public static let allCases: [OperatorKind] =
    [
      .linear, .append, .gather, .decodeAttention, .raggedDecode, .prefillAttention,
      .mixedAttention, .experts,
    ] + ElementwiseOperator.allCases.map(OperatorKind.elementwise)

  /// Its name in files and tables.
  public var name: String {
    switch self {
    case .linear: "linear"
    case .append: "append"
    case .gather: "gather"
    case .decodeAttention: "decode_attention"
    case .raggedDecode: "ragged_decode_attention"
    case .prefillAttention: "prefill_attention"
    case .mixedAttention: "mixed_attention"
    case .experts: "experts"
    case .elementwise(let kind): kind.rawValue
    }
  }
}

/// An operator in one format: what errors and comparisons are told by.
struct OperatorKey: Hashable, Sendable {
  let kind: OperatorKind
  /// Nil for operators that have none.
  let format: KVFormat?
}

extension Profile {
  /// Every operator in every format that may have points, in the order in which tables show them.
  var operatorKeys: [OperatorKey] {
    let formats = [nil] + formats.map(Optional.some)
    return OperatorKind.allCases.flatMap { kind in
      formats.map { OperatorKey(kind: kind, format: $0) }
    }
  }
}

extension OperatorShape {
  /// Which operator this is a shape of.
  public var kind: OperatorKind {
    switch self {
    case .linear: .linear
    case .append: .append
    case .gather: .gather
    case .decodeAttention: .decodeAttention
    case .raggedDecode: .raggedDecode
    case .prefillAttention: .prefillAttention
    case .mixedAttention: .mixedAttention
    case .experts: .experts
    case .elementwise(let kind, _, _): .elementwise(kind)
    }
  }

  /// Which operator in which format.
  var key: OperatorKey { OperatorKey(kind: kind, format: format) }

  /// The attention heads, for operators that have any.
  public var heads: HeadGeometry? {
    switch self {
    case .linear, .experts, .elementwise: nil
    case .append(_, let heads, _), .gather(_, let heads, _),
      .decodeAttention(_, _, let heads, _), .raggedDecode(_, let heads, _),
      .prefillAttention(_, _, let heads, _),
      .mixedAttention(_, _, _, _, let heads, _):
      heads
    }
  }

  /// The same operator and size on other heads.
  func with(heads: HeadGeometry) -> OperatorShape { with(heads: heads, format: nil) }
  /// The same operator and size in another format.
  func with(format: KVFormat) -> OperatorShape { with(heads: nil, format: format) }

  private func with(heads other: HeadGeometry?, format new: KVFormat?) -> OperatorShape {
    switch self {
    case .linear, .experts, .elementwise: self
    case .append(let tokens, let heads, let format):
      .append(tokens: tokens, heads: other ?? heads, format: new ?? format)
    case .gather(let tokens, let heads, let format):
      .gather(tokens: tokens, heads: other ?? heads, format: new ?? format)
    case .decodeAttention(let sequences, let context, let heads, let format):
      .decodeAttention(
        sequences: sequences, context: context, heads: other ?? heads, format: new ?? format)
    case .raggedDecode(let batch, let heads, let format):
      .raggedDecode(batch, heads: other ?? heads, format: new ?? format)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      .prefillAttention(
        tokens: tokens, prefix: prefix, heads: other ?? heads, format: new ?? format)
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, let format):
      .mixedAttention(
        tokens: tokens, prefix: prefix, sequences: sequences, context: context,
        heads: other ?? heads, format: new ?? format)
    }
  }
}
