import CAttention
import Operators

/// The CPU kernels behind the interface that all devices share.
///
/// One call runs at a time; the threads are the backend's own.
public final class CPUBackend: KernelBackend {
  /// What this machine is.
  public let facts: DeviceFacts
  let dispatch: CPUDispatch
  /// Memory that timing reads; made by the first call that needs it.
  var arena: TimingArena?

  /// - Parameters:
  ///   - path: by default the one that `KVSIM_CPU_PATH` names, else the fastest that runs here.
  ///   - threads: by default the number of online cores.
  /// - Throws: ``DeviceError/unknownPath(name:accepted:)``,
  ///   ``DeviceError/pathUnavailable(name:available:)`` or
  ///   ``DeviceError/unsupportedShape(field:value:accepted:)`` for threads below one.
  public init(path: CPUPath? = nil, threads: Int? = nil) throws(DeviceError) {
    let chosen = try CPUPath.select(forced: path?.name ?? CPUPath.environmentChoice)
    if let threads { try InputChecks.check(positive: threads, "threads") }
    dispatch = try CPUDispatch(path: chosen, threads: threads)
    facts = .host(path: chosen, coreCount: dispatch.workers.workerCount)
  }

  /// See ``KernelBackend/append(keys:values:slots:to:)``.
  public func append(
    keys: [Float], values: [Float], slots: [Int], to pages: inout KVPages
  ) throws(DeviceError) {
    _ = try InputChecks.checkAppend(keys: keys, values: values, slots: slots, pages)
    let layout = pages.layout
    let places = slots.map(Int64.init)
    pages.bytes.withUnsafeMutableBufferPointer { bytes in
      withPointers(keys, values, places) { keys, values, places in
        let call = kv_append(
          shape: CPUDispatch.shape(layout, groupSize: 1), pages: bytes.baseAddress,
          slots: places, keys: keys, values: values)
        dispatch.append(call, tokens: slots.count)
      }
    }
  }

  /// See ``KernelBackend/gather(_:pages:keys:values:)``.
  public func gather(
    _ sequence: CachedSequence, pages: KVPages, keys: inout [Float], values: inout [Float]
  ) throws(DeviceError) {
    _ = try InputChecks.checkGather(sequence, pages, keys: keys, values: values)
    let layout = pages.layout
    keys.withUnsafeMutableBufferPointer { keys in
      values.withUnsafeMutableBufferPointer { values in
        withPointers(pages.bytes, sequence.blocks, [0]) { pages, table, _ in
          let call = kv_gather(
            shape: CPUDispatch.shape(layout, groupSize: 1), pages: pages, table: table,
            keys: keys.baseAddress, values: values.baseAddress)
          dispatch.gather(call, tokens: sequence.context)
        }
      }
    }
  }
}

/// Lends three arrays to C for the length of one call.
func withPointers<A, B, C, E>(
  _ a: [A], _ b: [B], _ c: [C],
  _ body: (UnsafePointer<A>?, UnsafePointer<B>?, UnsafePointer<C>?) throws(E) -> Void
) throws(E) {
  try a.withUnsafeBufferPointer { (a) throws(E) in
    try b.withUnsafeBufferPointer { (b) throws(E) in
      try c.withUnsafeBufferPointer { (c) throws(E) in
        try body(a.baseAddress, b.baseAddress, c.baseAddress)
      }
    }
  }
}
