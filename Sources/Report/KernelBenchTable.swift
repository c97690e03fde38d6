import Foundation
import KernelStudies
import Operators
import Planning

/// What `kvsim kernels bench` found, as tables for terminals.
public struct KernelBenchTable {
  private let result: BenchResult

  /// The tables of a result.
  public init(_ result: BenchResult) {
    self.result = result
  }

  /// The machine, a table per operator, and the goals.
  public func rendered() -> String {
    let sections = [
      machine(),
      section("decode attention, all threads", attention(.decode)),
      section("decode attention, one thread", attention(.decodeOneThread)),
      section("decode attention from cache, one thread", cachedDecodes()),
      section("prefill attention, all threads", prefill()),
      section("append of rows from memory, all threads", moved(.append)),
      section("append of rows in cache, one thread", cachedAppends()),
      section("gather, all threads", moved(.gather)),
      section(
        "linear, \(BenchPlan.linearOutputs) outputs x \(BenchPlan.linearInputs) inputs, "
          + "all threads", linear()),
      skipped(),
      unrest(),
      section("goals", goals()),
    ]
    return sections.compactMap { $0 }.joined(separator: "\n") + "\n" + KernelBenchTable.legend
  }

  private static let legend = """
    time: median of rounds, p10 to p90; ratios and shares: median of the rounds' own ratios
    of read, of FMA: over a plain read and over the peak of multiply-adds, measured on the same
    threads in the same round
    of pages: over a plain read of such pages in the order of a block table, in the same round
    *: reads less than the last-level cache holds; the read bandwidth is no limit there
    ggml: published figures for its CPU kernels on EPYCs of the Zen 5 generation, not measured
    here; no other machine is held against them

    """

  private func machine() -> String {
    let (machine, plan) = (result.machine, result.plan)
    let facts = machine.facts
    func limits(_ name: String, _ one: SampleSpread, _ all: SampleSpread, _ unit: String) -> String
    {
      let texts = [one, all].map {
        "\(Figures.decimal($0.median * 1e-9)) \(unit) (\(KernelBenchTable.range($0, 1e-9)))"
      }
      return "\(name): one thread \(texts[0]), all threads \(texts[1])"
    }
    return """
      \(facts.name)\(facts.cpuFamily.map { " (CPU family \($0))" } ?? ""), \
      \(facts.coreCount) threads, \(facts.kernelPath) kernels, memory \
      \(Size(facts.memoryBytes)), last-level cache \(Size(facts.lastLevelCacheBytes))
      \(limits("plain read", machine.readOneThread, machine.readAllThreads, "GB/s"))
      \(limits("FMA peak", machine.peakOneThread, machine.peakAllThreads, "GFLOP/s"))
      \(plan.heads.queryHeads) query heads, \(plan.heads.kvHeads) KV heads of \
      \(plan.heads.headDim), \(plan.blockSize) tokens per page

      """
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

  /// A table whose groups are parted by lines; nil where there are no rows.
  private func table(
    _ kind: BenchGroup.Kind, _ header: [String], _ row: (BenchSamples, Int) -> [String]
  ) -> TextTable? {
    let all = result.samples(of: kind)
    guard !all.isEmpty else { return nil }
    var table = TextTable()
    table.add(header)
    for samples in all {
      if samples.group.cases.count > 1 || samples == all[0] { table.addRule() }
      for index in samples.group.cases.indices { table.add(row(samples, index)) }
    }
    return table
  }

  private func attention(_ kind: BenchGroup.Kind) -> TextTable? {
    table(
      kind,
      [
        "batch x context", "format", "KV", "time µs", "p10-p90", "GB/s", "of read", "of pages",
        "tokens/s", "x fp16", "/ int4",
      ]
    ) { samples, index in
      guard
        case .decodeAttention(let batch, let context, _, let format) =
          samples.group.cases[index]
      else { return [] }
      let mark = result.exceedsCache(samples, index) ? "" : "*"
      return ["\(batch) x \(context)", format.name]
        + ["\(Size(samples.group.cases[index].ratedBytes))\(mark)"]
        + KernelBenchTable.time(samples, index)
        + [
          Figures.decimal(samples.bytesPerSecond(index) * 1e-9),
          Figures.percent(samples.shareOfRead(index).median),
          samples.shareOfPageRead(index).map { Figures.percent($0.median) } ?? "-",
          Figures.decimal(samples.tokensPerSecond(index)),
        ] + KernelBenchTable.ratios(samples, index)
    }
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

  private func prefill() -> TextTable? {
    table(
      .prefill,
      ["tokens", "format", "time µs", "p10-p90", "GFLOP/s", "of FMA", "x fp16", "/ int4"]
    ) { samples, index in
      guard
        case .prefillAttention(let tokens, let prefix, _, let format) =
          samples.group.cases[index]
      else { return [] }
      return ["\(tokens) after \(prefix)", format.name]
        + KernelBenchTable.time(samples, index)
        + KernelBenchTable.arithmetic(samples, index)
        + KernelBenchTable.ratios(samples, index)
    }
  }

  private func moved(_ kind: BenchGroup.Kind) -> TextTable? {
    table(
      kind, ["tokens", "format", "time µs", "p10-p90", "GB/s", "of read", "x fp16", "/ int4"]
    ) { samples, index in
      guard let format = samples.group.cases[index].kvFormat else { return [] }
      let tokens = samples.group.label.split(separator: " ").last!
      return [String(tokens), format.name]
        + KernelBenchTable.time(samples, index)
        + [
          Figures.decimal(samples.bytesPerSecond(index) * 1e-9),
          Figures.percent(samples.shareOfRead(index).median),
        ] + KernelBenchTable.ratios(samples, index)
    }
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

  private func linear() -> TextTable? {
    table(
      .linear, ["M", "time µs", "p10-p90", "GB/s", "of read", "GFLOP/s", "of FMA"]
    ) { samples, index in
      guard case .linear(let tokens, _, _) = samples.group.cases[index] else { return [] }
      return [String(tokens)] + KernelBenchTable.time(samples, index)
        + [
          Figures.decimal(samples.bytesPerSecond(index) * 1e-9),
          Figures.percent(samples.shareOfRead(index).median),
        ] + KernelBenchTable.arithmetic(samples, index)
    }
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
    }
  }

  private static func range(_ spread: SampleSpread, _ scale: Double) -> String {
    Figures.decimal(spread.p10 * scale) + "-" + Figures.decimal(spread.p90 * scale)
  }

  private static func time(_ samples: BenchSamples, _ index: Int) -> [String] {
    let time = samples.time(index)
    return [Figures.decimal(time.median * 1e-3), range(time, 1e-3)]
  }

  private static func arithmetic(_ samples: BenchSamples, _ index: Int) -> [String] {
    [
      Figures.decimal(samples.operationsPerSecond(index) * 1e-9),
      Figures.percent(samples.shareOfPeak(index).median),
    ]
  }

  /// Speed over FP16 and time over plain INT4.
  private static func ratios(_ samples: BenchSamples, _ index: Int) -> [String] {
    let speed = samples.index(of: .fp16).map { samples.speed(index, over: $0).median }
    let ratio = samples.index(of: .int4).map { samples.timeRatio(index, to: $0).median }
    return [speed, ratio].map { $0.map(Figures.ratio) ?? "-" }
  }
}

extension Figures {
  /// Three decimals below ten, where a hundredth decides; three digits beyond.
  fileprivate static func ratio(_ value: Double) -> String {
    value < 10 ? String(format: "%.3f", value) : decimal(value)
  }
}
