import CostModel
import Operators
import Planning
import Scenario

/// What a profile holds and how far it can be trusted, as tables for terminals: its device, the
/// errors of its predictions, its grids, and the points at which they err most.
public struct ProfileTable {
  private let profile: Profile
  private let residuals: [Residuals]
  private let heldOut: [HeldOutPoint]
  /// Whether the profile holds no point out, so that each was left out in its turn.
  private let isByTurns: Bool
  /// Points of the last table; nil shows all.
  private let worst: Int?

  /// - Parameter worst: how many of the points with the largest errors to list; nil lists every
  ///   point that is held out.
  /// - Throws: ``CostModel/ProfileError`` where an operator has held-out points and none to fit.
  public init(_ profile: Profile, worst: Int?) throws(ProfileError) {
    self.profile = profile
    self.worst = worst
    let own = try profile.heldOutPoints()
    isByTurns = own.isEmpty
    heldOut = isByTurns ? profile.leftOutPoints() : own
    residuals = profile.residuals(of: heldOut)
  }

  /// All tables.
  public func rendered() -> String {
    """
    \(CalibrationTable.machine(profile))
    \(origin)
    \(uncertainty())
    \(CalibrationTable.errors(profile, residuals))
    grids of the fit
    \(grids())\(points())
    error: |predicted − measured| / measured at points \(leftOut); of a point with its sign
    spread: interquartile range over median of a point's repeats
    of read: what the fastest point reads and writes, over the plain read; caches hold small ones
    heads: query heads, KV heads, head size; grid: from where to where, in how many steps

    """
  }

  private var origin: String {
    let device = profile.device
    let parts = [
      Escaping.escaped(profile.origin), device.kernelVersion,
      device.driver.map { "driver \($0)" },
      "\(Figures.count(profile.blockSize, "token")) per page",
      Figures.count(profile.measurements.count, "point"),
    ]
    return parts.compactMap { $0 }.joined(separator: ", ")
  }

  /// How far derived times could be off; nothing where times are not derived.
  private func uncertainty() -> String {
    guard let rows = profile.derivation?.uncertainties else { return "" }
    var table = TextTable()
    table.add(["operator", "format", "points", "width p50", "width most"])
    table.addRule()
    for row in rows {
      table.add([
        row.kind.name, CalibrationTable.format(row.kind, row.format), Figures.count(row.points),
        Figures.percent(row.medianWidth), Figures.percent(row.largestWidth),
      ])
    }
    return """

      uncertainty of the derived times
      \(table.rendered())\
      width: between all time scaled by what helps most and by what helps least, over the derived
      what the tables below call measured is derived: their errors are those of the fit alone

      """
  }

  private var leftOut: String {
    isByTurns ? "left out of the fit, a fifth of all at a time" : "held out of the fit"
  }

  // MARK: Grids

  private struct Group: Hashable {
    let kind: OperatorKind
    let format: KVFormat?
    let heads: HeadGeometry?
  }

  private func grids() -> String {
    var table = TextTable()
    table.add([
      "operator", "format", "heads", "points", "grid", "most GB/s", "of read",
      "most GFLOP/s",
    ])
    var groups: [Group] = []
    var members: [Group: [Measurement]] = [:]
    for point in profile.measurements where !point.isHeldOut {
      let shape = point.shape
      let group = Group(kind: shape.kind, format: shape.format, heads: shape.heads)
      if members[group] == nil { groups.append(group) }
      members[group, default: []].append(point)
    }
    groups = OperatorKind.allCases.flatMap { kind in groups.filter { $0.kind == kind } }
    var last: OperatorKind?
    for group in groups {
      if group.kind != last, !(isSmall(group.kind) && last.map(isSmall) ?? false) {
        table.addRule()
      }
      last = group.kind
      let own = members[group]!
      let bytesPerNs = own.map { Double($0.shape.bytes) / Double($0.medianNs) }.max()!
      let operationsPerNs = own.map { Double($0.shape.operations) / Double($0.medianNs) }.max()!
      table.add([
        group.kind.name, CalibrationTable.format(group.kind, group.format),
        group.heads.map { heads(of: group.kind, $0) } ?? "",
        Figures.count(own.count), ProfileTable.extent(own.map(\.shape)),
        Figures.decimal(bytesPerNs),
        Figures.percent(bytesPerNs * 1e9 / Double(profile.readBytesPerSecond)),
        operationsPerNs > 0 ? Figures.decimal(operationsPerNs) : "",
      ])
    }
    return table.rendered()
  }

  private func isSmall(_ kind: OperatorKind) -> Bool {
    if case .elementwise = kind { true } else { false }
  }

  private func heads(of kind: OperatorKind, _ heads: HeadGeometry) -> String {
    // Writing and reading pages does not depend on the query heads.
    let query = kind == .append || kind == .gather ? "any" : String(heads.queryHeads)
    return "\(query)/\(heads.kvHeads) x \(heads.headDim)"
  }

  /// From where to where shapes of one operator go, and in how many steps.
  private static func extent(_ shapes: [OperatorShape]) -> String {
    func range(_ values: [Int], _ what: String) -> String {
      let steps = Set(values).sorted()
      let (least, most) = (Figures.count(steps[0]), Figures.count(steps.last!))
      return steps.count == 1 ? "\(least) \(what)" : "\(least)-\(most) \(what) (\(steps.count))"
    }
    var (first, second): ([Int], [Int]) = ([], [])
    var names = ("", "")
    for shape in shapes {
      switch shape {
      case .linear(let tokens, let outputs, let inputs):
        first.append(outputs * inputs)
        second.append(tokens)
        names = ("weights", "tokens")
      case .append(let tokens, _, _), .gather(let tokens, _, _):
        second.append(tokens)
        names = ("", "tokens")
      case .decodeAttention(let sequences, let context, _, _):
        first.append(sequences)
        second.append(context)
        names = ("sequences", "context")
      case .raggedDecode(let batch, _, _):
        first.append(batch.sequences)
        second.append(batch.longest)
        names = ("sequences", "longest")
      case .prefillAttention(let tokens, let prefix, _, _):
        first.append(prefix)
        second.append(tokens)
        names = ("prefix", "tokens")
      case .mixedAttention(let tokens, _, let sequences, _, _, _):
        first.append(sequences)
        second.append(tokens)
        names = ("sequences", "tokens")
      case .experts(let tokens, let active, _):
        first.append(active)
        second.append(tokens)
        names = ("experts", "tokens")
      case .elementwise(_, let rows, let width):
        first.append(width)
        second.append(rows)
        names = ("wide", "rows")
      }
    }
    let tokens = range(second, names.1)
    return first.isEmpty ? tokens : "\(range(first, names.0)) x \(tokens)"
  }

  // MARK: Points

  private func points() -> String {
    let sorted = heldOut.sorted { abs($0.error) > abs($1.error) }
    let shown = worst.map { Array(sorted.prefix($0)) } ?? heldOut
    guard !shown.isEmpty else { return "" }
    var table = TextTable()
    table.add([
      "operator", "format", "heads", "shape", "measured µs", "predicted µs",
      "error", "spread",
    ])
    table.addRule()
    for point in shown {
      let shape = point.measurement.shape
      table.add([
        shape.kind.name, CalibrationTable.format(shape.kind, shape.format),
        shape.heads.map { heads(of: shape.kind, $0) } ?? "", Figures.shape(shape),
        Figures.decimal(Double(point.measurement.medianNs) * 1e-3),
        Figures.decimal(point.predictedNs * 1e-3),
        (point.error > 0 ? "+" : "") + Figures.percent(point.error),
        Figures.percent(point.measurement.spread),
      ])
    }
    let all = Figures.count(heldOut.count)
    let title =
      worst == nil || shown.count == heldOut.count
      ? "held-out points" : "the \(shown.count) of \(all) held-out points with the largest errors"
    return "\n\(title)\n\(table.rendered())"
  }
}
