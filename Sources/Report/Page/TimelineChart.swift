/// Requests as bars over time: thin while they wait, thick while their prompt is computed, of
/// middle size while tokens come.
struct TimelineChart {
  /// A request.
  struct Bar {
    /// Its phases: from where to where, on the axis.
    let phases: [(kind: Kind, from: Double, to: Double)]
    let tip: String
  }

  /// What happens to a request.
  enum Kind: String {
    case queue, prefill, decode

    fileprivate var share: Double {
      switch self {
      case .queue: 0.24
      case .prefill: 1
      case .decode: 0.6
      }
    }
  }

  let frame: ChartFrame
  let x: Axis
  let bars: [Bar]

  private static let (left, right, top) = (8.0, 382.0, 4.0)

  /// Writes it as a figure.
  func write(to page: inout Markup) {
    let rowHeight = max(4, min(14, 280 / Double(max(1, bars.count))))
    let bottom = TimelineChart.top + max(60, rowHeight * Double(bars.count))
    frame.write(to: &page, size: (400, bottom + 40), keys: []) { drawing in
      for tick in x.ticks {
        drawing.line("grid", px(tick), TimelineChart.top, px(tick), bottom)
        drawing.label(Axis.label(tick), px(tick), bottom + 14, "middle")
      }
      drawing.line("axis", TimelineChart.left, bottom, TimelineChart.right, bottom)
      drawing.label(
        x.title, (TimelineChart.left + TimelineChart.right) / 2, bottom + 34, "middle",
        kind: "unit")
      for (row, bar) in bars.enumerated() {
        let middle = TimelineChart.top + (Double(row) + 0.5) * rowHeight
        drawing.element("g") { drawing in
          drawing.element("title", text: bar.tip)
          for phase in bar.phases { write(phase, middle, rowHeight, to: &drawing) }
        }
      }
    }
  }

  private func px(_ value: Double) -> Double {
    TimelineChart.left + x.share(of: value) * (TimelineChart.right - TimelineChart.left)
  }

  private func write(
    _ phase: (kind: Kind, from: Double, to: Double), _ middle: Double, _ rowHeight: Double,
    to drawing: inout Markup
  ) {
    let (from, to) = (px(phase.from), px(phase.to))
    // What lies beside the window has no width there.
    guard phase.to > x.domain.lowerBound, phase.from < x.domain.upperBound else { return }
    let height = (rowHeight - 1) * phase.kind.share
    drawing.shape(
      "rect",
      [
        "class": phase.kind.rawValue, "x": Markup.number(from),
        "y": Markup.number(middle - height / 2), "width": Markup.number(max(0.5, to - from)),
        "height": Markup.number(height),
      ])
  }
}
