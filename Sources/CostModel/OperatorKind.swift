import Operators

/// The operators that profiles hold, as they are named in files and tables.
public enum OperatorKind: String, Hashable, Sendable, CaseIterable {
  /// A dense projection.
  case linear
  /// Writing K and V into pages.
  case append
  /// Reading K and V back from pages.
  case gather
  /// Attention of single query tokens.
  case decodeAttention = "decode_attention"
  /// Attention of a prompt's chunk.
  case prefillAttention = "prefill_attention"
}

extension OperatorShape {
  /// Which operator this is a shape of.
  public var kind: OperatorKind {
    switch self {
    case .linear: .linear
    case .append: .append
    case .gather: .gather
    case .decodeAttention: .decodeAttention
    case .prefillAttention: .prefillAttention
    }
  }

  /// The KV format, for operators that have one.
  public var format: KVFormat? {
    switch self {
    case .linear: nil
    case .append(_, _, let format), .gather(_, _, let format),
      .decodeAttention(_, _, _, let format),
      .prefillAttention(_, _, _, let format):
      format
    }
  }

  /// The attention heads, for operators that have any.
  public var heads: HeadGeometry? {
    switch self {
    case .linear: nil
    case .append(_, let heads, _), .gather(_, let heads, _),
      .decodeAttention(_, _, let heads, _),
      .prefillAttention(_, _, let heads, _):
      heads
    }
  }

  /// The same operator and size on other heads.
  func with(heads: HeadGeometry) -> OperatorShape {
    switch self {
    case .linear: self
    case .append(let tokens, _, let format):
      .append(tokens: tokens, heads: heads, format: format)
    case .gather(let tokens, _, let format):
      .gather(tokens: tokens, heads: heads, format: format)
    case .decodeAttention(let sequences, let context, _, let format):
      .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
    case .prefillAttention(let tokens, let prefix, _, let format):
      .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
    }
  }
}
