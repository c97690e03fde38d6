import Operators

/// Which measured heads stand for a model's, and by how much their times are scaled.
struct MeasuredHeads {
  /// The measured heads.
  let heads: HeadGeometry
  /// Measured time times this is the asked model's time; 1 where its own heads were measured.
  let scale: Double
  /// Whether the heads asked for were not measured.
  let isDerived: Bool
  /// Where the measured heads differ in their number alone, how many of theirs are one of the
  /// asked: a sequence of decode attention, or a token that is written or read back, then counts as
  /// so many, because a kernel's unit of work is a KV head of one. Nil where they differ otherwise.
  let units: Double?

  /// The measured heads with the nearest group size, then the nearest width, scaled by the larger
  /// of the ratios of operations and of bytes.
  /// - Precondition: there is a point, and each has heads.
  init(nearestTo asked: HeadGeometry, in points: [Measurement]) {
    let candidates = points.compactMap(\.shape.heads)
    heads = candidates.min {
      MeasuredHeads.distance($0, asked) < MeasuredHeads.distance($1, asked)
    }!
    isDerived = heads != asked
    units =
      heads.groupSize == asked.groupSize && heads.headDim == asked.headDim
      ? Double(asked.kvHeads) / Double(heads.kvHeads) : nil
    guard isDerived, let example = points.first(where: { [heads] in $0.shape.heads == heads })
    else {
      scale = 1
      return
    }
    // Ratios are taken at one shape; sizes cancel in both.
    let shape = example.shape.with(heads: asked)
    let bytes = Double(shape.bytes) / Double(example.shape.bytes)
    let operations = example.shape.operations
    scale = max(bytes, operations > 0 ? Double(shape.operations) / Double(operations) : 0)
  }

  /// How unlike two shapes of heads are: first by group size, then by width.
  private static func distance(_ a: HeadGeometry, _ b: HeadGeometry) -> (Double, Double) {
    func ratio(_ a: Int, _ b: Int) -> Double { Double(max(a, b)) / Double(min(a, b)) }
    return (ratio(a.groupSize, b.groupSize), ratio(a.kvHeads * a.headDim, b.kvHeads * b.headDim))
  }
}
