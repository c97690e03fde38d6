import Operators

/// Which measured heads stand for a model's, and what their times are multiplied by.
///
/// Where decode attention, or what writes the cache or reads it back, was not measured for a
/// model's heads, three rules carry its times over:
/// - KV heads more or fewer are so many more or fewer sequences, or tokens: a kernel's unit of work
///   is one KV head of one.
/// - Query heads of a KV head: between two measured numbers the time lies in a line, point by
///   point. Fewer than the fewest take as long, since as much is read; more than the most take
///   longer in proportion.
/// - Another head dimension takes longer by the larger of the ratios of bytes and of operations.
///
/// Attention of prompts does operations by query heads, whichever KV heads they share: the nearest
/// number of query heads stands in, in proportion to operations. Where single tokens are in the
/// same launch, in proportion to the cache's bytes where that is more.
struct MeasuredHeads {
  /// The measured heads; of two, those with fewer query heads.
  let heads: HeadGeometry
  /// What a unit takes, over what one of the measured takes.
  let scale: Double
  /// How many sequences, or tokens of the cache, on the measured heads one on the asked ones is.
  let units: Double
  /// Whether the heads asked for were not measured.
  let isDerived: Bool
  /// The measured heads with more query heads, and what share of theirs a time has.
  private let upper: (heads: HeadGeometry, weight: Double)?

  /// - Precondition: there is a point, all are of one operator and format, and each has heads.
  init(nearestTo asked: HeadGeometry, in points: [Measurement]) {
    let example = points[0].shape
    let isOfPrompts = example.kind == .prefillAttention || example.kind == .mixedAttention
    let candidates = Set(points.compactMap(\.shape.heads)).sorted {
      MeasuredHeads.distance($0, asked, byQueries: isOfPrompts)
        < MeasuredHeads.distance($1, asked, byQueries: isOfPrompts)
    }
    let nearest = candidates[0]
    isDerived = nearest != asked
    guard !isOfPrompts else {
      let operations = MeasuredHeads.ratio(of: \.operations, example, asked, to: nearest)
      let cache =
        Double(asked.kvBytesPerToken(example.format!))
        / Double(nearest.kvBytesPerToken(example.format!))
      scale = example.kind == .mixedAttention ? max(operations, cache) : operations
      (heads, units, upper) = (nearest, 1, nil)
      return
    }
    let alike = MeasuredHeads.alike(nearest, among: candidates)
    let fewer = alike.last { $0.groupSize <= asked.groupSize }
    let more = alike.first { $0.groupSize >= asked.groupSize }
    heads = fewer ?? alike[0]
    units = Double(asked.kvHeads) / Double(heads.kvHeads)
    let wide = HeadGeometry(
      queryHeads: heads.queryHeads, kvHeads: heads.kvHeads, headDim: asked.headDim)
    let beyond = more == nil ? Double(asked.groupSize) / Double(heads.groupSize) : 1
    scale =
      beyond
      * max(
        MeasuredHeads.ratio(of: \.bytes, example, wide, to: heads),
        MeasuredHeads.ratio(of: \.operations, example, wide, to: heads))
    if let fewer, let more, more != fewer {
      let weight =
        Double(asked.groupSize - fewer.groupSize) / Double(more.groupSize - fewer.groupSize)
      upper = (more, weight)
    } else {
      upper = nil
    }
  }

  /// The most query heads of a KV head that points have, among those with the head dimension and
  /// the KV heads of the heads nearest to what is asked.
  /// - Precondition: there is a point, all are of one operator and format, and each has heads.
  static func mostQueryHeads(
    ofKVHeadNearestTo asked: HeadGeometry, in points: [Measurement]
  ) -> Int {
    let candidates = Set(points.compactMap(\.shape.heads)).sorted {
      distance($0, asked, byQueries: false) < distance($1, asked, byQueries: false)
    }
    return alike(candidates[0], among: candidates).last!.groupSize
  }

  /// Those that differ in their query heads alone, the fewest first.
  private static func alike(
    _ heads: HeadGeometry, among candidates: [HeadGeometry]
  ) -> [HeadGeometry] {
    candidates.filter { $0.headDim == heads.headDim && $0.kvHeads == heads.kvHeads }
      .sorted { $0.groupSize < $1.groupSize }
  }

  /// The points of the measured heads with their times in nanoseconds; of two, those that both
  /// have, in the shapes of ``heads``.
  func times(in points: [Measurement]) -> [(shape: OperatorShape, ns: Double)] {
    var above: [OperatorShape: Double] = [:]
    if let upper {
      for point in points where point.shape.heads == upper.heads {
        above[point.shape.with(heads: heads)] = Double(point.medianNs)
      }
    }
    return points.compactMap { point in
      guard point.shape.heads == heads else { return nil }
      let ns = Double(point.medianNs)
      guard let upper else { return (point.shape, ns) }
      return above[point.shape].map { (point.shape, ns + upper.weight * ($0 - ns)) }
    }
  }

  /// What `shape` has of something with some heads, over what it has with others; 1 where it has
  /// nothing of it.
  private static func ratio(
    of quantity: KeyPath<OperatorShape, Int>, _ shape: OperatorShape, _ asked: HeadGeometry,
    to measured: HeadGeometry
  ) -> Double {
    let most = shape.with(heads: measured)[keyPath: quantity]
    return most > 0 ? Double(shape.with(heads: asked)[keyPath: quantity]) / Double(most) : 1
  }

  /// How unlike two shapes of heads are: by head dimension, then by query heads of a KV head, or of
  /// all, then by KV heads.
  private static func distance(
    _ a: HeadGeometry, _ b: HeadGeometry, byQueries: Bool
  ) -> (Double, Double, Double) {
    func ratio(_ a: Int, _ b: Int) -> Double { Double(max(a, b)) / Double(min(a, b)) }
    return (
      ratio(a.headDim, b.headDim),
      byQueries ? ratio(a.queryHeads, b.queryHeads) : ratio(a.groupSize, b.groupSize),
      ratio(a.kvHeads, b.kvHeads)
    )
  }
}
