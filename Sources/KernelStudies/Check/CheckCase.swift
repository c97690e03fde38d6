import Kernels
import Operators

/// The operators that are checked.
public enum CheckOperator: String, CaseIterable, Hashable, Sendable {
  /// Writing K and V into pages; rotated formats turn them on the way.
  case append
  /// Reading pages back.
  case gather
  /// Attention of one new token per sequence.
  case decode
  /// Attention of a causal chunk over a paged prefix.
  case prefill
  /// A dense layer.
  case linear
  /// Root mean square norm.
  case rmsNorm = "rms-norm"
  /// Rotary position embedding.
  case rotary
  /// The gate of a SwiGLU layer.
  case siluMultiply = "silu-multiply"
  /// Adding to the residual stream.
  case add

  /// Whether it works on pages of a cache, which have formats.
  public var hasPages: Bool { [.append, .gather, .decode, .prefill].contains(self) }

  /// The numbers of an operator that has no pages: "fp16-weights" or "fp32".
  public var numbers: String { self == .linear ? "fp16-weights" : "fp32" }
}

/// A cache, the sequences in it and how they are attended.
public struct AttentionShape: Hashable, Sendable {
  /// How keys and values stand in the cache.
  public let format: KVFormat
  /// Query heads, KV heads and their size.
  public let heads: HeadGeometry
  /// Tokens per page.
  public let blockSize: Int
  /// Cached tokens of each sequence of the batch.
  public let contexts: [Int]
  /// Query tokens of prefill: the last of the first sequence.
  public let chunk: Int
  /// Soft-cap and sliding window.
  public let options: AttentionOptions
  /// Whether two channels of K are thirty times as large as the others, as in trained models;
  /// queries are so much smaller there.
  public let hasOutliers: Bool

  /// What the channels of K are multiplied with, and those of the queries divided by.
  var channelScales: [Int: Float] {
    hasOutliers ? [3: 30, heads.headDim / 2 + 5: 30] : [:]
  }

  /// What a device may compile attention for: bits of an element, head size, query heads per KV
  /// head and tokens per page.
  var compiledSizes: [Int] {
    [format.bitsPerElement, heads.headDim, heads.groupSize, blockSize]
  }

  /// How many multiplications the reference needs, roughly.
  var work: Int {
    let pairs = contexts.reduce(0, +) + chunk * contexts[0]
    let stored = 8 * contexts.reduce(0, +) * heads.kvHeads
    return (2 * pairs * heads.queryHeads + stored) * heads.headDim
  }
}

extension AttentionShape: CustomStringConvertible {
  /// Every size that a person needs to build the case by hand.
  public var description: String {
    var text =
      "\(format.name) head_dim=\(heads.headDim) kv_heads=\(heads.kvHeads) "
      + "query_heads=\(heads.queryHeads) block_size=\(blockSize) contexts=\(contexts) "
      + "chunk=\(chunk)"
    if let softCap = options.softCap { text += " soft_cap=\(softCap)" }
    if let window = options.slidingWindow { text += " window=\(window)" }
    if hasOutliers { text += " outliers" }
    return text
  }
}

/// A dense layer.
public struct LinearShape: Hashable, Sendable, CustomStringConvertible {
  /// Rows of activations.
  public let tokens: Int
  /// Rows of weights.
  public let outputs: Int
  /// Elements of a row.
  public let inputs: Int

  /// Every size that a person needs to build the case by hand.
  public var description: String { "tokens=\(tokens) outputs=\(outputs) inputs=\(inputs)" }
}

/// One shape with random data of its own. A cache is built once, and each of its operators is a
/// case on every path.
public struct CheckCase: Hashable, Sendable {
  /// What is computed.
  public enum Operand: Hashable, Sendable {
    /// Append, gather, decode and prefill on one cache.
    case attention(AttentionShape)
    /// A dense layer.
    case linear(LinearShape)
    /// One of the small operators of a layer.
    case small(SmallOperatorShape)

    /// Every size that a person needs to build the case by hand.
    var description: String {
      switch self {
      case .attention(let shape): shape.description
      case .linear(let shape): shape.description
      case .small(let shape): shape.description
      }
    }
  }

  /// Its number: with a run's seed it says which random data the case gets.
  public let index: Int
  /// What is computed.
  public let operand: Operand

  /// The operators that the case runs.
  public var operators: [CheckOperator] {
    switch operand {
    case .attention: [.append, .gather, .decode, .prefill]
    case .linear: [.linear]
    case .small(let shape): [shape.kind]
    }
  }

  /// How many multiplications the reference needs, roughly.
  var work: Int {
    switch operand {
    case .attention(let shape): shape.work
    case .linear(let shape): shape.tokens * shape.outputs * shape.inputs
    case .small(let shape): 32 * shape.elements
    }
  }
}
