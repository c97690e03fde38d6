import Kernels
import Operators

/// Reads pages back by the offsets that PageLayout.swift documents, and by nothing of the kernels.
struct PageReader {
  let pages: KVPages

  private var layout: PageLayout { pages.layout }

  private func half(at offset: Int) -> Double {
    let bits = UInt16(pages.bytes[offset]) | UInt16(pages.bytes[offset + 1]) << 8
    return Double(Float16(bitPattern: bits))
  }

  /// Scale and zero of a vector of a four-bit page.
  func metadata(slot: Int, kvHead: Int, isValue: Bool) -> (scale: Double, zero: Double) {
    let size = layout.blockSize
    let start =
      slot / size * layout.pageBytes + kvHead * layout.slabBytes + layout.metadataOffset
      + (isValue ? 4 * size : 0) + slot % size * 2
    return (half(at: start), half(at: start + 2 * size))
  }

  /// The vector that the codes stand for (still rotated, where the format rotates).
  func vector(slot: Int, kvHead: Int, isValue: Bool) -> [Double] {
    let size = layout.blockSize
    let start =
      slot / size * layout.pageBytes + kvHead * layout.slabBytes
      + (isValue ? layout.valueCodesOffset : 0) + slot % size * layout.codeBytesPerVector
    var vector = [Double](repeating: 0, count: layout.headDim)
    if layout.format.bitsPerElement == 16 {
      for i in 0..<layout.headDim { vector[i] = half(at: start + 2 * i) }
      return vector
    }
    let (scale, zero) = metadata(slot: slot, kvHead: kvHead, isValue: isValue)
    let middle = layout.headDim / 2
    for i in 0..<middle {
      let byte = pages.bytes[start + i]
      vector[i] = zero + scale * Double(byte & 15)
      vector[middle + i] = zero + scale * Double(byte >> 4)
    }
    return vector
  }
}
