/// What a vendor specifies of a device, as far as times and capacity depend on it.
public struct DataSheet: Hashable, Sendable {
  /// What the vendor calls the device, e.g. `NVIDIA H100 SXM`.
  public let name: String
  /// Memory, in bytes.
  public let memoryBytes: Int
  /// What the memory gives at most, in bytes per second; positive.
  public let bytesPerSecond: Int
  /// Operations per second of the matrix units on FP16 or BF16 with FP32 sums, of dense matrices
  /// (without sparsity); a multiply and an add count as two; positive.
  public let flopsPerSecond: Int
  /// Where the figures stand: a document's title and address.
  public let source: String

  /// A data sheet, complete.
  /// - Precondition: both rates are positive.
  public init(
    name: String, memoryBytes: Int, bytesPerSecond: Int, flopsPerSecond: Int, source: String
  ) {
    precondition(bytesPerSecond > 0 && flopsPerSecond > 0)
    self.name = name
    self.memoryBytes = memoryBytes
    self.bytesPerSecond = bytesPerSecond
    self.flopsPerSecond = flopsPerSecond
    self.source = source
  }
}
