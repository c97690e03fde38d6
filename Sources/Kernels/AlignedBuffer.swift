import Glibc

/// Memory that a kernel may touch: page-aligned, zeroed, its own until it is freed.
///
/// It comes from `mmap` and asks for huge pages, because a page walk per few kilobytes of a
/// block table's random jumps would be measured as the kernel's own time.
struct AlignedBuffer: ~Copyable {
  /// The first byte.
  let base: UnsafeMutableRawPointer
  /// Bytes that were asked for.
  let byteCount: Int

  private static let hugePageBytes = 2 << 20

  /// - Throws: ``DeviceError/outOfMemory(bytes:)``.
  init(byteCount: Int) throws(DeviceError) {
    precondition(byteCount >= 0)
    let mapped = AlignedBuffer.mappedBytes(byteCount)
    let memory = mmap(
      nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard let memory, memory != MAP_FAILED else { throw .outOfMemory(bytes: byteCount) }
    if mapped >= AlignedBuffer.hugePageBytes {
      // Without huge pages everything still works, only slower; so the answer is not asked for.
      _ = madvise(memory, mapped, Int32(MADV_HUGEPAGE))
    }
    base = memory
    self.byteCount = byteCount
  }

  deinit {
    munmap(base, AlignedBuffer.mappedBytes(byteCount))
  }

  /// Whole huge pages for big buffers, whole small pages for others.
  private static func mappedBytes(_ byteCount: Int) -> Int {
    let unit = byteCount >= hugePageBytes ? hugePageBytes : 4096
    return max(1, (byteCount + unit - 1) / unit) * unit
  }

  /// The buffer as elements of `type`.
  func elements<Element>(_ type: Element.Type) -> UnsafeMutablePointer<Element> {
    base.assumingMemoryBound(to: type)
  }
}
