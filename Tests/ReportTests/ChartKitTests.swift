import Foundation
import Testing

@testable import Report

@Suite("Axes and markup of charts")
struct ChartKitTests {
  @Test("An axis from zero ends at a round number that no value exceeds, in steps of 1, 2 or 5")
  func linearAxes() {
    #expect(Axis("", upTo: [2_367]).ticks == [0, 500, 1_000, 1_500, 2_000, 2_500])
    #expect(Axis("", upTo: [100]).ticks == [0, 20, 40, 60, 80, 100])
    #expect(Axis("", upTo: [0.3]).ticks.count == 4)
    #expect(Axis("", upTo: []).domain == 0...1)
    #expect(Axis("", upTo: [0, -3, .infinity, .nan]).domain == 0...1)
    for exponent in -12...15 {
      for factor in [1, 1.0001, 1.7, 2, 3.3, 4.999, 5, 7, 9.99] {
        let value = factor * pow(10, Double(exponent))
        let axis = Axis("", upTo: [value / 3, value])
        #expect(axis.domain.upperBound >= value * (1 - 1e-8), "\(value)")
        #expect((3...7).contains(axis.ticks.count), "\(value): \(axis.ticks)")
        // At least half of the axis is used.
        #expect(axis.share(of: value) > 0.5)
      }
    }
  }

  @Test("An axis of time keeps its ends and has ticks inside")
  func timeAxes() {
    let axis = Axis("s", from: 3.2, to: 17.9)
    #expect(axis.domain == 3.2...17.9 && axis.ticks == [5, 10, 15])
    #expect(Axis("s", from: 0, to: 0.5).ticks.count == 6)
    #expect(Axis("s", from: 4, to: 4).domain == 4...5)
  }

  @Test("An axis of ratios has all values inside and at most seven numbers")
  func ratioAxes() {
    let axis = Axis("s", ratiosOf: [0, 0.03, 250])
    #expect(axis.domain == 0.02...500 && axis.isLogarithmic)
    #expect(axis.ticks.map(Axis.label) == ["0.1", "1", "10", "100"])
    #expect(Axis("s", ratiosOf: [2, 45]).ticks.map(Axis.label) == ["2", "5", "10", "20", "50"])
    for (low, high) in [(1e-9, 1e9), (1, 1), (3, 3.1), (1e-3, 1), (0.999, 1.001)] {
      let axis = Axis("", ratiosOf: [low, high])
      #expect(axis.domain.lowerBound <= low && axis.domain.upperBound >= high)
      #expect((2...7).contains(axis.ticks.count), "\(low) to \(high): \(axis.ticks)")
    }
    #expect(Axis("", ratiosOf: []).domain.lowerBound > 0)
  }

  @Test("Places on an axis go from 0 to 1, rise with the value and lead back to it")
  func places() {
    for axis in [Axis("", upTo: [37]), Axis("", ratiosOf: [0.2, 30]), Axis("", from: 2, to: 9)] {
      let (low, high) = (axis.domain.lowerBound, axis.domain.upperBound)
      #expect(axis.share(of: low) == 0 && axis.share(of: high) == 1)
      #expect(axis.share(of: low - 1) == 0 && axis.share(of: high + 1) == 1)
      var before = -1.0
      for step in 0...10 {
        let share = Double(step) / 10
        let value = axis.value(at: share)
        #expect(abs(axis.share(of: value) - share) < 1e-9)
        #expect(axis.share(of: value) > before)
        before = axis.share(of: value)
      }
    }
    #expect(abs(Axis("", ratiosOf: [0.1, 1_000]).share(of: 10) - 0.5) < 1e-12)
  }

  @Test("Numbers on an axis are as short as they can be")
  func labels() {
    let expected: [(Double, String)] = [
      (0, "0"), (-0.0, "0"), (0.1, "0.1"), (0.30000000000000004, "0.3"), (2.5, "2.5"), (20, "20"),
      (1_500, "1,500"), (20_000, "20k"), (2_500_000, "2.5M"), (4e9, "4G"), (1e-8, "1e-08"),
      (-5, "-5"),
    ]
    for (value, text) in expected { #expect(Axis.label(value) == text) }
  }

  @Test("Texts and attributes cannot become markup")
  func escaping() {
    var markup = Markup()
    markup.element("p", ["title": "\"><script>'&"]) { $0.add("<b>&amp;\u{202E}\u{0}\u{1B}x\n") }
    #expect(
      markup.text == "<p title=\"&quot;&gt;&lt;script&gt;&#39;&amp;\">"
        + "&lt;b&gt;&amp;amp;\u{FFFD}\u{FFFD}\u{FFFD}x\n</p>\n")
  }

  @Test("Places in a drawing are finite numbers to a tenth")
  func coordinates() {
    let expected: [(Double, String)] = [
      (0, "0"), (12, "12"), (12.34, "12.3"), (-0.06, "-0.1"), (-3, "-3"), (.nan, "0"),
      (.infinity, "0"), (1e300, "1000000"),
    ]
    for (value, text) in expected { #expect(Markup.number(value) == text) }
  }

  @Test("A line goes through its points, from the lower left to the upper right")
  func line() {
    var page = Markup()
    XYChart(
      frame: ChartFrame(id: "a", title: "A", summary: "One line."),
      x: Axis("s", upTo: [10]), y: Axis("m", upTo: [10]),
      series: [
        XYChart.Series(
          name: "fp16", style: 2, form: .line, points: [(0, 0), (5, 2.5), (10, 10)])
      ],
      stripes: [XYChart.Stripe(range: 0...5, tip: "at 0 s")]
    ).write(to: &page)
    #expect(page.text.contains("d=\"M46 214L213 166.5L380 24\""))
    #expect(page.text.contains("class=\"line s2\""))
    #expect(page.text.contains("role=\"img\" aria-labelledby=\"a-title a-desc\""))
    #expect(page.text.contains("<desc id=\"a-desc\">One line.</desc>"))
    #expect(page.text.contains("x=\"46\" y=\"24\" width=\"167\" height=\"190\""))
    #expect(page.text.contains("<title>at 0 s</title>"))
    for label in ["0", "2", "4", "6", "8", "10", "s", "m"] {
      #expect(page.text.contains(">\(label)</text>"), "\(label)")
    }
  }

  @Test("Parts of a bar lie one behind the other, as long as they are worth")
  func bars() {
    var page = Markup()
    func part(_ style: Int, _ value: Double) -> StackedBars.Part {
      StackedBars.Part(name: "p", style: style, value: value, tip: "\(value) s")
    }
    StackedBars(
      frame: ChartFrame(id: "b", title: "B", summary: "Bars."), x: Axis("s", upTo: [10]),
      bars: [("fp16", [part(0, 5), part(1, 0), part(2, 2.5)])]
    ).write(to: &page)
    #expect(page.text.contains("class=\"part p0\" x=\"10\" y=\"23\" width=\"185\""))
    #expect(page.text.contains("class=\"part p2\" x=\"195\" y=\"23\" width=\"92.5\""))
    #expect(!page.text.contains("part p1"))
  }

  @Test("A request's bar shows what lies in the window and nothing beside it")
  func timeline() {
    var page = Markup()
    TimelineChart(
      frame: ChartFrame(id: "t", title: "T", summary: "Requests."),
      x: Axis("s", from: 10, to: 20),
      bars: [
        TimelineChart.Bar(
          phases: [(.queue, 0, 5), (.prefill, 5, 15), (.decode, 15, 30)], tip: "request 1")
      ]
    ).write(to: &page)
    #expect(!page.text.contains("class=\"queue\""))
    #expect(page.text.contains("class=\"prefill\" x=\"8\""))
    #expect(page.text.contains("class=\"decode\" x=\"195\""))
    #expect(page.text.components(separatedBy: "width=\"187\"").count == 3)
  }
}
