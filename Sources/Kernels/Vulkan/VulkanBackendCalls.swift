import Operators

// The operators on arrays: checked, carried to the device, run, and carried back.

extension VulkanBackend {
  /// Runs one operator, whose results the host sees afterwards.
  func run(
    _ work: VulkanWork,
    _ record: (VulkanOperators, VulkanRecorder) throws(DeviceError) -> Void
  ) throws(DeviceError) {
    let operators = VulkanOperators(context: context, work: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      try record(operators, recorder)
    }
  }

  /// See ``KernelBackend/append(keys:values:slots:to:)``.
  public func append(
    keys: [Float], values: [Float], slots: [Int], to pages: inout KVPages
  ) throws(DeviceError) {
    _ = try InputChecks.checkAppend(keys: keys, values: values, slots: slots, pages)
    guard !slots.isEmpty else { return }
    let page = PageConstants(layout: pages.layout, groupSize: 1)
    let work = VulkanWork("append", "\(slots.count) tokens, \(page)")
    let pool = try context.memory(of: pages.bytes, for: work)
    let keyRows = try context.memory(of: keys, for: work)
    let valueRows = try context.memory(of: values, for: work)
    let places = try context.memory(of: slots.map { UInt32($0) }, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.append(
        page, pages: pool.address, keys: keyRows.address, values: valueRows.address,
        slots: places.address, tokens: slots.count, recorder)
    }
    pool.read(into: &pages.bytes, count: pages.bytes.count)
  }

  /// See ``KernelBackend/gather(_:pages:keys:values:)``.
  public func gather(
    _ sequence: CachedSequence, pages: KVPages, keys: inout [Float], values: inout [Float]
  ) throws(DeviceError) {
    let needed = try InputChecks.checkGather(sequence, pages, keys: keys, values: values)
    let page = PageConstants(layout: pages.layout, groupSize: 1)
    let work = VulkanWork("gather", "\(sequence.context) tokens, \(page)")
    let pool = try context.memory(of: pages.bytes, for: work)
    let table = try context.memory(of: sequence.blocks, for: work)
    let keyRows = try context.memory(byteCount: 4 * needed, isHostVisible: true, for: work)
    let valueRows = try context.memory(byteCount: 4 * needed, isHostVisible: true, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.gather(
        page, pages: pool.address, table: table.address, keys: keyRows.address,
        values: valueRows.address, tokens: sequence.context, recorder)
    }
    keyRows.read(into: &keys, count: needed)
    valueRows.read(into: &values, count: needed)
  }

  /// Shaders count tokens in 32 bits.
  private func checkContext(_ sequence: CachedSequence) throws(DeviceError) {
    guard sequence.context <= VulkanArena.contextLimit else {
      throw .unsupportedShape(
        field: "context", value: sequence.context,
        accepted: "at most \(VulkanArena.contextLimit)")
    }
  }

  /// See ``KernelBackend/decodeAttention(queries:queryHeads:sequences:pages:options:into:)``.
  public func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    let needed = try InputChecks.checkDecode(
      queries: queries, queryHeads: queryHeads, sequences: sequences, pages, options,
      output: output)
    guard !sequences.isEmpty else { return }
    for sequence in sequences { try checkContext(sequence) }
    let groupSize = queryHeads / pages.layout.kvHeads
    let page = PageConstants(layout: pages.layout, groupSize: groupSize)
    let work = VulkanWork("decode attention", "\(sequences.count) sequences, \(page)")
    let tables = BlockTables(sequences)
    let plan = VulkanDecodePlan(
      contexts: sequences.map(\.context), window: options.slidingWindow,
      kvHeads: pages.layout.kvHeads, groupSize: groupSize,
      bits: pages.layout.format.bitsPerElement, multiprocessors: context.multiprocessors)
    let buffers = try VulkanDecodeBuffers(plan, page, context, work, isHostVisible: true)
    buffers.queries.write(Array(queries[..<needed]))
    let pool = try context.memory(of: pages.bytes, for: work)
    let table = try context.memory(of: tables.entries, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.decode(
        page, buffers, pages: pool.address, tables: table.address, tableStride: tables.width,
        softCap: options.softCap ?? 0, recorder)
    }
    buffers.outputs.read(into: &output, count: needed)
  }

  /// See
  /// ``KernelBackend/prefillAttention(queries:queryHeads:tokens:sequence:pages:options:into:)``.
  public func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    let needed = try InputChecks.checkPrefill(
      queries: queries, queryHeads: queryHeads, tokens: tokens, sequence, pages, options,
      output: output)
    try checkContext(sequence)
    let page = PageConstants(
      layout: pages.layout, groupSize: queryHeads / pages.layout.kvHeads)
    let work = VulkanWork(
      "prefill attention", "\(tokens) tokens after \(sequence.context - tokens), \(page)")
    let pool = try context.memory(of: pages.bytes, for: work)
    let table = try context.memory(of: sequence.blocks, for: work)
    let given = try context.memory(of: Array(queries[..<needed]), for: work)
    let made = try context.memory(byteCount: 4 * needed, isHostVisible: true, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.prefill(
        page, pages: pool.address, table: table.address, queries: given.address,
        outputs: made.address, prefix: sequence.context - tokens, tokens: tokens,
        options: options, recorder)
    }
    made.read(into: &output, count: needed)
  }

  /// See ``KernelBackend/linear(_:weights:tokens:outputs:inputs:into:)``.
  public func linear(
    _ activations: [Float], weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    try InputChecks.checkLinear(
      activations, weights, tokens: tokens, outputs: outputs, inputs: inputs, output: output)
    let work = VulkanWork("linear", "\(tokens) tokens, \(outputs) outputs, \(inputs) inputs")
    let x = try context.memory(of: activations, for: work)
    let w = try context.memory(of: weights, for: work)
    let y = try context.memory(byteCount: 4 * tokens * outputs, isHostVisible: true, for: work)
    try run(work) { (operators, recorder) throws(DeviceError) in
      try operators.linear(
        x: x.address, w: w.address, y: y.address, tokens: tokens, outputs: outputs,
        inputs: inputs, recorder)
    }
    y.read(into: &output, count: tokens * outputs)
  }
}

extension PageConstants: CustomStringConvertible {
  /// The sizes, for errors.
  var description: String {
    "\(layout.format.name), \(layout.kvHeads) KV heads of \(layout.headDim), "
      + "\(groupSize) query heads each, pages of \(layout.blockSize)"
  }
}
