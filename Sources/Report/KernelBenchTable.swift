import Foundation
import KernelStudies
import Operators
import Planning
import Scenario

/// What `kvsim kernels bench` found, as tables for terminals.
public struct KernelBenchTable {
  private let result: BenchResult

  /// The tables of a result.
  public init(_ result: BenchResult) {
    self.result = result
  }

  /// The machine, a table per operator, and the goals.
  public func rendered() -> String {
    let all = result.machine.readOneThread == nil ? "" : ", all threads"
    let sections = [
      machine(),
      section("decode attention\(all)", rows(.decode)),
      section("decode attention, one thread", rows(.decodeOneThread)),
      section("decode attention from cache, one thread", cachedDecodes()),
      section("prefill attention\(all)", rows(.prefill)),
      section("append of rows from memory\(all)", rows(.append)),
      section("append of rows in cache, one thread", cachedAppends()),
      section("gather\(all)", rows(.gather)),
      section("linear\(all)", rows(.linear)),
      skipped(),
      unrest(),
      section("goals", goals()),
    ]
    return sections.compactMap { $0 }.joined(separator: "\n") + "\n" + legend
  }

  private var legend: String {
    let common = """
      time: median of rounds, p10 to p90; ratios and shares: median of the rounds' own ratios
      of read: over a plain read, measured on the same threads in the same round
      GB/s and floor of bytes: KV rows with their scales and zeros, weights, and rows that append
      and gather read and write; the floor is what a plain read of as many bytes takes
      *: reads less than the last-level cache holds; the read bandwidth is no limit there

      """
    guard result.machine.peakAllThreads == nil else {
      return common + """
        of FMA: over the peak of multiply-adds, measured on the same threads in the same round
        of pages: over a plain read of such pages in the order of a block table, in the same round
        ggml: published figures for its CPU kernels on EPYCs of the Zen 5 generation, not measured
        here; no other machine is held against them

        """
    }
    let published = result.plan.published
    let rates = published.operationRates.sorted { $0.key.rawValue < $1.key.rawValue }.map {
      "\($0.key.rawValue) \(Figures.decimal($0.value * 1e-12)) TFLOP/s"
    }
    return common + """
      read alone: one call that does nothing but read as many bytes as the weights have
      published: other kernels on an NVIDIA \(published.device), not measured here; no other device
      is held against them; of operations, of rate: as fast as the best of those kernels, which
      reach: \(rates.joined(separator: ", "))

      """
  }

  private func machine() -> String {
    let (machine, plan) = (result.machine, result.plan)
    let facts = machine.facts
    func rate(_ spread: SampleSpread, _ unit: String) -> String {
      "\(Figures.decimal(spread.median * 1e-9)) \(unit) (\(KernelBenchTable.range(spread, 1e-9)))"
    }
    func limits(
      _ name: String, _ one: SampleSpread?, _ all: SampleSpread?, _ unit: String
    ) -> String? {
      guard let all else { return nil }
      guard let one else { return "\(name): \(rate(all, unit))" }
      return "\(name): one thread \(rate(one, unit)), all threads \(rate(all, unit))"
    }
    let units =
      facts.cpuFamily == nil && machine.readOneThread == nil ? "multiprocessors" : "threads"
    let assumed = facts.kernelPath == "vulkan" ? " (assumed)" : ""
    let lines = [
      """
      \(Escaping.escaped(facts.name))\(facts.cpuFamily.map { " (CPU family \($0))" } ?? ""), \
      \(facts.coreCount) \(units), \(facts.kernelPath) kernels, memory \
      \(Size(facts.memoryBytes)), last-level cache \(Size(facts.lastLevelCacheBytes))\(assumed)
      """,
      limits("plain read", machine.readOneThread, machine.readAllThreads, "GB/s"),
      limits("FMA peak", machine.peakOneThread, machine.peakAllThreads, "GFLOP/s"),
      """
      \(plan.heads.queryHeads) query heads, \(plan.heads.kvHeads) KV heads of \
      \(plan.heads.headDim), \(plan.blockSize) tokens per page

      """,
    ]
    return lines.compactMap { $0 }.joined(separator: "\n")
  }

  private func section(_ title: String, _ table: TextTable?) -> String? {
    table.map { "\(title)\n\($0.rendered())" }
  }

  private func skipped() -> String? {
    guard !result.skipped.isEmpty else { return nil }
    return "left out\n"
      + result.skipped.map { "\($0.label): \($0.reason)\n" }.joined()
  }

  /// A warning where the machine had other things to do.
  private func unrest() -> String? {
    guard let share = result.quietShare, share < 0.8 else { return nil }
    return """
      arithmetic on all threads reached \(Figures.percent(share)) of what single threads promise: \
      other programs ran meanwhile,
      or threads share cores; where programs ran, these figures are too low

      """
  }

  /// The groups of a kind, parted by lines; columns that have nothing in any row are left out. Nil
  /// where there are no rows.
  private func rows(_ kind: BenchGroup.Kind) -> TextTable? {
    let all = result.samples(of: kind)
    guard !all.isEmpty else { return nil }
    let cases = all.flatMap { samples in samples.group.cases.indices.map { (samples, $0) } }
    let columns = KernelBenchColumn.columns(of: kind, result).filter { column in
      cases.contains { column.text($0.0, $0.1) != nil }
    }
    var table = TextTable()
    table.add(columns.map(\.title))
    var name: String?
    for samples in all {
      if samples.group.cases.count > 1 || samples.group.name != name { table.addRule() }
      name = samples.group.name
      for index in samples.group.cases.indices {
        table.add(columns.map { $0.text(samples, index) ?? "-" })
      }
    }
    return table
  }

  /// With the rate of all threads, were they all as fast, over the plain read: below one, no memory
  /// makes the kernel reach the read.
  private func cachedDecodes() -> TextTable? {
    guard !result.cachedDecodes.isEmpty else { return nil }
    let machine = result.machine
    var table = TextTable()
    table.add(["format", "GB/s", "p10-p90", "x threads, of read"])
    table.addRule()
    for decode in result.cachedDecodes {
      let all = decode.bytesPerSecond.median * Double(machine.facts.coreCount)
      table.add([
        decode.format.name, Figures.decimal(decode.bytesPerSecond.median * 1e-9),
        KernelBenchTable.range(decode.bytesPerSecond, 1e-9),
        Figures.percent(all / machine.readAllThreads.median),
      ])
    }
    return table
  }

  private func cachedAppends() -> TextTable? {
    guard !result.cachedAppends.isEmpty else { return nil }
    var table = TextTable()
    table.add(["rows of \(result.plan.heads.headDim)", "ns per row", "p10-p90", "/ int4"])
    table.addRule()
    for append in result.cachedAppends {
      table.add([
        append.format.name, Figures.decimal(append.rowNs.median),
        KernelBenchTable.range(append.rowNs, 1), Figures.decimal(append.ratioToPlain.median),
      ])
    }
    return table
  }

  private func goals() -> TextTable {
    var table = TextTable()
    table.add(["", "goal", "worst", "p10-p90", "at", "shapes", "verdict"])
    table.addRule()
    for goal in result.goals {
      let sign =
        switch goal.bound {
        case .atLeast: "≥"
        case .atMost: "≤"
        }
      let limit = "\(sign) \(KernelBenchTable.figure(goal.bound.limit, goal.unit))"
      guard let worst = goal.worst else {
        table.add([goal.name, limit, "-", "-", "-", "0", goal.verdict.rawValue])
        continue
      }
      let spread = worst.spread
      table.add([
        goal.name, limit, KernelBenchTable.figure(spread.median, goal.unit),
        KernelBenchTable.figure(spread.p10, goal.unit) + "-"
          + KernelBenchTable.figure(spread.p90, goal.unit),
        worst.place, "\(goal.shapesMet)/\(goal.shapes)", goal.verdict.rawValue,
      ])
    }
    return table
  }

  private static func figure(_ value: Double, _ unit: BenchGoal.Unit) -> String {
    switch unit {
    case .share: Figures.percent(value)
    case .times: Figures.ratio(value)
    case .nanoseconds: Figures.decimal(value) + " ns"
    case .microseconds: Figures.decimal(value) + " µs"
    }
  }

  static func range(_ spread: SampleSpread, _ scale: Double) -> String {
    Figures.decimal(spread.p10 * scale) + "-" + Figures.decimal(spread.p90 * scale)
  }
}

extension Figures {
  /// Three decimals below ten, where a hundredth decides; three digits beyond.
  static func ratio(_ value: Double) -> String {
    value < 10 ? String(format: "%.3f", value) : decimal(value)
  }
}
