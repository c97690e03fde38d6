import Kernels
import Operators

/// Laws that hold whatever the reference says, tried on one backend through its own operators.
struct CheckProperties {
  let backend: any KernelBackend
  let writer: any KernelBackend
  private(set) var tallies: [CheckReport.PropertyTally] = []
  private(set) var failures: [CheckReport.Failure] = []
  private var random: CheckRandom

  init(seed: UInt64, backend: any KernelBackend, writer: any KernelBackend) {
    self.backend = backend
    self.writer = writer
    random = CheckRandom(seed: seed, index: -2)
  }

  /// Tries them all.
  func run() throws(DeviceError) -> CheckProperties {
    var properties = self
    try properties.rotationIsOrthonormal()
    try properties.rotatingKeysAndQueriesChangesNothing()
    try properties.quantisingErrsByHalfAStep()
    try properties.orderOfSlotsDoesNotMatter()
    return properties
  }

  /// Each order with each head size that it divides.
  private static let turns: [(order: Int, headDim: Int)] = KVFormat.rotationOrders.flatMap {
    order in
    CheckPlan.headDims.filter { $0 % order == 0 }.map { (order, $0) }
  }

  private mutating func count(
    _ name: String, _ deviation: Double, limit: Double, _ shape: @autoclosure () -> String
  ) {
    let path = backend.kernelPath
    let place: Int
    if let known = tallies.firstIndex(where: { $0.name == name }) {
      place = known
    } else {
      place = tallies.count
      tallies.append(CheckReport.PropertyTally(name: name, path: path, limit: limit))
    }
    tallies[place].checks += 1
    if !(deviation <= tallies[place].worst) { tallies[place].worst = deviation }
    guard !(deviation <= limit) else { return }
    tallies[place].failed += 1
    failures.append(
      CheckReport.Failure(
        index: nil, subject: name, path: path, shape: shape(),
        reason: "deviation \(deviation) is above \(limit)"))
  }

  // MARK: The laws

  /// What append stores in rotated FP16 pages is H · x: as long as x, and x again when turned
  /// once more. Rounding to halves is all that may differ.
  private mutating func rotationIsOrthonormal() throws(DeviceError) {
    for (order, headDim) in CheckProperties.turns {
      let layout = PageLayout(
        format: .fp16.rotated(by: order, includesValues: true), blockSize: 16, kvHeads: 1,
        headDim: headDim)
      let original = random.normals(16 * headDim)
      let once = try stored(original, layout)
      let twice = try stored(once, layout)
      for token in 0..<16 {
        let row = token * headDim..<(token + 1) * headDim
        let shape = "order=\(order) head_dim=\(headDim)"
        count(
          "rotation keeps norms", abs(norm(once[row]) / norm(original[row]) - 1), limit: 1e-3,
          shape)
        count(
          "rotating twice is the identity",
          Statistics.normalisedMeanSquaredError(twice[row], original[row].map(Double.init)),
          limit: CheckReport.aim, shape)
      }
    }
  }

  /// What pages of one head hold of values, without turning them back.
  private func stored(_ vectors: [Float], _ layout: PageLayout) throws(DeviceError) -> [Float] {
    var pages = try KVPages(layout: layout, pageCount: 1)
    let tokens = vectors.count / layout.headDim
    try backend.append(
      keys: vectors, values: vectors, slots: Array(0..<tokens), to: &pages)
    let reader = PageReader(pages: pages)
    return (0..<tokens).flatMap { slot in
      reader.vector(slot: slot, kvHead: 0, isValue: true).map { Float($0) }
    }
  }

  private func norm(_ vector: ArraySlice<Float>) -> Double {
    vector.reduce(0) { $0 + Double($1) * Double($1) }.squareRoot()
  }

  /// Attention over rotated FP16 pages is attention over plain ones, to what rounding K and V to
  /// halves in another basis leaves.
  private mutating func rotatingKeysAndQueriesChangesNothing() throws(DeviceError) {
    for (order, headDim) in CheckProperties.turns {
      for includesValues in [false, true] {
        let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: headDim)
        let seed = random.next()
        var outputs: [[Float]] = []
        for format in [
          KVFormat.fp16, .fp16.rotated(by: order, includesValues: includesValues),
        ] {
          // The same draws for both formats.
          var draws = CheckRandom(seed: seed)
          let world = try AttentionWorld(
            format, heads, blockSize: 8, contexts: [70, 9], writer: backend, random: &draws)
          let queries = draws.normals(2 * heads.queryHeads * headDim)
          outputs.append(try decoded(world, queries))
        }
        count(
          "rotating K and Q leaves FP16 attention",
          Statistics.normalisedMeanSquaredError(outputs[1][...], outputs[0].map(Double.init)),
          limit: CheckReport.aim, "order=\(order) head_dim=\(headDim) values=\(includesValues)")
      }
    }
  }

  /// Reading back what was written errs by half a step at most, and at the ends of the range by
  /// what rounding scale and zero to halves takes besides.
  private mutating func quantisingErrsByHalfAStep() throws(DeviceError) {
    for format in CheckPlan.formats where format.bitsPerElement == 4 {
      for headDim in CheckPlan.headDims where CheckPlan.fits(format, headDim: headDim) {
        let heads = HeadGeometry(queryHeads: 1, kvHeads: 1, headDim: headDim)
        let world = try AttentionWorld(
          format, heads, blockSize: 16, contexts: [32], writer: backend, random: &random)
        let judge = AppendJudge(world.pages)
        for (token, slot) in world.slots.enumerated() {
          let row = token * headDim..<(token + 1) * headDim
          for (vectors, isValue) in [(world.keys, false), (world.values, true)] {
            count(
              "quantising errs by half a step",
              judge.share(of: vectors[row], slot: slot, kvHead: 0, isValue: isValue), limit: 1,
              "\(format.name) head_dim=\(headDim)")
          }
        }
      }
    }
  }

  /// Tokens in another order in the call, and in other pages: the same attention to the bit.
  private mutating func orderOfSlotsDoesNotMatter() throws(DeviceError) {
    for format in CheckPlan.formats {
      for headDim in CheckPlan.headDims where CheckPlan.fits(format, headDim: headDim) {
        let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: headDim)
        let world = try AttentionWorld(
          format, heads, blockSize: 8, contexts: [50, 21], writer: backend, random: &random)
        let queries = random.normals(2 * heads.queryHeads * headDim)
        let first = try decoded(world, queries)
        let second = try decoded(world.moved(by: backend, random: &random), queries)
        let differences = zip(first, second).filter { $0 != $1 }.count
        count(
          "any order of slots, the same attention", Double(differences), limit: 0,
          "\(format.name) head_dim=\(headDim)")
      }
    }
  }

  private func decoded(
    _ world: AttentionWorld, _ queries: [Float]
  ) throws(DeviceError) -> [Float] {
    var output = [Float](repeating: .nan, count: queries.count)
    try backend.decodeAttention(
      queries: queries, queryHeads: world.heads.queryHeads, sequences: world.sequences,
      pages: world.pages, into: &output)
    return output
  }
}
