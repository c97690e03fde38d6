/// A chart of lines or points over two axes.
struct XYChart {
  /// One line or cloud of points.
  struct Series {
    /// How its points are drawn.
    enum Form {
      /// Joined; each point with a mark of its own where there are few.
      case line, markedLine
      /// Marks alone, in rings.
      case marks
    }

    /// What the legend calls it.
    let name: String
    /// Which colour, dash and mark it has.
    let style: Int
    let form: Form
    var points: [(x: Double, y: Double)]
    /// What shows where the pointer rests on a mark, by point; none for lines without marks.
    var tips: [String] = []
    /// Lines along x through the points, from where to where; none, or one for each point.
    var spans: [ClosedRange<Double>] = []
  }

  /// A stripe of the chart that tells all its series where the pointer rests on it.
  struct Stripe {
    /// From where to where, on the axis that stripes are cut along.
    let range: ClosedRange<Double>
    let tip: String
  }

  /// Something that happened at some place of x.
  struct Moment {
    let x: Double
    /// The same in words.
    let place: String
    let tip: String
  }

  let frame: ChartFrame
  let x: Axis
  let y: Axis
  let series: [Series]
  /// Stripes side by side along x, or one above the other along y.
  var stripes: [Stripe] = []
  var stripesAlongY = false
  var moments: [Moment] = []

  private static let plot = (left: 46.0, right: 380.0, top: 24.0, bottom: 214.0)
  private static let size = (width: 400.0, height: 252.0)

  /// Writes it as a figure.
  func write(to page: inout Markup) {
    let keys = series.map { ChartFrame.Key(name: $0.name, style: $0.style, form: $0.form) }
    frame.write(to: &page, size: XYChart.size, keys: keys) { drawing in
      writeAxes(to: &drawing)
      for series in series { write(series, to: &drawing) }
      for stripe in stripes { write(stripe, to: &drawing) }
      for moment in moments { write(moment, to: &drawing) }
      for series in series where !series.tips.isEmpty { writeMarks(of: series, to: &drawing) }
    }
  }

  private func px(_ value: Double) -> Double {
    let plot = XYChart.plot
    return plot.left + x.share(of: value) * (plot.right - plot.left)
  }

  private func py(_ value: Double) -> Double {
    let plot = XYChart.plot
    return plot.bottom - y.share(of: value) * (plot.bottom - plot.top)
  }

  private func writeAxes(to drawing: inout Markup) {
    let plot = XYChart.plot
    for tick in y.ticks {
      drawing.line("grid", plot.left, py(tick), plot.right, py(tick))
      drawing.label(Axis.label(tick), plot.left - 6, py(tick) + 4, "end")
    }
    for tick in x.ticks {
      drawing.line("tick", px(tick), plot.bottom, px(tick), plot.bottom + 4)
      drawing.label(Axis.label(tick), px(tick), plot.bottom + 17, "middle")
    }
    drawing.line("axis", plot.left, plot.bottom, plot.right, plot.bottom)
    drawing.label(y.title, 2, 12, "start", kind: "unit")
    drawing.label(
      x.title, (plot.left + plot.right) / 2, XYChart.size.height - 4, "middle", kind: "unit")
  }

  private func write(_ series: Series, to drawing: inout Markup) {
    guard series.form != .marks, !series.points.isEmpty else { return }
    var path = ""
    for point in series.points {
      path += path.isEmpty ? "M" : "L"
      path += "\(Markup.number(px(point.x))) \(Markup.number(py(point.y)))"
    }
    drawing.shape("path", ["class": "line s\(series.style)", "d": path])
  }

  private func writeMarks(of series: Series, to drawing: inout Markup) {
    for (point, span) in zip(series.points, series.spans) {
      let y = py(point.y)
      let kind = "whisker s\(series.style)"
      drawing.line(kind, px(span.lowerBound), y, px(span.upperBound), y)
      for end in [span.lowerBound, span.upperBound] {
        drawing.line(kind, px(end), y - 4, px(end), y + 4)
      }
    }
    for (point, tip) in zip(series.points, series.tips) {
      if series.form == .marks { drawing.ring(series.style, px(point.x), py(point.y), radius: 8) }
      drawing.mark(series.style, px(point.x), py(point.y), tip: tip)
    }
  }

  /// A line from top to bottom with a cross at its top.
  private func write(_ moment: Moment, to drawing: inout Markup) {
    let (x, top) = (px(moment.x), XYChart.plot.top)
    func at(_ dx: Double, _ y: Double) -> String { "\(Markup.number(x + dx)) \(Markup.number(y))" }
    let cross = "M\(at(-4, top - 4))L\(at(4, top + 4))M\(at(-4, top + 4))L\(at(4, top - 4))"
    drawing.shape(
      "path",
      [
        "class": "moment",
        "d": cross + "M\(at(0, top))L\(at(0, XYChart.plot.bottom))",
      ], tip: moment.tip)
  }

  private func write(_ stripe: Stripe, to drawing: inout Markup) {
    let plot = XYChart.plot
    let (low, high) = (stripe.range.lowerBound, stripe.range.upperBound)
    let corner = stripesAlongY ? (plot.left, py(high)) : (px(low), plot.top)
    let size =
      stripesAlongY
      ? (plot.right - plot.left, py(low) - py(high)) : (px(high) - px(low), plot.bottom - plot.top)
    drawing.shape(
      "rect",
      [
        "class": "hover", "x": Markup.number(corner.0), "y": Markup.number(corner.1),
        "width": Markup.number(size.0), "height": Markup.number(size.1),
      ], tip: stripe.tip)
  }
}
