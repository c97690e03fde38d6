import TestSupport
import Testing

@testable import Report

@Suite("Charts in the terminal")
struct TerminalChartTests {
  private let utf8 = TerminalStyle(columns: 40, isUTF8: true, hasColour: false)
  private let ascii = TerminalStyle(columns: 40, isUTF8: false, hasColour: false)
  private let coloured = TerminalStyle(columns: 40, isUTF8: true, hasColour: true)

  private func text(_ lines: [ChartLine]) -> String { lines.map { $0.text + "\n" }.joined() }

  private let bars = BarChart(
    title: "TTFT, µs",
    rows: [
      .init(label: "p50 fp16", value: 16, figure: "16.0", colour: 0),
      .init(label: "    int4", value: 8.5, figure: "8.50", colour: 1),
      .init(label: "p99 fp16", value: 20, figure: "20.0", colour: 0),
      .init(label: "    int4", value: 0.001, figure: "0.001", colour: 1),
      .init(label: "    none", value: nil, figure: "–", colour: 2),
    ])

  @Test("Bars are on one scale, to an eighth of a column, with figures to the right")
  func barChart() {
    // 40 columns less 8 of labels, 5 of figures and 2 spaces: 25 for the longest.
    #expect(
      text(bars.lines(columns: 40, utf8)) == """
        TTFT, µs
        p50 fp16 ████████████████████       16.0
            int4 ██████████▋                8.50
        p99 fp16 █████████████████████████  20.0
            int4 ▏                         0.001
            none                               –

        """)
    #expect(
      text(bars.lines(columns: 40, ascii)) == """
        TTFT, us
        p50 fp16 ####################       16.0
            int4 ###########                8.50
        p99 fp16 #########################  20.0
            int4 .                         0.001
            none                               -

        """)
  }

  @Test("Colours take no columns, and end with what they colour")
  func colours() {
    let (plain, painted) = (bars.lines(columns: 40, utf8), bars.lines(columns: 40, coloured))
    #expect(plain.map(\.columns) == painted.map(\.columns))
    #expect(painted[2].text.contains("int4 \u{1B}[33m██████████▋\u{1B}[39m  "))
    #expect(painted[0].text == plain[0].text && painted[5].text == plain[5].text)
    for (plain, painted) in zip(plain, painted) {
      let stripped = painted.text.replacing(#/\u{1B}\[[0-9]+m/#, with: "")
      #expect(stripped == plain.text)
    }
  }

  @Test("Heights over time are in eighths of the top; where a shorter run is over stands a mark")
  func timeLines() {
    func row(_ label: String, _ heights: [Double], _ figure: String) -> TimeLines.Row {
      TimeLines.Row(label: label, figure: figure, colour: 0) { columns in
        #expect(columns == 24 - 4 - 1 - 2)
        return heights
      }
    }
    let ramp = (0...16).map { Double($0) / 16 }
    let lines = TimeLines(
      title: "pool", top: nil, scale: { "\($0)" },
      rows: [
        row("a", ramp, "x"), row("four", [1, 0, 1e-9, 0.5], "x"), row("c", [], "x"),
      ])
    #expect(
      text(lines.lines(columns: 24, utf8)) == """
        pool, █ is 1.0
        a     ▁▁▂▂▃▃▄▄▅▅▆▆▇▇██ x
        four █ ▁▄▏             x
        c    ▏                 x

        """)
    #expect(
      text(lines.lines(columns: 24, ascii)) == """
        pool, @ is 1.0
        a     ..::--==++**##@@ x
        four @ .=|             x
        c    |                 x

        """)
    // A top of their own: half as high as it can be.
    #expect(TimeLines.heights([1, 2, 0], top: 2, utf8) == "▄█ ")
    #expect(TimeLines.heights([0, 0], top: 0, utf8) == "  ")
  }

  @Test("Long labels are cut off for the plot's sake, and what does not fit ends in …")
  func longLabels() {
    let chart = BarChart(
      title: "a title that is longer than the line",
      rows: [.init(label: "int4-rotated-of-a-long-name", value: 1, figure: "1", colour: 0)])
    #expect(
      text(chart.lines(columns: 24, utf8)) == """
        a title that is longer …
        int4-rotated… ████████ 1

        """)
    #expect(text(chart.lines(columns: 24, ascii)).hasPrefix("a title that is longer ~\nint4-ro"))
  }

  @Test("No line is longer than the terminal's, whatever the values")
  func width() {
    var random = SeededRandom(11)
    let values: [() -> Double] = [
      { 0 }, { 1 }, { .leastNonzeroMagnitude }, { .greatestFiniteMagnitude }, { 1e-300 },
    ]
    for round in 0..<500 {
      let columns = Int.random(in: RowLayout.leastColumns...120, using: &random)
      let style = TerminalStyle(
        columns: columns, isUTF8: .random(using: &random), hasColour: .random(using: &random))
      func value() -> Double {
        round % 2 == 0
          ? Double.random(in: 0...1_000, using: &random) : values.randomElement(using: &random)!()
      }
      func word() -> String {
        String(repeating: "x", count: Int.random(in: 0...30, using: &random))
      }
      let count = Int.random(in: 0...6, using: &random)
      let bars = BarChart(
        title: word() + word(),
        rows: (0..<count).map {
          .init(
            label: word(), value: Bool.random(using: &random) ? value() : nil, figure: word(),
            colour: $0)
        })
      let heights = (0..<Int.random(in: 0...200, using: &random)).map { _ in value() }
      let lines = TimeLines(
        title: word() + word(), top: Bool.random(using: &random) ? value() : nil,
        scale: { "\($0)" },
        rows: (0..<count).map {
          .init(label: word(), figure: word(), colour: $0) { Array(heights.prefix($0)) }
        })
      let drawn = bars.lines(columns: columns, style) + lines.lines(columns: columns, style)
      for line in drawn {
        let shown = line.text.replacing(#/\u{1B}\[[0-9]+m/#, with: "")
        #expect(shown.count == line.columns && line.columns <= columns)
        #expect(style.isUTF8 || line.text.utf8.allSatisfy { $0 < 0x80 })
        #expect(style.hasColour || !line.text.contains("\u{1B}"))
      }
      #expect(drawn.count == 2 * (1 + count))
    }
  }

  @Test("Bars keep the order of values, and twice as much is twice as long")
  func proportions() {
    let lengths = (0...64).map { BarChart.bar(Double($0) / 64, columns: 8, utf8) }
    #expect(Set(lengths).count == 65 && lengths[64].count == 8 && lengths[0].isEmpty)
    #expect(lengths[32] == "████" && lengths[33] == "████▏" && lengths[63] == "███████▉")
    #expect(BarChart.bar(1e-12, columns: 8, utf8) == "▏")
    #expect(BarChart.bar(0.4, columns: 10, ascii) == "####")
  }

  @Test("Charts beside each other keep their columns")
  func beside() {
    let (left, right) = (bars.lines(columns: 30, utf8), bars.lines(columns: 24, utf8))
    let both = ChartLine.beside(Array(left.prefix(3)), columns: 30, gap: 4, right)
    #expect(both.count == 6)
    for (row, line) in both.enumerated() {
      #expect(line.columns == 34 + right[row].columns)
      #expect(String(line.text.suffix(right[row].columns)) == right[row].text)
    }
    #expect(ChartLine.beside(left, columns: 30, gap: 4, []).map(\.text) == left.map(\.text))
  }
}

@Suite("What a terminal shows")
struct TerminalStyleTests {
  private func style(_ environment: [String: String], columns: Int? = 100) -> TerminalStyle {
    TerminalStyle(environment: environment, terminalColumns: columns)
  }

  @Test("Lines are as long as the terminal's, else as COLUMNS says, else of 80 characters")
  func columns() {
    #expect(style(["COLUMNS": "60"]).columns == 100)
    #expect(style(["COLUMNS": "60"], columns: 0).columns == 60)
    #expect(style(["COLUMNS": "60"], columns: nil).columns == 60)
    for wrong in ["", "wide", "-3", "0"] {
      #expect(style(["COLUMNS": wrong], columns: nil).columns == 80)
    }
    #expect(style([:], columns: nil).columns == 80)
  }

  @Test("The first of LC_ALL, LC_CTYPE and LANG that is set says whether it shows UTF-8")
  func characters() {
    for name in ["LC_ALL", "LC_CTYPE", "LANG"] {
      for (locale, isUTF8) in [
        ("de_DE.UTF-8", true), ("C.utf8", true), ("en_US.UTF-8@euro", true), ("C", false),
        ("POSIX", false), ("de_DE.ISO-8859-1", false),
      ] {
        #expect(style([name: locale]).isUTF8 == isUTF8, "\(name)=\(locale)")
      }
    }
    #expect(!style([:]).isUTF8)
    #expect(!style(["LC_ALL": "C", "LANG": "C.UTF-8"]).isUTF8)
    #expect(style(["LC_ALL": "", "LC_CTYPE": "C.UTF-8", "LANG": "C"]).isUTF8)
  }

  @Test("Colours are for terminals that have them, and for those who want them")
  func colours() {
    #expect(style(["TERM": "xterm"]).hasColour)
    #expect(!style(["TERM": "dumb"]).hasColour && !style([:]).hasColour)
    #expect(!style(["TERM": "xterm", "NO_COLOR": "1"]).hasColour)
    #expect(style(["TERM": "xterm", "NO_COLOR": ""]).hasColour)
    #expect(!style(["TERM": "xterm"], columns: nil).hasColour)
  }
}
