import CAttention
import Operators

extension CPUBackend {
  /// See ``KernelBackend/decodeAttention(queries:queryHeads:sequences:pages:options:into:)``.
  public func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    let needed = try InputChecks.checkDecode(
      queries: queries, queryHeads: queryHeads, sequences: sequences, pages, options,
      output: output)
    let layout = pages.layout
    guard !sequences.isEmpty else { return }
    let batch = BlockTables(sequences)
    let plan = DecodePlan(
      contexts: sequences.map(\.context), window: options.slidingWindow, kvHeads: layout.kvHeads,
      workers: dispatch.workers.workerCount)
    let shape = CPUDispatch.shape(layout, groupSize: queryHeads / layout.kvHeads)
    let turned = try AlignedBuffer(byteCount: needed * MemoryLayout<Float>.stride)
    let turnedQueries = turned.elements(Float.self)
    let partials = try AlignedBuffer(byteCount: CPUBackend.partialBytes(shape, plan))
    let partialSums = partials.elements(Float.self)
    try output.withUnsafeMutableBufferPointer { (output) throws(DeviceError) in
      try withPointers(pages.bytes, batch.entries, queries) {
        (pages, tables, queries) throws(DeviceError) in
        try withPointers(plan.spans, plan.spanStarts, [0]) {
          (spans, starts, _) throws(DeviceError) in
          let call = kv_decode(
            shape: shape, soft_cap: options.softCap ?? 0, pages: pages, tables: tables,
            table_stride: Int64(batch.width),
            queries: queries, turned: turnedQueries, spans: spans, partials: partialSums,
            span_starts: starts,
            outputs: output.baseAddress)
          try dispatch.decode(call, plan: plan)
        }
      }
    }
  }

  /// Bytes of the partial sums that the spans of a plan leave.
  static func partialBytes(_ shape: kv_shape, _ plan: DecodePlan) -> Int {
    plan.partialCount * Int(shape.group_size * (shape.head_dim + 2)) * MemoryLayout<Float>.stride
  }

  /// See
  /// ``KernelBackend/prefillAttention(queries:queryHeads:tokens:sequence:pages:options:into:)``.
  public func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    _ = try InputChecks.checkPrefill(
      queries: queries, queryHeads: queryHeads, tokens: tokens, sequence, pages, options,
      output: output)
    let layout = pages.layout
    try output.withUnsafeMutableBufferPointer { (output) throws(DeviceError) in
      try withPointers(pages.bytes, sequence.blocks, queries) {
        (pages, table, queries) throws(DeviceError) in
        let call = kv_prefill(
          shape: CPUDispatch.shape(layout, groupSize: queryHeads / layout.kvHeads),
          soft_cap: options.softCap ?? 0, window: Int64(options.slidingWindow ?? 0),
          pages: pages, table: table, prefix: Int64(sequence.context - tokens),
          tokens: Int64(tokens), queries: queries, outputs: output.baseAddress,
          tokens_per_item: 0)
        try dispatch.prefill(call)
      }
    }
  }

  /// See ``KernelBackend/linear(_:weights:tokens:outputs:inputs:into:)``.
  public func linear(
    _ activations: [Float], weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    try InputChecks.checkLinear(
      activations, weights, tokens: tokens, outputs: outputs, inputs: inputs, output: output)
    let packed = try AlignedBuffer(byteCount: tokens * inputs * MemoryLayout<Float>.stride)
    let packedActivations = packed.elements(Float.self)
    try output.withUnsafeMutableBufferPointer { (output) throws(DeviceError) in
      try withPointers(activations, weights, [0]) {
        (activations, weights, _) throws(DeviceError) in
        let call = kv_linear(
          tokens: Int64(tokens), outputs: Int64(outputs), inputs: Int64(inputs),
          x: activations, w: weights, y: output.baseAddress, packed_x: packedActivations)
        try dispatch.linear(call)
      }
    }
  }
}
