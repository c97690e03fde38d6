/// Where the keys, values and queries of a study come from: what a reader must know to judge it.
public struct SampleOrigin: Hashable, Sendable {
  /// The file (and tensor) of the keys; nil where they were generated.
  public let keys: String?
  /// The file (and tensor) of the values; nil where they were generated.
  public let values: String?
  /// The file (and tensor) of the queries; nil where they were drawn.
  public let queries: String?
  /// What chose all that was generated or drawn; nil where nothing was.
  public let seed: UInt64?

  /// Keys, values and queries of an ``OutlierGenerator``.
  public static func generated(seed: UInt64) -> SampleOrigin {
    SampleOrigin(keys: nil, values: nil, queries: nil, seed: seed)
  }

  /// Keys and values from files; queries too, or drawn from `seed`.
  public static func files(
    keys: String, values: String, queries: String?, seed: UInt64
  ) -> SampleOrigin {
    SampleOrigin(
      keys: keys, values: values, queries: queries, seed: queries == nil ? seed : nil)
  }
}
