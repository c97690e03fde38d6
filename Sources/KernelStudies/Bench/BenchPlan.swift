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

  /// A group.
  public init(_ kind: Kind, _ cases: [OperatorShape]) {
    precondition(!cases.isEmpty, "a group has cases")
    self.kind = kind
    self.cases = cases
  }

  /// What all cases have in common, for progress and notes: "decode 4 x 1024".
  public var label: String {
    switch cases[0] {
    case .linear(let tokens, _, _): "\(kind.rawValue) M=\(tokens)"
    case .append(let tokens, _, _), .gather(let tokens, _, _): "\(kind.rawValue) \(tokens)"
    case .decodeAttention(let sequences, let context, _, _):
      "\(kind.rawValue) \(sequences) x \(context)"
    case .prefillAttention(let tokens, let prefix, _, _):
      "\(kind.rawValue) \(tokens) after \(prefix)"
    }
  }
}

/// What `kvsim kernels bench` measures.
public struct BenchPlan: Hashable, Sendable {
  /// The kinds of groups that are measured.
  public var kinds = Set(BenchGroup.Kind.allCases)
  /// Sequences of decode attention.
  public var batches: [Int]
  /// Cached tokens per sequence.
  public var contexts: [Int]
  /// The heads of every attention shape.
  public var heads: HeadGeometry
  /// Tokens per page.
  public var blockSize: Int
  /// Rounds of a group; groups that take long have fewer, at least three.
  public var repeats: Int
  /// About how long one group may take.
  public var groupSeconds: Double
  /// Tokens of `linear`.
  public var linearTokens: [Int]
  /// New tokens and prefix of prefill.
  public var prefills: [Prefill]
  /// Tokens of append and gather.
  public var movedTokens: [Int]

  /// A chunk of prefill.
  public struct Prefill: Hashable, Sendable {
    /// New tokens.
    public let tokens: Int
    /// Tokens before them.
    public let prefix: Int
  }

  /// Outputs and inputs of the dense layer: 100 MB of weights, an up projection of an 8B model.
  public static let linearOutputs = 12288
  /// Inputs of the dense layer.
  public static let linearInputs = 4096

  /// The most that one page may take: the pool that timings read from holds pages enough then.
  static let pageLimitBytes = 16 << 20

  /// The formats that share every attention shape: the yardstick first.
  public static let formats: [KVFormat] = [.fp16, .int4, .int4Rotated]
  /// INT4 whose values are rotated too: append shows what fused rotation costs on every row.
  public static let fullyRotated = KVFormat.int4.rotated(by: 128, includesValues: true)
  /// The formats of append and gather.
  public static let movedFormats = formats + [fullyRotated]

  /// Batch 1 to 64 and context 1k to 64k; some 80 seconds.
  public static let standard = BenchPlan(
    batches: [1, 4, 16, 64], contexts: [1024, 4096, 16384, 65536],
    heads: PublishedFigures.heads, blockSize: 16, repeats: 31, groupSeconds: 2.5,
    linearTokens: [1, 4, 16, 64, 256, 1024],
    prefills: [Prefill(tokens: 512, prefix: 0), Prefill(tokens: 512, prefix: 4096)],
    movedTokens: [64, 2048])

  /// Few shapes, few rounds; some 15 seconds.
  public static let quick = BenchPlan(
    batches: [1, 16], contexts: [1024, 16384],
    heads: PublishedFigures.heads, blockSize: 16, repeats: 7, groupSeconds: 0.8,
    linearTokens: [1, 256], prefills: [Prefill(tokens: 256, prefix: 1024)], movedTokens: [2048])

  /// The groups that run on all threads, in the order of the report.
  public var groups: [BenchGroup] {
    allGroups.filter { kinds.contains($0.kind) }
  }

  private var allGroups: [BenchGroup] {
    var groups: [BenchGroup] = []
    for batch in batches {
      for context in contexts {
        groups.append(decode(.decode, batch, context))
      }
    }
    for chunk in prefills {
      groups.append(
        BenchGroup(
          .prefill,
          BenchPlan.formats.map {
            .prefillAttention(
              tokens: chunk.tokens, prefix: chunk.prefix, heads: heads, format: $0)
          }))
    }
    for tokens in movedTokens {
      groups.append(
        BenchGroup(
          .append,
          BenchPlan.movedFormats.map { .append(tokens: tokens, heads: heads, format: $0) }))
    }
    for tokens in movedTokens {
      groups.append(
        BenchGroup(
          .gather,
          BenchPlan.movedFormats.map { .gather(tokens: tokens, heads: heads, format: $0) }))
    }
    return groups
      + linearTokens.map {
        BenchGroup(
          .linear,
          [
            .linear(
              tokens: $0, outputs: BenchPlan.linearOutputs, inputs: BenchPlan.linearInputs)
          ])
      }
  }

  /// The groups that run on one thread: the shapes of the published figures.
  public var oneThreadGroups: [BenchGroup] {
    guard kinds.contains(.decodeOneThread) else { return [] }
    return PublishedFigures.decode.map { decode(.decodeOneThread, 1, $0.context) }
  }

  private func decode(_ kind: BenchGroup.Kind, _ batch: Int, _ context: Int) -> BenchGroup {
    BenchGroup(
      kind,
      BenchPlan.formats.map {
        .decodeAttention(sequences: batch, context: context, heads: heads, format: $0)
      })
  }

  /// Why the plan cannot run, in one sentence; nil where it can.
  public var objection: String? {
    let most = 1 << 20
    for batch in batches where !(1...1024).contains(batch) {
      return "a batch has 1 to 1024 sequences, not \(batch)"
    }
    for context in contexts where !(1...most).contains(context) {
      return "a context has 1 to \(most) tokens, not \(context)"
    }
    guard !batches.isEmpty, !contexts.isEmpty, !kinds.isEmpty else {
      return "a plan has at least one batch, one context and one kind of operator"
    }
    guard (1...1024).contains(blockSize) else {
      return "a page has 1 to 1024 tokens, not \(blockSize)"
    }
    guard (3...1000).contains(repeats) else { return "3 to 1000 repeats, not \(repeats)" }
    guard heads.headDim % 16 == 0, heads.headDim <= 512 else {
      return "the kernels take head dimensions that are multiples of 16 up to 512, "
        + "not \(heads.headDim)"
    }
    guard blockSize * heads.kvBytesPerToken(.fp16) <= BenchPlan.pageLimitBytes else {
      return "a page of \(blockSize) tokens takes more than \(BenchPlan.pageLimitBytes) bytes"
    }
    return nil
  }
}

extension OperatorShape {
  /// The format of the pages; nil for `linear`.
  public var kvFormat: KVFormat? {
    switch self {
    case .linear: nil
    case .append(_, _, let format), .gather(_, _, let format),
      .decodeAttention(_, _, _, let format), .prefillAttention(_, _, _, let format):
      format
    }
  }

  /// The bytes that a rate in GB/s counts: of attention KV with its metadata and nothing else, of
  /// `linear` the weights, of append and gather what they read and write.
  public var ratedBytes: Int {
    switch self {
    case .linear(_, let outputs, let inputs): 2 * outputs * inputs
    case .append, .gather: bytes
    case .decodeAttention(let sequences, let context, let heads, let format):
      sequences * context * heads.kvBytesPerToken(format)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      (prefix + tokens) * heads.kvBytesPerToken(format)
    }
  }
}
