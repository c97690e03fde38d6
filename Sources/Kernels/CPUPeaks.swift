import CAttention
import Operators

/// What the machine could do at best, and what kernels do on rows that are in cache: the figures
/// that a benchmark sets its times against.
extension CPUBackend {
  /// Floating-point operations per second of independent fused multiply-adds on all threads of the
  /// backend, the median of `repeats` passes; a multiply and an add count as two.
  public func measureFMAPeak(repeats: Int) -> Double {
    let path = dispatch.path.code
    // Some 0.3 ms an item: long beside handing it out, short beside a neighbour's slice of a core.
    let iterations = 1 << 16
    let items = 4 * dispatch.workers.workerCount
    let operations = items * iterations * Int(kv_fma_peak_operations(path))
    // The first pass lets the cores come up to speed and does not count.
    let passes_ns = (0...max(1, repeats)).map { _ in
      MonotonicClock.time_ns {
        dispatch.workers.run(items) { _, _ in _ = kv_fma_peak(path, Int64(iterations)) }
      }
    }
    .dropFirst().sorted()
    return Double(operations) / Double(max(1, passes_ns[passes_ns.count / 2])) * 1e9
  }

  /// Bytes per second of a plain read of whole pages in the order of a block table, with all
  /// threads, the median of `repeats` passes: what decode attention could reach if it did nothing
  /// but read.
  /// - Throws: as ``time(_:blockSize:repeats:)`` does.
  public func measurePageRead(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> Double {
    let layout = try layout(heads, format, blockSize)
    let arena = try timingArena()
    // What a pass counts is a multiple of 256 bytes of each page; nearly all there is.
    let pageBytes = layout.pageBytes / 256 * 256
    guard pageBytes > 0 else {
      throw .unsupportedShape(
        field: "page_bytes", value: layout.pageBytes, accepted: "at least 256")
    }
    let perItem = max(1, (1 << 20) / layout.pageBytes)
    let items = max(1, min(256 << 20, arena.pageCount(layout) * pageBytes) / (perItem * pageBytes))
    var passes_ns: [Int64] = []
    for _ in 0...max(1, repeats) {
      let pages = try arena.nextPages(items * perItem, of: layout)
      passes_ns.append(
        MonotonicClock.time_ns {
          dispatch.read(
            pages, perItem: perItem, pageBytes: layout.pageBytes, readBytes: pageBytes,
            of: arena.pageBase)
        })
    }
    // The first pass warms up and does not count.
    let counted_ns = passes_ns.dropFirst().sorted()
    return Double(items * perItem * pageBytes) / Double(max(1, counted_ns[counted_ns.count / 2]))
      * 1e9
  }

  /// Decode attention of one sequence whose pages lie in the second-level cache: some 512 KiB of
  /// them, read over and over. Where that is slower than memory, arithmetic bounds the kernel.
  /// - Returns: bytes of KV per second of each of `repeats` samples.
  /// - Throws: as ``time(_:blockSize:repeats:)`` does.
  public func decodeRateFromCache(
    heads: HeadGeometry, format: KVFormat, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Double] {
    let layout = try layout(heads, format, blockSize)
    let tokenBytes = heads.kvBytesPerToken(format)
    let context = max(64, (512 << 10) / tokenBytes / 64 * 64), calls = 32
    let arena = try timingArena()
    let table = try arena.nextPages(tokens: context, of: layout)
    var rates: [Double] = []
    for _ in 0...max(1, repeats) {
      arena.beginCall()
      let elapsed_ns = try timeDecode([context], heads, layout, arena, pages: table, calls: calls)
      rates.append(Double(calls * context * tokenBytes) / Double(max(1, elapsed_ns)) * 1e9)
    }
    // The first sample brings the pages in and does not count.
    return Array(rates.dropFirst())
  }

  /// Reads memory that no operator's pages or activations lie in, twice the last-level cache of
  /// it, so that what is timed next finds nothing of its own there.
  public func clearCache() throws(DeviceError) {
    let mebibyte = 1 << 20
    let twice = min(2 * facts.lastLevelCacheBytes, 1 << 30)
    let byteCount = (twice + mebibyte - 1) / mebibyte * mebibyte
    let memory = try timingArena().nextWeights(byteCount / 2)
    dispatch.read(memory, byteCount: byteCount)
  }

  /// Times append on one thread with rows, slots and page in the first-level cache: one page of 16
  /// tokens of one KV head, written over and over.
  ///
  /// - Parameters:
  ///   - headDim: elements of a row.
  ///   - format: where it rotates keys alone, half of the rows are rotated; where it rotates values
  ///     too, all are.
  ///   - repeats: samples, of some 16,000 rows each, after one that does not count.
  /// - Returns: nanoseconds per row of each sample; a token has two rows, its key and its value.
  /// - Throws: ``DeviceError/unsupportedShape(field:value:accepted:)`` or
  ///   ``DeviceError/outOfMemory(bytes:)``.
  public func timeAppendFromCache(
    headDim: Int, format: KVFormat, repeats: Int
  ) throws(DeviceError) -> [Double] {
    let tokens = 16, calls = 512
    let layout = PageLayout(format: format, blockSize: tokens, kvHeads: 1, headDim: headDim)
    try InputChecks.check(layout)
    let arena = try timingArena()
    let path = dispatch.path.code
    let keys = try arena.nextActivations(2 * tokens * headDim)
    let values = keys + tokens * headDim
    let pages = try arena.writtenPageBase().assumingMemoryBound(to: UInt8.self)
    let slots = (0..<Int64(tokens)).map { $0 }
    return slots.withUnsafeBufferPointer { slots in
      var call = kv_append(
        shape: CPUDispatch.shape(layout, groupSize: 1),
        pages: pages, slots: slots.baseAddress,
        keys: keys, values: values)
      return (0...max(1, repeats)).map { _ in
        let elapsed_ns = MonotonicClock.time_ns {
          for _ in 0..<calls { kv_append_tokens(path, &call, 0, Int64(tokens)) }
        }
        return Double(elapsed_ns) / Double(2 * tokens * calls)
      }
      .dropFirst().map { $0 }
    }
  }
}
