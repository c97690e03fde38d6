import CAttention
import Operators

extension CPUBackend {
  /// Nanoseconds of one call of a small operator over `rows` rows of `width` elements.
  func timeSmall(
    _ kind: ElementwiseOperator, rows: Int, width: Int, _ arena: TimingArena
  ) throws(DeviceError) -> Int64 {
    let count = try InputChecks.elements(rows: rows, width: width)
    switch kind {
    case .norm, .finalNorm:
      let inputs = try arena.nextActivations(2 * count + width)
      let (sum, normed) = (try arena.nextResults(count), try arena.nextResults(count))
      let addition = kv_pairwise(a: inputs, b: inputs + count, to: sum)
      let norm = kv_rms_norm(
        width: Int64(width), epsilon: 1e-6, x: kind == .norm ? UnsafePointer(sum) : inputs,
        weight: inputs + 2 * count, to: normed)
      return MonotonicClock.time_ns {
        if kind == .norm { dispatch.add(addition, count: count) }
        dispatch.rmsNorm(norm, rows: rows)
      }
    case .rotary:
      let headDim = try InputChecks.headDim(ofRow: width)
      let turns = try RotaryFrequencies(headDim: headDim, theta: 10_000).turns
      let places = (0..<UInt32(rows)).map { $0 }
      // Turned in place: magnitudes stay, and the arena's memory is there to be used up.
      let vectors = UnsafeMutablePointer(mutating: try arena.nextActivations(count))
      var elapsed_ns: Int64 = 0
      withPointers(places, turns, [0]) { places, turns, _ in
        let call = kv_rotary(
          heads: Int64(width / headDim), head_dim: Int64(headDim), x: vectors,
          positions: places, frequencies: turns)
        elapsed_ns = MonotonicClock.time_ns { dispatch.rotary(call, tokens: rows) }
      }
      return elapsed_ns
    case .activation:
      let inputs = try arena.nextActivations(2 * count)
      let call = kv_pairwise(a: inputs, b: inputs + count, to: try arena.nextResults(count))
      return MonotonicClock.time_ns { dispatch.siluMultiply(call, count: count) }
    case .embedding, .sampling:
      throw .noKernel(operation: kind.rawValue)
    }
  }
}
