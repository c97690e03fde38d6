import Operators

/// What `kvsim kernels bench` measures on one kind of device, what stands beside the figures, and
/// what they have to reach. ``standard`` is for CPUs, ``gpu`` for graphics processors.
public struct BenchPlan: Hashable, Sendable {
  /// The kinds of groups that are measured.
  public var kinds = Set(BenchGroup.Kind.allCases)
  /// Shapes of decode attention.
  public var decodes: [Decode]
  /// The heads of every attention shape.
  public var heads: HeadGeometry
  /// Tokens per page.
  public var blockSize: Int
  /// Rounds of a group; groups that take long have fewer, at least three.
  public var repeats: Int
  /// About how long one group may take.
  public var groupSeconds: Double
  /// Dense layers.
  public var layers: [Layer]
  /// Tokens of `linear`.
  public var linearTokens: [Int]
  /// New tokens and prefix of prefill.
  public var prefills: [Prefill]
  /// Tokens of append.
  public var appendedTokens: [Int]
  /// Tokens of gather.
  public var gatheredTokens: [Int]
  /// The formats of every attention shape.
  public var attentionFormats = BenchPlan.formats
  /// The formats of append and gather.
  public var movedFormats: [KVFormat]
  /// Whether one thread is measured by itself: what a CPU's figures from cache want.
  public var hasOneThread: Bool
  /// Times that were published for other kernels.
  public var published: PublishedTimes
  /// What the figures have to reach, in the order of the report.
  public var goals: [GoalRule]

  /// A shape of decode attention.
  public struct Decode: Hashable, Sendable {
    /// Sequences.
    public let batch: Int
    /// Cached tokens of each.
    public let context: Int

    /// So many sequences of so many tokens.
    public init(_ batch: Int, _ context: Int) {
      self.batch = batch
      self.context = context
    }
  }

  /// A chunk of prefill.
  public struct Prefill: Hashable, Sendable {
    /// New tokens.
    public let tokens: Int
    /// Tokens before them.
    public let prefix: Int
  }

  /// A dense layer.
  public struct Layer: Hashable, Sendable {
    /// What its model calls it; empty where there is no other.
    public let name: String
    /// Rows of its weights.
    public let outputs: Int
    /// Columns of its weights.
    public let inputs: Int
  }

  /// The most that one page may take: the pool that timings read from holds pages enough then.
  static let pageLimitBytes = 16 << 20

  /// The formats that scenarios name: the yardstick first.
  public static let formats: [KVFormat] = [.fp16, .int4, .int4Rotated]
  /// INT4 whose values are rotated too: append shows what fused rotation costs on every row.
  public static let fullyRotated = KVFormat.int4.rotated(by: 128, includesValues: true)

  /// Every batch with every context.
  public static func grid(batches: [Int], contexts: [Int]) -> [Decode] {
    batches.flatMap { batch in contexts.map { Decode(batch, $0) } }
  }

  /// Sequences of decode attention, each number once. Setting them pairs each with every context.
  public var batches: [Int] {
    get { BenchPlan.distinct(decodes.map(\.batch)) }
    set { decodes = BenchPlan.grid(batches: newValue, contexts: contexts) }
  }

  /// Cached tokens per sequence, each number once. Setting them pairs each with every batch.
  public var contexts: [Int] {
    get { BenchPlan.distinct(decodes.map(\.context)) }
    set { decodes = BenchPlan.grid(batches: batches, contexts: newValue) }
  }

  private static func distinct(_ numbers: [Int]) -> [Int] {
    numbers.enumerated().filter { !numbers[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// The groups that run on all threads, in the order of the report.
  public var groups: [BenchGroup] {
    (decodeGroups + prefillGroups + movedGroups + linearGroups).filter { kinds.contains($0.kind) }
  }

  private var decodeGroups: [BenchGroup] {
    decodes.map { shape in
      attention(.decode) {
        .decodeAttention(sequences: shape.batch, context: shape.context, heads: heads, format: $0)
      }
    }
  }

  private var prefillGroups: [BenchGroup] {
    prefills.map { chunk in
      attention(.prefill) {
        .prefillAttention(tokens: chunk.tokens, prefix: chunk.prefix, heads: heads, format: $0)
      }
    }
  }

  private var movedGroups: [BenchGroup] {
    appendedTokens.map { tokens in
      BenchGroup(
        .append, movedFormats.map { .append(tokens: tokens, heads: heads, format: $0) })
    }
      + gatheredTokens.map { tokens in
        BenchGroup(
          .gather, movedFormats.map { .gather(tokens: tokens, heads: heads, format: $0) })
      }
  }

  private var linearGroups: [BenchGroup] {
    layers.flatMap { layer in
      linearTokens.map { tokens in
        BenchGroup(
          .linear,
          [.linear(tokens: tokens, outputs: layer.outputs, inputs: layer.inputs)],
          name: layer.name)
      }
    }
  }

  /// The groups that run on one thread: the shapes of the published figures for CPUs.
  public var oneThreadGroups: [BenchGroup] {
    guard hasOneThread, kinds.contains(.decodeOneThread) else { return [] }
    return PublishedFigures.decode.map { row in
      attention(.decodeOneThread) {
        .decodeAttention(sequences: 1, context: row.context, heads: heads, format: $0)
      }
    }
  }

  private func attention(
    _ kind: BenchGroup.Kind, _ shape: (KVFormat) -> OperatorShape
  ) -> BenchGroup {
    BenchGroup(kind, attentionFormats.map(shape))
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
    for tokens in linearTokens where !(1...1 << 16).contains(tokens) {
      return "a dense layer has 1 to \(1 << 16) tokens, not \(tokens)"
    }
    guard !decodes.isEmpty, !kinds.isEmpty else {
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
