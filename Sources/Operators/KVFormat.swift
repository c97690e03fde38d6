/// How keys and values stand in the cache: the width of a code, its metadata, and whether a
/// rotation comes before the quantisation.
///
/// Sixteen-bit formats store IEEE half precision and carry no metadata. Four-bit formats are
/// token-wise asymmetric: one 16-bit scale and one 16-bit zero per token, KV head and tensor,
/// `x ≈ zero + scale · code` with `code` in 0...15.
public struct KVFormat: Hashable, Sendable {
  /// A block-diagonal Hadamard rotation applied before quantising (SAW-INT4, arXiv 2604.19157).
  public struct Rotation: Hashable, Sendable {
    /// The order of one Hadamard block. It should divide the head dimension; where it does not,
    /// the largest power of two that divides both is used.
    public let order: Int
    /// Whether values are rotated too (and the attention output rotated back once).
    public let includesValues: Bool

    /// Any order has a name; backends refuse those that are not in ``KVFormat/rotationOrders``.
    public init(order: Int, includesValues: Bool) {
      self.order = order
      self.includesValues = includesValues
    }
  }

  /// The name that users write: in scenarios, tables and traces.
  public let name: String
  /// Bits of one stored code: 16 or 4.
  public let bitsPerElement: Int
  /// Bytes of scale and zero per token, KV head and tensor (K or V).
  public let metadataBytesPerVector: Int
  /// The rotation before quantising, if any.
  public let rotation: Rotation?

  private init(name: String, bits: Int, metadataBytes: Int, rotation: Rotation?) {
    self.name = name
    bitsPerElement = bits
    metadataBytesPerVector = metadataBytes
    self.rotation = rotation
  }

  /// Half precision, the reference.
  public static let fp16 = KVFormat(name: "fp16", bits: 16, metadataBytes: 0, rotation: nil)
  /// Token-wise asymmetric INT4.
  public static let int4 = KVFormat(name: "int4", bits: 4, metadataBytes: 4, rotation: nil)
  /// INT4 whose keys are rotated by Hadamard blocks of order 128 first, as SAW-INT4 publishes it.
  public static let int4Rotated = KVFormat(
    name: "int4-rotated", bits: 4, metadataBytes: 4,
    rotation: Rotation(order: 128, includesValues: false))

  /// This format with so many bytes of scale and zero for a vector, as kernels keep them that are
  /// not the bundled ones; sixteen-bit formats have none. The name stays.
  public func with(metadataBytesPerVector bytes: Int) -> KVFormat {
    guard metadataBytesPerVector > 0 else { return self }
    return KVFormat(name: name, bits: bitsPerElement, metadataBytes: bytes, rotation: rotation)
  }

  /// Orders of Hadamard blocks that the kernels are proven for.
  public static let rotationOrders = [16, 32, 64, 128, 256]

  /// This format with its keys (and values) rotated by Hadamard blocks of `order` first.
  ///
  /// Names follow from the order: `int4-rotated-64`, `int4-rotated-64-kv` where values are rotated
  /// too; keys at order 128 are what `int4-rotated` names.
  /// Backends refuse an order that is not in ``rotationOrders``.
  public func rotated(by order: Int, includesValues: Bool) -> KVFormat {
    let base = bitsPerElement == 16 ? KVFormat.fp16 : KVFormat.int4
    let rotation = Rotation(order: order, includesValues: includesValues)
    if base == .int4 && rotation == KVFormat.int4Rotated.rotation { return .int4Rotated }
    return KVFormat(
      name: "\(base.name)-rotated-\(order)" + (includesValues ? "-kv" : ""),
      bits: base.bitsPerElement, metadataBytes: base.metadataBytesPerVector,
      rotation: rotation)
  }

  /// Every format that has a name of its own, in the order in which tables show them.
  public static let named: [KVFormat] = [.fp16, .int4, .int4Rotated]

  /// The named format, or nil.
  public init?(name: String) {
    guard let format = KVFormat.named.first(where: { $0.name == name }) else { return nil }
    self = format
  }

  /// The largest magnitude of an element of K or V that pages of this format hold.
  ///
  /// Elements of FP16 pages, and scale and zero of four-bit ones, are IEEE halves, which end at
  /// 65,504: a zero beyond it would be cut off, and reading back would err by more than half a
  /// step. Rotating a row whose elements are all of one magnitude can multiply it by the square
  /// root of the order, and no row by more.
  public func largestMagnitude(headDim: Int, isValue: Bool) -> Float {
    65_504 / Float(rotationOrder(headDim: headDim, isValue: isValue) ?? 1).squareRoot()
  }

  /// The order of the Hadamard blocks of a key, or of a value; nil where it is not rotated.
  public func rotationOrder(headDim: Int, isValue: Bool) -> Int? {
    guard !isValue || rotation?.includesValues ?? false else { return nil }
    return rotationOrder(headDim: headDim)
  }

  /// The order of the Hadamard blocks for vectors of `headDim` elements; nil without rotation.
  public func rotationOrder(headDim: Int) -> Int? {
    // The lowest bit that is set is the largest power of two that divides a number.
    rotation.map { min($0.order & (0 &- $0.order), headDim & (0 &- headDim)) }
  }
}
