import CAttention

extension CPUBackend {
  /// See ``SmallOperators/rmsNorm(_:weight:epsilon:rows:width:into:)``.
  public func rmsNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    _ = try InputChecks.checkRMSNorm(
      x, weight: weight, epsilon: epsilon, rows: rows, width: width, output: output)
    output.withUnsafeMutableBufferPointer { output in
      withPointers(x, weight, [0]) { x, weight, _ in
        let call = kv_rms_norm(
          width: Int64(width), epsilon: epsilon, x: x, weight: weight, to: output.baseAddress)
        dispatch.rmsNorm(call, rows: rows)
      }
    }
  }

  /// See ``SmallOperators/rotaryEmbedding(_:positions:heads:frequencies:)``.
  public func rotaryEmbedding(
    _ vectors: inout [Float], positions: [Int], heads: Int, frequencies: RotaryFrequencies
  ) throws(DeviceError) {
    _ = try InputChecks.checkRotary(vectors, positions: positions, heads: heads, frequencies)
    let places = positions.map { UInt32($0) }
    vectors.withUnsafeMutableBufferPointer { vectors in
      withPointers(places, frequencies.turns, [0]) { places, turns, _ in
        let call = kv_rotary(
          heads: Int64(heads), head_dim: Int64(frequencies.headDim), x: vectors.baseAddress,
          positions: places, frequencies: turns)
        dispatch.rotary(call, tokens: positions.count)
      }
    }
  }

  /// See ``SmallOperators/siluMultiply(gate:up:count:into:)``.
  public func siluMultiply(
    gate: [Float], up: [Float], count: Int, into output: inout [Float]
  ) throws(DeviceError) {
    try InputChecks.checkPairwise(gate, "gate", up, "up", count: count, output: output)
    output.withUnsafeMutableBufferPointer { output in
      withPointers(gate, up, [0]) { gate, up, _ in
        dispatch.siluMultiply(
          kv_pairwise(a: gate, b: up, to: output.baseAddress), count: count)
      }
    }
  }

  /// See ``SmallOperators/add(_:count:to:)``.
  public func add(_ addend: [Float], count: Int, to sum: inout [Float]) throws(DeviceError) {
    try InputChecks.checkPairwise(sum, "sum", addend, "addend", count: count, output: sum)
    sum.withUnsafeMutableBufferPointer { sum in
      addend.withUnsafeBufferPointer { addend in
        dispatch.add(
          kv_pairwise(a: sum.baseAddress, b: addend.baseAddress, to: sum.baseAddress),
          count: count)
      }
    }
  }
}

extension CPUDispatch {
  /// Elements of a work item: 64 KiB of each array.
  private static let elementsPerItem = 1 << 14

  func rmsNorm(_ call: kv_rms_norm, rows: Int) {
    let path = path.code
    withUnsafePointer(to: call) { call in
      share(rows, elementsOfEach: Int(call.pointee.width)) { kv_rms_norm_rows(path, call, $0, $1) }
    }
  }

  func rotary(_ call: kv_rotary, tokens: Int) {
    let path = path.code
    withUnsafePointer(to: call) { call in
      share(tokens, elementsOfEach: Int(call.pointee.heads * call.pointee.head_dim)) {
        kv_rotary_tokens(path, call, $0, $1)
      }
    }
  }

  func siluMultiply(_ call: kv_pairwise, count: Int) {
    let path = path.code
    withUnsafePointer(to: call) { call in
      share(count, elementsOfEach: 1) { kv_silu_multiply(path, call, $0, $1) }
    }
  }

  func add(_ call: kv_pairwise, count: Int) {
    let path = path.code
    withUnsafePointer(to: call) { call in
      share(count, elementsOfEach: 1) { kv_add(path, call, $0, $1) }
    }
  }

  /// Cuts `count` rows into items and gives each, first row and the one behind its last, to
  /// `body`, on all threads.
  private func share(_ count: Int, elementsOfEach: Int, _ body: (Int64, Int64) -> Void) {
    let step = max(1, CPUDispatch.elementsPerItem / elementsOfEach)
    workers.run((count + step - 1) / step) { item, _ in
      body(Int64(item * step), Int64(min((item + 1) * step, count)))
    }
  }
}
