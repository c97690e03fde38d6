import Trace

/// The charts of a report.
struct ReportCharts {
  let overview: TraceOverview
  let runs: [ReportRun]

  init(_ overview: TraceOverview, _ runs: [ReportRun]) {
    self.overview = overview
    self.runs = runs
  }

  // MARK: Latencies

  /// How latencies are distributed, by run.
  func writeLatencies(to page: inout Markup) {
    writeDistribution("ttft", "Time to first token", \.ttft, to: &page)
    writeDistribution("tpot", "Time per output token after the first", \.tpot, to: &page)
    writeDistribution("itl", "Time between tokens", \.itl, of: "gap", to: &page)
    writeDistribution("e2e", "End-to-end latency", \.e2e, to: &page)
    writeDistribution("queueing", "Queueing", \.queueing, to: &page)
  }

  private func writeDistribution(
    _ id: String, _ title: String, _ curve: KeyPath<RunOverview, LatencyCurve>,
    of noun: String = "request", to page: inout Markup
  ) {
    let curves = runs.map { ($0, $0.overview[keyPath: curve]) }.filter { $0.1.count > 0 }
    guard !curves.isEmpty else { return }
    let values = curves.flatMap { $0.1.percentilesNs.map { Double($0) } }
    let unit = Figures.TimeUnit(largestNs: values.max() ?? 0)
    let shown = values.map { $0 / unit.ns }
    // What lies within a factor of twenty is compared best on an axis from zero.
    let positive = shown.filter { $0 > 0 }
    let isWide = (positive.max() ?? 1) > 20 * (positive.min() ?? 1)
    let x = isWide ? Axis(unit.name, ratiosOf: shown) : Axis(unit.name, upTo: shown)
    let percentiles = stride(from: 5, through: 95, by: 5).map { $0 }
    var chart = XYChart(
      frame: ChartFrame(
        id: id, title: "\(title), \(unit.name)",
        summary: "Share of \(noun)s by \(title.lowercased()). "
          + curves.map { run, curve in
            "\(run.label): "
              + [50, 90, 99].map { "p\($0) \(text(curve, $0))" }
              .joined(separator: ", ") + ", \(Figures.count(curve.count, noun))."
          }.joined(separator: " "),
        note: isWide && positive.count < shown.count
          ? "Times of zero stand at the left edge." : ""),
      x: x, y: Axis("% of \(noun)s", upTo: [100]),
      series: curves.map { run, curve in
        XYChart.Series(
          name: run.label, style: run.style, form: .line,
          points: curve.percentilesNs.enumerated().map { (Double($1) / unit.ns, Double($0)) })
      })
    chart.stripesAlongY = true
    chart.stripes =
      percentiles.map { percentile in
        XYChart.Stripe(
          range: Double(percentile) - 2.5...Double(percentile) + 2.5,
          tip: tip("p\(percentile)", curves, percentile))
      } + [XYChart.Stripe(range: 97.5...100, tip: tip("p99", curves, 99))]
    chart.write(to: &page)
  }

  private func text(_ curve: LatencyCurve, _ percentile: Int) -> String {
    Figures.time(curve[percentile].map { Double($0) })
  }

  private func tip(
    _ name: String, _ curves: [(ReportRun, LatencyCurve)], _ percentile: Int
  ) -> String {
    ([name] + curves.map { "\($0.label): \(text($1, percentile))" }).joined(separator: "\n")
  }

  // MARK: Load

  /// What the charts of load are made of, in words.
  var loadText: String {
    var text = """
      From the steps that do nothing but decode, by how many sequences do so: each gets one token \
      a step. Numbers of sequences with fewer than ten such steps are left out.
      """
    let mixed = runs.filter(\.overview.pointsHavePrompts).map(\.label)
    if !mixed.isEmpty {
      text += " Of \(Figures.list(mixed)) there are none: every step computes prompts besides."
    }
    if runs.contains(where: { $0.overview.lanes > 1.001 }) {
      text += " Sequences are those of one lane of a pipeline, throughput is of all its lanes."
    }
    return text
  }

  /// What a replica does by how many sequences decode at once.
  func writeLoad(to page: inout Markup) {
    let points = runs.map { ($0, ReportCharts.shown($0.overview.concurrency)) }
      .filter { !$0.1.isEmpty }
    guard !points.isEmpty else { return }
    let x = Axis("sequences that decode at once", upTo: points.flatMap { $1.map(\.sequences) })
    writeByConcurrency(
      "throughput", "Decode throughput of a replica, tokens/s", "tokens/s", points, x: x,
      value: \.tokensPerSecond, to: &page)
    writeByConcurrency(
      "step-time", "Time per token of a decode step, ms", "ms", points, x: x, value: \.stepMs,
      to: &page)
    writePareto(points, to: &page)
  }

  /// Few steps are noise; all of them are shown where there are no others.
  private static func shown(_ points: [ConcurrencyPoint]) -> [ConcurrencyPoint] {
    let many = points.filter { $0.steps >= 10 }
    return many.isEmpty ? points : many
  }

  private func writeByConcurrency(
    _ id: String, _ title: String, _ unit: String, _ points: [(ReportRun, [ConcurrencyPoint])],
    x: Axis, value: KeyPath<ConcurrencyPoint, Double>, to page: inout Markup
  ) {
    let most = points.compactMap { run, points in
      points.last.map { last in
        "\(run.label): \(Figures.decimal(last[keyPath: value])) \(unit) at "
          + "\(Figures.decimal(last.sequences)) sequences."
      }
    }
    XYChart(
      frame: ChartFrame(
        id: id, title: title,
        summary: "\(title) by sequences that decode at once. " + most.joined(separator: " ")),
      x: x, y: Axis(unit, upTo: points.flatMap { $1.map { $0[keyPath: value] } }),
      series: points.map { run, points in
        XYChart.Series(
          name: run.label, style: run.style, form: .markedLine,
          points: points.map { ($0.sequences, $0[keyPath: value]) },
          tips: points.map { ReportCharts.tip(run, $0) })
      }
    ).write(to: &page)
  }

  private static func tip(_ run: ReportRun, _ point: ConcurrencyPoint) -> String {
    """
    \(run.label), \(Figures.decimal(point.sequences)) sequences
    \(Figures.decimal(point.stepMs)) ms a token
    \(Figures.decimal(point.tokensPerSecond)) tokens/s of a replica
    \(Figures.decimal(point.tokensPerDeviceSecond)) tokens/s of a device
    \(Figures.number(point.steps)) steps
    """
  }

  /// Throughput for each device against the speed that one user sees: the more run at once, the
  /// further up and to the left.
  private func writePareto(
    _ points: [(ReportRun, [ConcurrencyPoint])], to page: inout Markup
  ) {
    let wholes = runs.compactMap(WholeRun.init)
    let curves = points.map { run, points in
      XYChart.Series(
        name: run.label, style: run.style, form: .markedLine,
        points: points.map { ($0.userTokensPerSecond, $0.tokensPerDeviceSecond) },
        tips: points.map { ReportCharts.tip(run, $0) })
    }
    let rings = wholes.map { whole in
      XYChart.Series(
        name: "\(whole.run.label), whole run", style: whole.run.style, form: .marks,
        points: [(whole.median, whole.perDevice)], tips: [whole.text],
        spans: [whole.slow...whole.fast])
    }
    let all = curves + rings
    XYChart(
      frame: ChartFrame(
        id: "pareto", title: "Throughput of a device against the speed of a user",
        summary: "Tokens a second of each device against tokens a second of one user. "
          + wholes.map(\.text).joined(separator: " "),
        note: "Lines: decode steps, more sequences further up. Rings: whole runs, prompts and idle "
          + "time counted, at the median of requests; bars reach from the 10th to the 90th "
          + "percentile."),
      x: Axis("tokens/s of one user", upTo: all.flatMap { $0.points.map(\.x) }),
      y: Axis("tokens/s of a device", upTo: all.flatMap { $0.points.map(\.y) }), series: all
    ).write(to: &page)
  }

  /// A run as one point.
  private struct WholeRun {
    let run: ReportRun
    let perDevice: Double
    /// Tokens a second that the median request had, and those a tenth from both ends.
    let (median, slow, fast): (Double, Double, Double)

    init?(_ run: ReportRun) {
      let tpot = run.overview.tpot
      guard let rate = run.tokensPerDeviceSecond, let p10 = tpot[10], let p50 = tpot[50],
        let p90 = tpot[90], p10 > 0
      else { return nil }
      self.run = run
      perDevice = rate
      (median, slow, fast) = (1e9 / Double(p50), 1e9 / Double(p90), 1e9 / Double(p10))
    }

    var text: String {
      "\(run.label), whole run: \(Figures.decimal(perDevice)) tokens/s of a device at "
        + "\(Figures.decimal(median)) tokens/s of the median request, "
        + "\(Figures.decimal(slow)) to \(Figures.decimal(fast)) of eight in ten."
    }
  }

  // MARK: Steps

  /// Where the time of all steps of each run goes.
  func writeSteps(to page: inout Markup) {
    let longest = runs.map(\.overview.stepTimes.busyNs).max() ?? 0
    guard longest > 0 else { return }
    let unit = Figures.TimeUnit(largestNs: longest)
    let summary = runs.map { run in
      let times = run.overview.stepTimes
      let parts = StepTimes.Part.allCases.filter { times[$0] > 0 }
        .sorted { times[$0] > times[$1] }.prefix(3)
        .map { "\($0.name) \(Figures.percent(times[$0] / max(1, times.busyNs)))" }
      return "\(run.label): \(Figures.time(times.busyNs)) in all, \(Figures.list(Array(parts)))."
    }
    StackedBars(
      frame: ChartFrame(
        id: "steps", title: "Time of all steps, \(unit.name)",
        summary: summary.joined(separator: " ")),
      x: Axis(unit.name, upTo: [longest / unit.ns]),
      bars: runs.map { run in (run.label, parts(of: run, unit)) }
    ).write(to: &page)
  }

  private func parts(of run: ReportRun, _ unit: Figures.TimeUnit) -> [StackedBars.Part] {
    let times = run.overview.stepTimes
    return StepTimes.Part.allCases.map { part in
      StackedBars.Part(
        name: part.name, style: part.rawValue, value: times[part] / unit.ns,
        tip: "\(run.label), \(part.name): \(Figures.time(times[part])), "
          + Figures.percent(times[part] / max(1, times.busyNs)))
    }
  }
}

extension ConcurrencyPoint {
  fileprivate var stepMs: Double { stepNs / 1e6 }
  fileprivate var userTokensPerSecond: Double { stepNs > 0 ? 1e9 / stepNs : 0 }
}
