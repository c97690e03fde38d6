import Trace

/// The charts of a report along time.
extension ReportCharts {
  /// Pool, queue and batch over the runs.
  func writeOverTime(to page: inout Markup) {
    let longest = Double(runs.map(\.overview.lastEventNs).max() ?? 0)
    guard longest > 0 else { return }
    writeOverTime(
      "pool", "KV pool in use, %", "%", longest, to: &page, value: { 100 * $0.usedShare },
      // A pool that is nearly empty would be a line on the ground.
      top: { ($0.max() ?? 0) < 20 ? $0.max() ?? 0 : 100 })
    writeOverTime("waiting", "Requests waiting", "requests", longest, to: &page, value: \.waiting)
    writeOverTime(
      "running", "Sequences running", "sequences", longest, to: &page, value: \.running)
    let slices = runs.flatMap(\.overview.slices)
    if slices.contains(where: { $0.preemptions > 0 }) {
      writeOverTime(
        "preemptions", "Preemptions in a hundredth of the run", "sequences", longest, to: &page,
        value: { Double($0.preemptions) })
    }
    if slices.contains(where: { $0.rejections > 0 }) {
      writeOverTime(
        "rejections", "Rejections in a hundredth of the run", "requests", longest, to: &page,
        value: { Double($0.rejections) })
    }
    if runs.contains(where: { !$0.overview.events.ofReplicas.isEmpty }) {
      writeOverTime(
        "replicas", "Replicas that get requests", "replicas", longest, to: &page,
        value: \.openReplicas)
    }
  }

  /// Failures that a chart marks.
  private static let mostMoments = 20

  /// Failures of replicas, as vertical lines: those of several runs at one time as one.
  private func failureMarks(_ unit: Figures.TimeUnit) -> [XYChart.Moment] {
    var marks: [(ns: Int64, lines: [String])] = []
    for run in runs {
      for span in ReplicaFailures(run.overview.events).spans {
        let end = span.recoveredNs.map { ", serves again at \(Figures.time(Double($0)))" }
        let line = "\(run.label): replica \(span.replica) fails\(end ?? "")"
        if let index = marks.firstIndex(where: { $0.ns == span.failedNs }) {
          marks[index].lines.append(line)
        } else if marks.count < ReportCharts.mostMoments {
          marks.append((span.failedNs, [line]))
        }
      }
    }
    return marks.map { ns, lines in
      XYChart.Moment(
        x: Double(ns) / unit.ns, place: Figures.time(Double(ns)),
        tip: (["at \(Figures.time(Double(ns)))"] + lines).joined(separator: "\n"))
    }
  }

  private func writeOverTime(
    _ id: String, _ title: String, _ unitName: String, _ longestNs: Double,
    to page: inout Markup, value: @escaping (TimeSlice) -> Double,
    top: ([Double]) -> Double = { $0.max() ?? 0 }
  ) {
    let unit = Figures.TimeUnit(largestNs: longestNs)
    let values = runs.flatMap { $0.overview.slices.map(value) }
    var summary = runs.filter { !$0.overview.slices.isEmpty }.map { run in
      let own = run.overview.slices.map(value)
      let mean = own.reduce(0, +) / Double(own.count)
      return "\(run.label): \(Figures.decimal(mean)) on the mean, "
        + "\(Figures.decimal(own.max() ?? 0)) at the peak."
    }
    let moments = failureMarks(unit)
    if !moments.isEmpty {
      summary.append(
        "Failures of replicas are marked at \(moments.map(\.place).joined(separator: ", ")).")
    }
    let x = Axis("time, \(unit.name)", from: 0, to: longestNs / unit.ns)
    var chart = XYChart(
      frame: ChartFrame(id: id, title: title, summary: summary.joined(separator: " ")),
      x: x, y: Axis(unitName, upTo: [top(values)]),
      series: runs.map { run in
        XYChart.Series(
          name: run.label, style: run.style, form: .line,
          points: run.overview.slices.map {
            (($0.startNs + $0.endNs) / 2 / unit.ns, value($0))
          })
      })
    let stripes = 50
    chart.stripes = (0..<stripes).map { index in
      let start = longestNs * Double(index) / Double(stripes)
      let end = longestNs * Double(index + 1) / Double(stripes)
      let middle = (start + end) / 2
      let lines = runs.map { run in
        let slice = run.overview.slices.last { $0.startNs <= middle && middle <= $0.endNs }
        return "\(run.label): \(slice.map { Figures.decimal(value($0)) } ?? "over")"
      }
      return XYChart.Stripe(
        range: start / unit.ns...end / unit.ns,
        tip: (["at \(Figures.time(middle))"] + lines).joined(separator: "\n"))
    }
    chart.moments = moments
    chart.write(to: &page)
  }

  // MARK: Timelines

  /// What the timelines show, in words.
  var timelineText: String {
    guard let window = overview.window else { return "" }
    return "Requests that were there from \(Figures.time(Double(window.lowerBound))) to "
      + "\(Figures.time(Double(window.upperBound))) of each run, by arrival: thin and grey while "
      + "they wait, thick and orange from the first step on them to the first token, blue and of "
      + "middle size while tokens come. One that loses its blocks is thin and grey until it has "
      + "some again, and thick and orange while it computes again what it had produced before."
  }

  /// Requests of the window, run by run.
  func writeTimelines(to page: inout Markup) {
    guard let window = overview.window else { return }
    let unit = Figures.TimeUnit(largestNs: Double(window.upperBound))
    let x = Axis(
      "time, \(unit.name)", from: Double(window.lowerBound) / unit.ns,
      to: Double(window.upperBound) / unit.ns)
    for run in runs {
      let timeline = run.overview.timeline
      let shown =
        timeline.requests.count == timeline.requestsInWindow
        ? Figures.count(timeline.requestsInWindow, "request")
        : "\(Figures.count(timeline.requests.count)) of "
          + "\(Figures.count(timeline.requestsInWindow, "request")): those with numbers that "
          + "\(Figures.count(Int(timeline.stride))) divides"
      TimelineChart(
        frame: ChartFrame(
          id: "timeline-\(run.style)", title: run.label,
          summary: "\(run.label): \(shown). " + TimelineSummary(timeline).text, note: shown),
        x: x, bars: timeline.requests.map { bar($0, unit) }
      ).write(to: &page)
    }
  }

  private func bar(_ request: TimelineRequest, _ unit: Figures.TimeUnit) -> TimelineChart.Bar {
    func place(_ ns: Int64) -> Double { Double(ns) / unit.ns }
    let scheduled = request.scheduledNs ?? request.finishNs
    let first = request.firstTokenNs ?? request.finishNs
    func span(_ from: Int64, _ to: Int64) -> String { Figures.time(Double(to) - Double(from)) }
    var tip = """
      request \(request.id), arrived at \(Figures.time(Double(request.arrivalNs)))
      waited \(span(request.arrivalNs, scheduled))
      """
    if request.scheduledNs == nil {
      tip += ", never scheduled"
    } else {
      tip += """

        prompt of \(request.promptTokens) tokens: \(span(scheduled, first))
        \(request.outputTokens) tokens: \(span(first, request.finishNs))
        """
    }
    if request.preemptions > 0 {
      tip += "\n\(Figures.count(Int(request.preemptions), "preemption"))"
      func sum(_ isRecomputing: Bool) -> String {
        let own = request.pauses.filter { $0.isRecomputing == isRecomputing }
        return Figures.time(own.reduce(0.0) { $0 + Double($1.endNs) - Double($1.startNs) })
      }
      if !request.pauses.isEmpty {
        tip += ": \(sum(false)) without blocks, \(sum(true)) to compute again"
      }
    }
    let whole: [(TimelineChart.Kind, Int64, Int64)] = [
      (.queue, request.arrivalNs, scheduled), (.prefill, scheduled, first),
      (.decode, first, request.finishNs),
    ]
    let phases = whole.flatMap { kind, from, to in request.cut(kind, from, to) }
    return TimelineChart.Bar(
      phases: phases.map { ($0, place($1), place($2)) }.filter { $0.2 > $0.1 }, tip: tip)
  }
}

extension TimelineRequest {
  /// A phase, with what pauses take of it in their place.
  fileprivate func cut(
    _ kind: TimelineChart.Kind, _ from: Int64, _ to: Int64
  ) -> [(TimelineChart.Kind, Int64, Int64)] {
    var parts: [(TimelineChart.Kind, Int64, Int64)] = []
    var now = from
    for pause in pauses.sorted(by: { $0.startNs < $1.startNs }) {
      let (start, end) = (max(now, pause.startNs), min(to, pause.endNs))
      guard start < end else { continue }
      parts.append((kind, now, start))
      parts.append((pause.isRecomputing ? .prefill : .queue, start, end))
      now = end
    }
    return parts + [(kind, now, to)]
  }
}

/// What the bars of a timeline are made of on the mean, for those who do not see them.
private struct TimelineSummary {
  let text: String

  init(_ timeline: Timeline) {
    let done = timeline.requests.filter { $0.scheduledNs != nil && $0.firstTokenNs != nil }
    guard !done.isEmpty else {
      text = ""
      return
    }
    func mean(_ from: (TimelineRequest) -> Int64, _ to: (TimelineRequest) -> Int64) -> String {
      let sum = done.reduce(0.0) { $0 + Double(to($1)) - Double(from($1)) }
      return Figures.time(sum / Double(done.count))
    }
    text =
      "On the mean they wait \(mean(\.arrivalNs, { $0.scheduledNs! })), have their first token "
      + "\(mean({ $0.scheduledNs! }, { $0.firstTokenNs! })) later and their last "
      + "\(mean({ $0.firstTokenNs! }, \.finishNs)) after that."
  }
}
