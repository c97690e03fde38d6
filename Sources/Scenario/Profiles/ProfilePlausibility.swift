import CostModel
import Operators

/// Whether a profile's times can be what they claim to be: with more of the same work a call never
/// takes much less, and no call goes through memory much faster than a plain read.
///
/// Somewhat less is common: kernels change with their sizes, and repeats of short calls differ. The
/// fit levels that (`CostModel.Curve`). Less than a quarter is a mistake in the file. Caches make
/// a call faster than a plain read; where its bytes are far more than they hold, three times is a
/// mistake too.
///
/// Takes O(n log n) for n points.
struct ProfilePlausibility {
  private static let mostOfFall: Int64 = 4
  private static let mostOverRead = 3.0
  /// Bytes over those of the last-level cache from which hardly any come out of it.
  private static let farBeyondCache = 4
  /// The same where nobody knows the cache.
  private static let farBeyondAnyCache = 256 << 20
  /// Ratios that another unit explains: a thousand times too much or too little, and as much less
  /// as real calls are slower than a plain read.
  private static let unitRatios = 20.0...4000.0
  /// Bytes from which the fastest call of a device comes near its memory's rate, and how far from
  /// it that call may stay.
  private static let readBytes = 1 << 20
  private static let mostBelowRead = 100.0

  /// What the device's memory and caches can give.
  struct Memory {
    let readBytesPerSecond: Int
    /// 0 where it is unknown.
    let lastLevelCacheBytes: Int

    /// Nil where a file does not say one of them.
    init?(readBytesPerSecond: Int?, lastLevelCacheBytes: Int?) {
      guard let readBytesPerSecond, let lastLevelCacheBytes else { return nil }
      self.readBytesPerSecond = readBytesPerSecond
      self.lastLevelCacheBytes = lastLevelCacheBytes
    }

    /// Bytes from which a call is bound by memory.
    fileprivate var farBytes: Int {
      guard lastLevelCacheBytes > 0 else { return farBeyondAnyCache }
      let (bytes, overflows) = lastLevelCacheBytes.multipliedReportingOverflow(by: farBeyondCache)
      return overflows ? .max : bytes
    }
  }

  /// A point that takes too little, by its index, and why.
  struct Finding {
    let index: Int
    let message: String
  }

  /// One size of a shape.
  private struct Axis {
    let name: String
    let size: Int
  }

  /// What a point is of and its sizes, packed: the number of its family, then 27 bits for each of
  /// ``mostAxes`` sizes, the first one lowest.
  ///
  /// 27 bits hold every size, of which ``Limits/vocabSize`` is the largest, and what four of them
  /// leave of 128 every family, of which there are at most as many as points.
  private struct Place {
    private(set) var key: UInt128
    let index: Int

    private static let sizeBits = 27
    private static let sizeMask: UInt128 = 1 << sizeBits - 1

    init(family: Int, axes: [Axis], index: Int) {
      key = UInt128(family) << (mostAxes * Place.sizeBits)
      for (axis, sized) in axes.enumerated() {
        key |= UInt128(sized.size) << (axis * Place.sizeBits)
      }
      self.index = index
    }

    var family: Int { Int(truncatingIfNeeded: key >> (mostAxes * Place.sizeBits)) }
    /// All but the lowest size: places that share it lie on a curve along that.
    var curve: UInt128 { key >> Place.sizeBits }
    /// The lowest size.
    var size: Int { Int(truncatingIfNeeded: key & Place.sizeMask) }

    /// The same place with the size along an axis lowest, and the lowest in its stead.
    func along(_ axis: Int) -> Place {
      let shift = axis * Place.sizeBits
      let difference = (key ^ key >> shift) & Place.sizeMask
      var turned = self
      turned.key ^= difference | difference << shift
      return turned
    }
  }

  /// Points and the medians of their times.
  private struct Points {
    let measurements: [Measurement]
    let ns: [Int64]
  }

  /// In the order of the points, one for each at most.
  let findings: [Finding]

  /// Judges points that a reader has found well formed.
  ///
  /// - Parameters:
  ///   - provenance: falls say nothing of derived times, since scaling steepens the steps of real
  ///     kernels; units can be wrong in imported ones alone.
  ///   - memory: nil where the file does not say.
  init(_ measurements: [Measurement], provenance: Profile.Provenance?, memory: Memory?) {
    var families: [OperatorShape: Int] = [:]
    let places = measurements.enumerated().map { index, measurement in
      let (family, axes) = ProfilePlausibility.axes(measurement.shape)
      let next = families.count
      let number = families[family, default: next]
      if number == next { families[family] = next }
      return Place(family: number, axes: axes, index: index)
    }
    let points = Points(measurements: measurements, ns: measurements.map(\.medianNs))
    var found: [Int: String] = [:]
    if let memory { ProfilePlausibility.judgeReads(places, points, memory, &found) }
    if let memory, provenance == .imported {
      ProfilePlausibility.judgeSlowness(points, memory, &found)
    }
    for axis in 0..<(provenance == .derived ? 0 : ProfilePlausibility.mostAxes) {
      ProfilePlausibility.judgeFalls(places, points, along: axis, &found)
    }
    findings = found.sorted { $0.key < $1.key }.map { Finding(index: $0.key, message: $0.value) }
  }

  // MARK: Falls

  /// At most one a curve: the first point that takes too little. Points without the axis have size
  /// 0 along it, and none is larger.
  private static func judgeFalls(
    _ places: [Place], _ points: Points, along axis: Int, _ found: inout [Int: String]
  ) {
    let sorted = places.map { $0.along(axis) }
      .sorted { $0.key != $1.key ? $0.key < $1.key : $0.index < $1.index }
    var curve: UInt128?
    var isFound = false
    var longest: (size: Int, ns: Int64) = (0, 0)
    for place in sorted {
      if place.curve != curve { (curve, isFound, longest) = (place.curve, false, (-1, 0)) }
      let (size, ns) = (place.size, points.ns[place.index])
      if !isFound, ns < longest.ns / mostOfFall, size > longest.size {
        isFound = true
        if found[place.index] == nil {
          let axes = axes(points.measurements[place.index].shape).axes
          found[place.index] = fall(axes[axis], ns, from: longest)
        }
      }
      if ns > longest.ns { longest = (size, ns) }
    }
  }

  private static func fall(
    _ axis: Axis, _ ns: Int64, from longest: (size: Int, ns: Int64)
  ) -> String {
    """
    takes \(ns) ns with \(axis.size) `\(axis.name)`, but \(longest.ns) ns with \
    \(longest.size) of the same operator: with more work a call never takes less than a quarter\
    \(unitAdvice(Double(longest.ns) / Double(ns))); measure again, or mend the times
    """
  }

  // MARK: Reads

  /// At most one an operator: the first point that is too fast.
  private static func judgeReads(
    _ places: [Place], _ points: Points, _ memory: Memory, _ found: inout [Int: String]
  ) {
    let (farBytes, bytesPerNs) = (memory.farBytes, Double(memory.readBytesPerSecond) * 1e-9)
    var families: Set<Int> = []
    for place in places {
      let (bytes, ns) = (points.measurements[place.index].shape.bytes, points.ns[place.index])
      guard bytes > farBytes else { continue }
      let ratio = Double(bytes) / Double(ns) / bytesPerNs
      guard ratio > mostOverRead, families.insert(place.family).inserted else { continue }
      let times = Int(min(ratio, 1e12).rounded())
      found[place.index] = """
        takes \(ns) ns for at least \(bytes) bytes, \(times) times as fast as a plain read of \
        the memory, \(memory.readBytesPerSecond) bytes per second: what no cache holds is never \
        read at more than three times that\(unitAdvice(ratio)); measure again, or mend the times
        """
    }
  }

  /// Refuses times that are all too long: the fastest of the calls that move much.
  private static func judgeSlowness(
    _ points: Points, _ memory: Memory, _ found: inout [Int: String]
  ) {
    var fastest: (index: Int, bytesPerNs: Double)?
    for (index, ns) in points.ns.enumerated() {
      let bytes = points.measurements[index].shape.bytes
      let rate = Double(bytes) / Double(ns)
      if bytes >= readBytes, rate > fastest?.bytesPerNs ?? 0 { fastest = (index, rate) }
    }
    guard let fastest else { return }
    let ratio = Double(memory.readBytesPerSecond) * 1e-9 / fastest.bytesPerNs
    guard ratio > mostBelowRead else { return }
    let (ns, times) = (points.ns[fastest.index], Int(min(ratio, 1e12).rounded()))
    found[fastest.index] = """
      takes \(ns) ns, the fewest for the bytes that it has to move, and a plain read of the \
      memory, \(memory.readBytesPerSecond) bytes per second, is \(times) times as fast: some call \
      comes within a hundredth of it\(unitAdvice(ratio)); measure again, or mend the times
      """
  }

  private static func unitAdvice(_ ratio: Double) -> String {
    guard unitRatios.contains(ratio) else { return "" }
    return ", and a wrong unit makes a factor of a thousand"
  }

  // MARK: Axes

  /// The most sizes that a shape has.
  private static let mostAxes = 4

  /// What a shape is of, named by the shape of that with the least sizes, and its sizes, up to
  /// ``mostAxes``: with more of any of them, and all others alike, a call has no less work.
  private static func axes(_ shape: OperatorShape) -> (family: OperatorShape, axes: [Axis]) {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      (
        .linear(tokens: 1, outputs: 1, inputs: 1),
        [
          Axis(name: "tokens", size: tokens), Axis(name: "outputs", size: outputs),
          Axis(name: "inputs", size: inputs),
        ]
      )
    case .append(let tokens, let heads, let format):
      (
        .append(tokens: 1, heads: heads, format: format), [Axis(name: "tokens", size: tokens)]
      )
    case .gather(let tokens, let heads, let format):
      (
        .gather(tokens: 1, heads: heads, format: format), [Axis(name: "tokens", size: tokens)]
      )
    case .decodeAttention(let sequences, let context, let heads, let format):
      (
        .decodeAttention(sequences: 1, context: 1, heads: heads, format: format),
        [Axis(name: "sequences", size: sequences), Axis(name: "context", size: context)]
      )
    case .raggedDecode(let batch, let heads, let format):
      // A longer longest context alone is no more work, but less evenly spread.
      (
        .raggedDecode(
          RaggedBatch(sequences: 1, context: 1, longest: 1), heads: heads, format: format),
        [
          Axis(name: "sequences", size: batch.sequences),
          Axis(name: "context", size: batch.context),
          Axis(name: "longest", size: batch.longest),
        ]
      )
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      (
        .prefillAttention(tokens: 1, prefix: 0, heads: heads, format: format),
        [Axis(name: "tokens", size: tokens), Axis(name: "prefix", size: prefix)]
      )
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, let format):
      (
        .mixedAttention(
          tokens: 1, prefix: 0, sequences: 1, context: 1, heads: heads, format: format),
        [
          Axis(name: "tokens", size: tokens), Axis(name: "prefix", size: prefix),
          Axis(name: "sequences", size: sequences), Axis(name: "context", size: context),
        ]
      )
    case .experts(let tokens, let active, let layer):
      (
        .experts(tokens: 1, active: 1, layer: layer),
        [Axis(name: "tokens", size: tokens), Axis(name: "active", size: active)]
      )
    case .elementwise(let kind, let rows, let width):
      (
        .elementwise(kind, rows: 1, width: 1),
        [Axis(name: "rows", size: rows), Axis(name: "width", size: width)]
      )
    }
  }
}
