import CostModel
import Operators

/// Whether a profile's points suffice for a fit: dense layers have some, and each format that one
/// attention operator has is there for all that a step needs.
///
/// Attention in one launch stands for writing the cache too: an engine does both in one layer.
/// Small operators that are missing are derived, and without `gather` prompts attend to the cache
/// as it is stored.
struct ProfileCoverage {
  /// Something that the points lack or have too much of.
  struct Gap {
    /// The operator whose points it is about.
    let kind: OperatorKind
    /// The format; nil where the operator has no point at all.
    let format: KVFormat?
    /// Whether the points that are there span too many cells, rather than being missing.
    let isGrid: Bool

    /// What is wrong, a sentence; `isFitted` says which points count, such as ` with …`.
    func message(isFitted: String = "") -> String {
      let name = "`\(kind.name)`" + (format.map { " in `\($0.name)`" } ?? "")
      guard isGrid else { return "no measurement of \(name)\(isFitted); a fit needs some" }
      return "the points of \(name) span more than \(Limits.gridCells) cells; accepted: points on "
        + "a grid of few values of each size"
    }
  }

  /// What is missing; empty where a fit is possible.
  let gaps: [Gap]

  init(_ measurements: [Measurement]) {
    var formats: [OperatorKind: Set<KVFormat?>] = [:]
    for measurement in measurements where !measurement.isHeldOut {
      formats[measurement.shape.kind, default: []].insert(measurement.shape.format)
    }
    var gaps: [Gap] = []
    for kind in [OperatorKind.linear, .append, .decodeAttention, .prefillAttention]
    where formats[kind] == nil {
      if kind == .append, formats[.mixedAttention] != nil { continue }
      gaps.append(Gap(kind: kind, format: nil, isGrid: false))
    }
    let all = Set(formats.values.flatMap { $0 }.compactMap { $0 })
    let measured = KVFormat.named.flatMap { named in all.filter { $0.name == named.name } }
    for format in measured {
      let isLaunchedAtOnce = formats[.mixedAttention]?.contains(format) ?? false
      for kind in [OperatorKind.append, .decodeAttention, .prefillAttention] {
        guard let covered = formats[kind], !covered.contains(format) else { continue }
        if kind == .append, isLaunchedAtOnce { continue }
        gaps.append(Gap(kind: kind, format: format, isGrid: false))
      }
    }
    for format in measured where formats[.mixedAttention]?.contains(format) ?? false {
      for kind in [OperatorKind.mixedAttention, .prefillAttention]
      where ProfileCoverage.exceedsGrid(measurements, kind, format) {
        gaps.append(Gap(kind: kind, format: format, isGrid: true))
      }
    }
    self.gaps = gaps
  }

  /// Whether the product of the sizes that points have is more than a table of them may hold.
  private static func exceedsGrid(
    _ measurements: [Measurement], _ kind: OperatorKind, _ format: KVFormat
  ) -> Bool {
    var axes = [Set<Int>](repeating: [], count: 4)
    for shape in measurements.map(\.shape) where shape.kind == kind && shape.format == format {
      let sizes =
        switch shape {
        case .mixedAttention(let tokens, let prefix, let sequences, let context, _, _):
          [tokens, prefix, sequences, context]
        case .prefillAttention(let tokens, let prefix, _, _): [tokens, prefix]
        default: [Int]()
        }
      for (axis, size) in sizes.enumerated() { axes[axis].insert(size) }
    }
    // Four factors of 100,000 leave 64 bits: compare as soon as one is too many.
    var cells = 1
    for axis in axes {
      cells *= max(1, axis.count)
      if cells > Limits.gridCells { return true }
    }
    return false
  }
}
