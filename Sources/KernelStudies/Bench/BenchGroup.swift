import Operators

/// Cases that are timed in turn, round after round, so that a noisy neighbour hits all alike and
/// the ratio of two of them is one of the same moments.
public struct BenchGroup: Hashable, Sendable {
  /// What is compared within a group, and what it is set against.
  public enum Kind: String, Hashable, Sendable, CaseIterable {
    /// Formats of decode attention on all threads.
    case decode
    /// Formats of decode attention on one thread.
    case decodeOneThread = "decode-one-thread"
    /// Formats of causal prefill attention.
    case prefill
    /// Formats of append, its rows coming from memory.
    case append
    /// Formats of gather.
    case gather
    /// One dense layer.
    case linear
  }

  /// What is timed.
  public let kind: Kind
  /// The cases of a round, in the order of their turns.
  public let cases: [OperatorShape]
  /// What tells a group from others of its kind and sizes, such as the layer's name; may be empty.
  public let name: String

  /// A group.
  public init(_ kind: Kind, _ cases: [OperatorShape], name: String = "") {
    precondition(!cases.isEmpty, "a group has cases")
    self.kind = kind
    self.cases = cases
    self.name = name
  }

  /// What all cases have in common, for progress and notes: "decode 4 x 1024".
  public var label: String {
    let what = name.isEmpty ? kind.rawValue : "\(kind.rawValue) \(name)"
    switch cases[0] {
    case .linear(let tokens, _, _): return "\(what) M=\(tokens)"
    case .append(let tokens, _, _), .gather(let tokens, _, _): return "\(what) \(tokens)"
    case .decodeAttention(let sequences, let context, _, _):
      return "\(what) \(sequences) x \(context)"
    case .prefillAttention(let tokens, let prefix, _, _): return "\(what) \(tokens) after \(prefix)"
    case .raggedDecode, .mixedAttention, .experts, .elementwise: return what
    }
  }
}

extension OperatorShape {
  /// The same with pages of another format, where it has pages.
  public func with(_ format: KVFormat) -> OperatorShape {
    switch self {
    case .linear, .experts, .elementwise: self
    case .append(let tokens, let heads, _): .append(tokens: tokens, heads: heads, format: format)
    case .gather(let tokens, let heads, _): .gather(tokens: tokens, heads: heads, format: format)
    case .decodeAttention(let sequences, let context, let heads, _):
      .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
    case .raggedDecode(let batch, let heads, _):
      .raggedDecode(batch, heads: heads, format: format)
    case .prefillAttention(let tokens, let prefix, let heads, _):
      .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, _):
      .mixedAttention(
        tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
        format: format)
    }
  }

  /// The bytes that a rate in GB/s counts: of attention KV with its metadata and nothing else, of
  /// `linear` the weights, of append and gather what they read and write.
  public var ratedBytes: Int {
    switch self {
    case .linear(_, let outputs, let inputs): 2 * outputs * inputs
    case .append, .gather, .raggedDecode, .mixedAttention, .experts, .elementwise: bytes
    case .decodeAttention(let sequences, let context, let heads, let format):
      sequences * context * heads.kvBytesPerToken(format)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      (prefix + tokens) * heads.kvBytesPerToken(format)
    }
  }
}
