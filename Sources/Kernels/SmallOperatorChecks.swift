/// What every backend refuses of a small operator's arguments before it dispatches anything.
extension InputChecks {
  /// Of RMS norm. Returns elements of the input, and of the output.
  static func checkRMSNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int, output: [Float]
  ) throws(DeviceError) -> Int {
    let needed = try elements(rows: rows, width: width)
    try check(count: x.count, atLeast: needed, "x")
    try check(count: weight.count, atLeast: width, "weight")
    try check(count: output.count, atLeast: needed, "output")
    // Devices may take what is smaller for 0, and a row of zeros over 0 is no number.
    guard epsilon >= .leastNormalMagnitude && epsilon.isFinite else {
      throw .notRepresentable(
        field: "epsilon", index: 0, value: epsilon, accepted: "positive normal numbers")
    }
    // A row's squares must not add up to infinity, in whatever order: half of what Float holds.
    let limit = (Float.greatestFiniteMagnitude / 2 / Float(width)).squareRoot()
    try check(finite: x, count: needed, limit: limit, "x", as: "of rows of \(width)")
    try check(finite: weight, count: width, "weight")
    return needed
  }

  /// Of rotary embedding. Returns elements of the vectors.
  static func checkRotary(
    _ vectors: [Float], positions: [Int], heads: Int, _ frequencies: RotaryFrequencies
  ) throws(DeviceError) -> Int {
    try check(positive: heads, "heads")
    let needed = try product([
      ("positions", positions.count), ("head_dim", frequencies.headDim), ("heads", heads),
    ])
    try check(count: vectors.count, atLeast: needed, "vectors")
    let most = RotaryFrequencies.largestPosition
    for position in positions where !(0...most ~= position) {
      throw .unsupportedShape(field: "position", value: position, accepted: "0 to \(most)")
    }
    // An element can grow by the square root of two.
    try check(
      finite: vectors, count: needed, limit: .greatestFiniteMagnitude / 2, "vectors",
      as: "that can be turned")
    return needed
  }

  /// Of an operator that makes one array of two. Their names are for errors.
  static func checkPairwise(
    _ a: [Float], _ aField: String, _ b: [Float], _ bField: String, count: Int, output: [Float]
  ) throws(DeviceError) {
    try check(positive: count, "count")
    try check(count: a.count, atLeast: count, aField)
    try check(count: b.count, atLeast: count, bField)
    try check(count: output.count, atLeast: count, "output")
    try check(finite: a, count: count, aField)
    try check(finite: b, count: count, bField)
  }

  /// Elements of so many rows; both numbers are positive.
  static func elements(rows: Int, width: Int) throws(DeviceError) -> Int {
    try check(positive: rows, "rows")
    try check(positive: width, "width")
    return try product([("rows", rows), ("width", width)])
  }

  /// The elements of a head where a row of heads has so many in all: 128, or the most below that a
  /// rotary embedding takes and that divide the row.
  static func headDim(ofRow width: Int) throws(DeviceError) -> Int {
    guard let headDim = [128, 64, 32, 16].first(where: { width % $0 == 0 }) else {
      throw .unsupportedShape(field: "width", value: width, accepted: "multiples of 16")
    }
    return headDim
  }
}
