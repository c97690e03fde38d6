/// The heads of one attention layer.
///
/// What comes from files and command lines is checked by their readers, which say where the mistake
/// is; heads that do not go together are a mistake of the program, and end it.
public struct HeadGeometry: Hashable, Sendable {
  /// Query heads (`num_attention_heads`).
  public let queryHeads: Int
  /// KV heads (`num_key_value_heads`); divides `queryHeads`.
  public let kvHeads: Int
  /// Elements of one head's vector (`head_dim`); even.
  public let headDim: Int

  /// - Precondition: all are positive, `kvHeads` divides `queryHeads`, `headDim` is even.
  public init(queryHeads: Int, kvHeads: Int, headDim: Int) {
    precondition(queryHeads > 0 && kvHeads > 0 && headDim > 0 && headDim % 2 == 0)
    precondition(queryHeads % kvHeads == 0, "KV heads divide query heads")
    self.queryHeads = queryHeads
    self.kvHeads = kvHeads
    self.headDim = headDim
  }

  /// Query heads that share one KV head.
  public var groupSize: Int { queryHeads / kvHeads }

  /// The same KV heads with one query head each: all that writing pages depends on.
  public var withoutGroups: HeadGeometry {
    HeadGeometry(queryHeads: kvHeads, kvHeads: kvHeads, headDim: headDim)
  }
}
