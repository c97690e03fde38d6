import CVulkan

// The small operators of a layer: as commands, and on arrays. None has a pipeline for each shape.

extension VulkanOperators {
  /// Threads of a workgroup; every device takes 128.
  private static let smallThreads = 128
  /// Elements up to which a row is normalised by few threads, a subgroup of them on most devices: a
  /// head's row would leave most of 128 without any.
  private static let narrowWidth = 512
  private static let narrowThreads = 32

  private struct RMSNormPush {
    var x, weight, to: UInt64
    var rows, width: UInt32
    var epsilon: Float
  }

  /// `to = x / sqrt(mean(x²) + epsilon) * weight`, `[row][width]`; `to` may be `x`.
  func rmsNorm(
    x: UInt64, weight: UInt64, to: UInt64, rows: Int, width: Int, epsilon: Float,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let threads =
      width <= VulkanOperators.narrowWidth
      ? VulkanOperators.narrowThreads : VulkanOperators.smallThreads
    let pipeline = try context.pipeline(.rmsNorm, [UInt32(threads)], for: work)
    let (groupsX, groupsY) = VulkanOperators.spread(rows)
    recorder.dispatch(
      pipeline,
      RMSNormPush(
        x: x, weight: weight, to: to, rows: UInt32(rows), width: UInt32(width), epsilon: epsilon),
      groupsX, groupsY)
  }

  private struct RotaryPush {
    var x, positions, frequencies: UInt64
    var tokens, heads, headDim: UInt32
  }

  /// Turns `x`, `[token][head][headDim]`, by `positions` (32 bits each) times `frequencies` (64).
  func rotary(
    x: UInt64, positions: UInt64, frequencies: UInt64, tokens: Int, heads: Int, headDim: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    try dispatchSmall(
      .rotary,
      RotaryPush(
        x: x, positions: positions, frequencies: frequencies, tokens: UInt32(tokens),
        heads: UInt32(heads), headDim: UInt32(headDim)),
      items: tokens * heads * headDim / 8, recorder)
  }

  private struct PairwisePush {
    var a, b, to: UInt64
    var count: UInt32
  }

  /// `to = silu(gate) * up`; `to` may be either.
  func siluMultiply(
    gate: UInt64, up: UInt64, to: UInt64, count: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    try dispatchSmall(
      .siluMultiply, PairwisePush(a: gate, b: up, to: to, count: UInt32(count)),
      items: (count + 3) / 4, recorder)
  }

  /// `to = a + b`; `to` may be either.
  func add(
    _ a: UInt64, _ b: UInt64, to: UInt64, count: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    try dispatchSmall(
      .add, PairwisePush(a: a, b: b, to: to, count: UInt32(count)), items: (count + 3) / 4,
      recorder)
  }

  /// A thread for each item.
  private func dispatchSmall<Push: BitwiseCopyable>(
    _ shader: VulkanShader, _ push: Push, items: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let threads = VulkanOperators.smallThreads
    let pipeline = try context.pipeline(shader, [UInt32(threads)], for: work)
    let (x, y) = VulkanOperators.spread((items + threads - 1) / threads)
    recorder.dispatch(pipeline, push, x, y)
  }
}

extension VulkanBackend {
  /// Shaders count elements in 32 bits.
  private func checkIndexable(_ elements: Int) throws(DeviceError) {
    guard elements <= Int(UInt32.max) else {
      throw .unsupportedShape(
        field: "elements", value: elements, accepted: "at most \(UInt32.max)")
    }
  }

  /// See ``SmallOperators/rmsNorm(_:weight:epsilon:rows:width:into:)``.
  public func rmsNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    let needed = try InputChecks.checkRMSNorm(
      x, weight: weight, epsilon: epsilon, rows: rows, width: width, output: output)
    try checkIndexable(needed)
    let work = VulkanWork("RMS norm", "\(rows) rows of \(width)")
    let given = try context.memory(of: Array(x[..<needed]), for: work)
    let weights = try context.memory(of: Array(weight[..<width]), for: work)
    let made = try context.memory(byteCount: 4 * needed, isHostVisible: true, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.rmsNorm(
        x: given.address, weight: weights.address, to: made.address, rows: rows, width: width,
        epsilon: epsilon, recorder)
    }
    made.read(into: &output, count: needed)
  }

  /// See ``SmallOperators/rotaryEmbedding(_:positions:heads:frequencies:)``.
  public func rotaryEmbedding(
    _ vectors: inout [Float], positions: [Int], heads: Int, frequencies: RotaryFrequencies
  ) throws(DeviceError) {
    let needed = try InputChecks.checkRotary(
      vectors, positions: positions, heads: heads, frequencies)
    try checkIndexable(needed)
    guard needed > 0 else { return }
    let headDim = frequencies.headDim
    let work = VulkanWork(
      "rotary embedding", "\(positions.count) tokens, \(heads) heads of \(headDim)")
    let rows = try context.memory(of: Array(vectors[..<needed]), for: work)
    let places = try context.memory(of: positions.map { UInt32($0) }, for: work)
    let turns = try context.memory(of: frequencies.turns, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.rotary(
        x: rows.address, positions: places.address, frequencies: turns.address,
        tokens: positions.count, heads: heads, headDim: headDim, recorder)
    }
    rows.read(into: &vectors, count: needed)
  }

  /// See ``SmallOperators/siluMultiply(gate:up:count:into:)``.
  public func siluMultiply(
    gate: [Float], up: [Float], count: Int, into output: inout [Float]
  ) throws(DeviceError) {
    try InputChecks.checkPairwise(gate, "gate", up, "up", count: count, output: output)
    try checkIndexable(count)
    let work = VulkanWork("SiLU-multiply", "\(count) elements")
    let gates = try context.memory(of: Array(gate[..<count]), for: work)
    let ups = try context.memory(of: Array(up[..<count]), for: work)
    let made = try context.memory(byteCount: 4 * count, isHostVisible: true, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.siluMultiply(
        gate: gates.address, up: ups.address, to: made.address, count: count, recorder)
    }
    made.read(into: &output, count: count)
  }

  /// See ``SmallOperators/add(_:count:to:)``.
  public func add(_ addend: [Float], count: Int, to sum: inout [Float]) throws(DeviceError) {
    try InputChecks.checkPairwise(sum, "sum", addend, "addend", count: count, output: sum)
    try checkIndexable(count)
    let work = VulkanWork("residual add", "\(count) elements")
    let sums = try context.memory(of: Array(sum[..<count]), for: work)
    let addends = try context.memory(of: Array(addend[..<count]), for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.add(
        sums.address, addends.address, to: sums.address, count: count, recorder)
    }
    sums.read(into: &sum, count: count)
  }
}
