/// What surrounds the drawing of a chart: its name, its legend, and what it says in words.
struct ChartFrame {
  /// A line of the legend.
  struct Key {
    let name: String
    let style: Int
    var form = XYChart.Series.Form.line
  }

  /// Unique on the page; letters and dashes.
  let id: String
  let title: String
  /// What the chart shows, in figures: read out in place of the drawing.
  let summary: String
  /// Where the figures come from, below the drawing.
  var note = ""

  /// Writes the figure around what `draw` draws.
  func write(
    to page: inout Markup, size: (width: Double, height: Double), keys: [Key],
    _ draw: (inout Markup) -> Void
  ) {
    page.element("figure", ["id": id]) { page in
      page.element("h3", text: title)
      if !keys.isEmpty {
        page.element("ul", ["class": "legend"]) { page in
          for key in keys { ChartFrame.write(key, to: &page) }
        }
      }
      page.element(
        "svg",
        [
          "viewBox": "0 0 \(Markup.number(size.width)) \(Markup.number(size.height))",
          "role": "img", "aria-labelledby": "\(id)-title \(id)-desc",
        ]
      ) { page in
        page.element("title", ["id": "\(id)-title"], text: title)
        page.element("desc", ["id": "\(id)-desc"], text: summary)
        draw(&page)
      }
      if !note.isEmpty { page.element("figcaption", text: note) }
    }
  }

  private static func write(_ key: Key, to page: inout Markup) {
    page.element("li") { page in
      page.element(
        "svg", ["class": "key", "viewBox": "0 0 30 12", "aria-hidden": "true"]
      ) { page in
        if key.form != .marks {
          page.shape("path", ["class": "line s\(key.style)", "d": "M1 6L29 6"])
        }
        if key.form == .marks { page.ring(key.style, 15, 6, radius: 5) }
        if key.form != .line { page.mark(key.style, 15, 6, tip: nil) }
      }
      page.add(key.name)
    }
  }
}

extension Markup {
  /// A straight line.
  mutating func line(_ kind: String, _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) {
    shape(
      "line",
      [
        "class": kind, "x1": Markup.number(x1), "y1": Markup.number(y1), "x2": Markup.number(x2),
        "y2": Markup.number(y2),
      ])
  }

  /// A text in a drawing.
  mutating func label(
    _ text: String, _ x: Double, _ y: Double, _ anchor: String, kind: String = "label"
  ) {
    element(
      "text",
      ["class": kind, "x": Markup.number(x), "y": Markup.number(y), "text-anchor": anchor],
      text: text)
  }

  /// A rectangle, with a text that shows where the pointer rests on it.
  mutating func box(
    _ kind: String, x: Double, y: Double, width: Double, height: Double, tip: String
  ) {
    shape(
      "rect",
      [
        "class": kind, "x": Markup.number(x), "y": Markup.number(y),
        "width": Markup.number(max(0.4, width)), "height": Markup.number(height),
      ], tip: tip)
  }

  /// A ring around a mark.
  mutating func ring(_ style: Int, _ x: Double, _ y: Double, radius: Double) {
    shape(
      "circle",
      [
        "class": "ring s\(style)", "cx": Markup.number(x), "cy": Markup.number(y),
        "r": Markup.number(radius),
      ])
  }

  /// The mark of a style: a shape as well as a colour.
  mutating func mark(_ style: Int, _ x: Double, _ y: Double, tip: String?) {
    func at(_ dx: Double, _ dy: Double) -> String {
      "\(Markup.number(x + dx)) \(Markup.number(y + dy))"
    }
    let outlines: [[(Double, Double)]] = [
      [(-3.2, -3.2), (3.2, -3.2), (3.2, 3.2), (-3.2, 3.2)],
      [(0, -4.6), (4, 3), (-4, 3)],
      [(0, -4.8), (4.8, 0), (0, 4.8), (-4.8, 0)],
      [(0, 4.6), (4, -3), (-4, -3)],
      [(-4.5, -1.5), (4.5, -1.5), (4.5, 1.5), (-4.5, 1.5)],
      [(-1.5, -4.5), (1.5, -4.5), (1.5, 4.5), (-1.5, 4.5)],
      [(-4, -4), (4, 4), (4, -4), (-4, 4)],
    ]
    let kind = "mark s\(style)"
    let attributes: Attributes
    let name: StaticString
    if style == 0 {
      name = "circle"
      attributes = ["class": kind, "cx": Markup.number(x), "cy": Markup.number(y), "r": "3.5"]
    } else {
      name = "path"
      let corners = outlines[(style - 1) % outlines.count].map { at($0.0, $0.1) }
      attributes = ["class": kind, "d": "M" + corners.joined(separator: "L") + "Z"]
    }
    if let tip { shape(name, attributes, tip: tip) } else { shape(name, attributes) }
  }
}
