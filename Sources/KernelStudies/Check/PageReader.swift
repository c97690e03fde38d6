import Kernels
import Operators

/// Reads pages back by the offsets that PageLayout.swift documents, and by nothing of the kernels.
struct PageReader {
  let pages: KVPages

  private var layout: PageLayout { pages.layout }

  private func half(_ bytes: UnsafeBufferPointer<UInt8>, at offset: Int) -> Double {
    let bits = UInt16(bytes[offset]) | UInt16(bytes[offset + 1]) << 8
    return Double(Float16(bitPattern: bits))
  }

  /// Scale and zero of a vector of a four-bit page.
  func metadata(slot: Int, kvHead: Int, isValue: Bool) -> (scale: Double, zero: Double) {
    let size = layout.blockSize
    let start =
      slot / size * layout.pageBytes + kvHead * layout.slabBytes + layout.metadataOffset
      + (isValue ? 4 * size : 0) + slot % size * 2
    return pages.bytes.withUnsafeBufferPointer { bytes in
      (half(bytes, at: start), half(bytes, at: start + 2 * size))
    }
  }

  /// The vector that the codes stand for (still rotated, where the format rotates).
  func vector(slot: Int, kvHead: Int, isValue: Bool) -> [Double] {
    var vector = [Double](repeating: 0, count: layout.headDim)
    vector.withUnsafeMutableBufferPointer {
      read(slot: slot, kvHead: kvHead, isValue: isValue, into: $0)
    }
    return vector
  }

  /// The same, into memory that the caller uses again; `vector` has `headDim` elements.
  func read(
    slot: Int, kvHead: Int, isValue: Bool, into vector: UnsafeMutableBufferPointer<Double>
  ) {
    let start = codes(slot: slot, kvHead: kvHead, isValue: isValue)
    if layout.format.bitsPerElement == 16 {
      pages.bytes.withUnsafeBufferPointer { bytes in
        for i in 0..<vector.count { vector[i] = half(bytes, at: start + 2 * i) }
      }
      return
    }
    let (scale, zero) = metadata(slot: slot, kvHead: kvHead, isValue: isValue)
    let middle = layout.headDim / 2
    pages.bytes.withUnsafeBufferPointer { bytes in
      for i in 0..<middle {
        let byte = bytes[start + i]
        vector[i] = zero + scale * Double(byte & 15)
        vector[middle + i] = zero + scale * Double(byte >> 4)
      }
    }
  }

  /// The byte at which a vector's codes start.
  private func codes(slot: Int, kvHead: Int, isValue: Bool) -> Int {
    let size = layout.blockSize
    return slot / size * layout.pageBytes + kvHead * layout.slabBytes
      + (isValue ? layout.valueCodesOffset : 0) + slot % size * layout.codeBytesPerVector
  }
}
