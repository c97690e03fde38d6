/// Where the bytes of a KV page lie. One layout for every device.
///
/// A *page* holds `blockSize` tokens of one layer. It is a row of *slabs*, one per KV head, each a
/// contiguous stream:
///
///     codes of K    blockSize × headDim × bits / 8
///     codes of V    blockSize × headDim × bits / 8
///     scales of K   blockSize × 2       (four-bit formats only, IEEE half)
///     zeros of K    blockSize × 2
///     scales of V   blockSize × 2
///     zeros of V    blockSize × 2
///
/// Codes are token-major. A byte of a four-bit vector holds element `i` in its low nibble and
/// element `i + headDim / 2` in its high nibble, so that one load yields two contiguous halves.
/// Pool capacity, kernels and cost model take their bytes from here and from nowhere else.
///
/// A layout only says what was asked for: `KVPages` and backends refuse, with a `DeviceError`,
/// sizes of which no pages can be made. Of such sizes its byte counts mean nothing, and may
/// overflow.
public struct PageLayout: Hashable, Sendable {
  /// The format of the codes.
  public let format: KVFormat
  /// Tokens per page.
  public let blockSize: Int
  /// KV heads per page.
  public let kvHeads: Int
  /// Elements per vector.
  public let headDim: Int

  /// A layout of any sizes.
  public init(format: KVFormat, blockSize: Int, kvHeads: Int, headDim: Int) {
    self.format = format
    self.blockSize = blockSize
    self.kvHeads = kvHeads
    self.headDim = headDim
  }

  /// Bytes of the codes of one vector (one token, one KV head, K or V).
  public var codeBytesPerVector: Int { headDim * format.bitsPerElement / 8 }
  /// Bytes from the start of a slab to its V codes.
  public var valueCodesOffset: Int { blockSize * codeBytesPerVector }
  /// Bytes from the start of a slab to its metadata.
  public var metadataOffset: Int { 2 * blockSize * codeBytesPerVector }
  /// Bytes of one KV head's slab.
  public var slabBytes: Int { blockSize * bytesPerTokenPerHead }
  /// Bytes of one page (all KV heads, one layer).
  public var pageBytes: Int { kvHeads * slabBytes }
  /// Bytes of K and V with their metadata, per token and KV head.
  public var bytesPerTokenPerHead: Int {
    2 * (codeBytesPerVector + format.metadataBytesPerVector)
  }
  /// Bytes of K and V with their metadata, per token of one layer.
  public var bytesPerToken: Int { kvHeads * bytesPerTokenPerHead }
}
