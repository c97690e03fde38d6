import Operators

extension VulkanBackend {
  /// Nanoseconds of `repeats` samples of a small operator over `rows` rows of `width` elements.
  func timeSmall(
    _ kind: ElementwiseOperator, rows: Int, width: Int, _ repeats: Int, _ arena: VulkanArena
  ) throws(DeviceError) -> [Int64] {
    let count = try InputChecks.elements(rows: rows, width: width)
    let bytes = 4 * count
    let work = VulkanWork(kind.rawValue, "\(rows) rows of \(width)")
    let operators = VulkanOperators(context: context, work: work)
    let inputs = arena.inputs.memory
    switch kind {
    case .norm, .finalNorm:
      let needed = 2 * bytes + 4 * width
      try inputs.check(holds: needed, "row_bytes")
      try arena.results.check(holds: 2 * bytes, "result_bytes")
      let sum = arena.results.address
      return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
        let x = try arena.inputs.next(needed, "row_bytes")
        if kind == .norm {
          try operators.add(x, x + UInt64(bytes), to: sum, count: count, recorder)
          recorder.barrier()
        }
        try operators.rmsNorm(
          x: kind == .norm ? sum : x, weight: x + UInt64(2 * bytes), to: sum + UInt64(bytes),
          rows: rows, width: width, epsilon: 1e-6, recorder)
      }
    case .rotary:
      let headDim = try InputChecks.headDim(ofRow: width)
      try inputs.check(holds: bytes, "row_bytes")
      let places = try context.deviceMemory(of: (0..<UInt32(rows)).map { $0 }, for: work)
      let turns = try context.deviceMemory(
        of: RotaryFrequencies(headDim: headDim, theta: 10_000).turns, for: work)
      // Turned in place: magnitudes stay, and the arena's memory is there to be used up.
      return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
        try operators.rotary(
          x: arena.inputs.next(bytes, "row_bytes"), positions: places.address,
          frequencies: turns.address, tokens: rows, heads: width / headDim, headDim: headDim,
          recorder)
      }
    case .activation:
      try inputs.check(holds: 2 * bytes, "row_bytes")
      try arena.results.check(holds: bytes, "result_bytes")
      return try timeRuns(work, calls: repeats) { (_, recorder) throws(DeviceError) in
        let gate = try arena.inputs.next(2 * bytes, "row_bytes")
        try operators.siluMultiply(
          gate: gate, up: gate + UInt64(bytes), to: arena.results.address, count: count, recorder)
      }
    case .embedding, .sampling:
      throw .noKernel(operation: kind.rawValue)
    }
  }
}
