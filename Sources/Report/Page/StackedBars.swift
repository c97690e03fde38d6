/// Bars of parts, one below the other, to the right of their names.
struct StackedBars {
  /// A part of a bar.
  struct Part {
    let name: String
    /// Its place among the parts: the colour.
    let style: Int
    let value: Double
    let tip: String
  }

  let frame: ChartFrame
  let x: Axis
  let bars: [(name: String, parts: [Part])]

  private static let (left, right, top) = (10.0, 380.0, 4.0)
  private static let barHeight = 22.0
  private static let rowHeight = 46.0

  /// Writes it as a figure.
  func write(to page: inout Markup) {
    let bottom = StackedBars.top + Double(bars.count) * StackedBars.rowHeight
    frame.write(to: &page, size: (400, bottom + 40), keys: []) { drawing in
      for tick in x.ticks {
        drawing.line("grid", px(tick), StackedBars.top, px(tick), bottom)
        drawing.label(Axis.label(tick), px(tick), bottom + 14, "middle")
      }
      drawing.label(
        x.title, (StackedBars.left + StackedBars.right) / 2, bottom + 34, "middle", kind: "unit")
      for (row, bar) in bars.enumerated() {
        let y = StackedBars.top + Double(row) * StackedBars.rowHeight
        drawing.label(bar.name, StackedBars.left, y + 14, "start", kind: "name")
        write(bar.parts, y: y + 19, to: &drawing)
      }
    }
  }

  private func px(_ value: Double) -> Double {
    StackedBars.left + x.share(of: value) * (StackedBars.right - StackedBars.left)
  }

  private func write(_ parts: [Part], y: Double, to drawing: inout Markup) {
    var sum = 0.0
    for part in parts where part.value > 0 {
      let (from, to) = (px(sum), px(sum + part.value))
      sum += part.value
      drawing.box(
        "part p\(part.style)", x: from, y: y, width: to - from, height: StackedBars.barHeight,
        tip: part.tip)
      // Seven units a letter, and some room.
      if to - from > 7 * Double(part.name.count) + 4 {
        drawing.label(part.name, (from + to) / 2, y + 15, "middle", kind: "inside")
      }
    }
  }
}
