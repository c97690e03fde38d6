import Operators

/// What every backend refuses of an operator's arguments before it dispatches anything.
extension InputChecks {
  /// Of append. Returns elements of keys, and of values.
  static func checkAppend(
    keys: [Float], values: [Float], slots: [Int], _ pages: KVPages
  ) throws(DeviceError) -> Int {
    let layout = pages.layout
    try check(layout)
    try check(slots: slots, pages)
    let needed = try product([
      ("slots", slots.count), ("kv_heads", layout.kvHeads), ("head_dim", layout.headDim),
    ])
    try check(count: keys.count, atLeast: needed, "keys")
    try check(count: values.count, atLeast: needed, "values")
    try checkEachOnce(slots: slots)
    try check(
      finite: keys, count: needed,
      limit: layout.format.largestMagnitude(headDim: layout.headDim, isValue: false), "keys")
    try check(
      finite: values, count: needed,
      limit: layout.format.largestMagnitude(headDim: layout.headDim, isValue: true), "values")
    return needed
  }

  /// Of gather. Returns elements of keys, and of values.
  static func checkGather(
    _ sequence: CachedSequence, _ pages: KVPages, keys: [Float], values: [Float]
  ) throws(DeviceError) -> Int {
    let layout = pages.layout
    try check(layout)
    try check(sequence, number: 0, pages)
    let needed = try product([
      ("context", sequence.context), ("kv_heads", layout.kvHeads), ("head_dim", layout.headDim),
    ])
    try check(count: keys.count, atLeast: needed, "keys")
    try check(count: values.count, atLeast: needed, "values")
    return needed
  }

  /// Of decode attention. Returns elements of queries, and of the output.
  static func checkDecode(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], _ pages: KVPages,
    _ options: AttentionOptions, output: [Float]
  ) throws(DeviceError) -> Int {
    try checkHeads(queryHeads, pages.layout, options)
    for (number, sequence) in sequences.enumerated() { try check(sequence, number: number, pages) }
    let needed = try product([
      ("sequences", sequences.count), ("head_dim", pages.layout.headDim),
      ("query_heads", queryHeads),
    ])
    try checkQueries(queries, output, needed: needed)
    return needed
  }

  /// Of prefill attention. Returns elements of queries, and of the output.
  static func checkPrefill(
    queries: [Float], queryHeads: Int, tokens: Int, _ sequence: CachedSequence, _ pages: KVPages,
    _ options: AttentionOptions, output: [Float]
  ) throws(DeviceError) -> Int {
    try checkHeads(queryHeads, pages.layout, options)
    try check(sequence, number: 0, pages)
    try check(positive: tokens, "tokens")
    guard tokens <= sequence.context else {
      throw .unsupportedShape(
        field: "tokens", value: tokens, accepted: "at most the context, \(sequence.context)")
    }
    let needed = try product([
      ("tokens", tokens), ("head_dim", pages.layout.headDim), ("query_heads", queryHeads),
    ])
    try checkQueries(queries, output, needed: needed)
    return needed
  }

  private static func checkHeads(
    _ queryHeads: Int, _ layout: PageLayout, _ options: AttentionOptions
  ) throws(DeviceError) {
    try check(layout)
    try check(queryHeads: queryHeads, layout)
    try check(options)
  }

  private static func checkQueries(
    _ queries: [Float], _ output: [Float], needed: Int
  ) throws(DeviceError) {
    try check(count: queries.count, atLeast: needed, "queries")
    try check(finite: queries, count: needed, "queries")
    try check(count: output.count, atLeast: needed, "output")
  }

  /// Of a dense layer.
  static func checkLinear(
    _ activations: [Float], _ weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    output: [Float]
  ) throws(DeviceError) {
    try check(positive: tokens, "tokens")
    try check(positive: outputs, "outputs")
    try check(positive: inputs, "inputs")
    let activationCount = try product([("tokens", tokens), ("inputs", inputs)])
    let weightCount = try product([("outputs", outputs), ("inputs", inputs)])
    let outputCount = try product([("tokens", tokens), ("outputs", outputs)])
    try check(count: activations.count, atLeast: activationCount, "activations")
    try check(count: weights.count, atLeast: weightCount, "weights")
    try check(count: output.count, atLeast: outputCount, "output")
  }
}
