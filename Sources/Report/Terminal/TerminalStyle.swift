import Foundation

/// What the terminal that a text is for can show.
public struct TerminalStyle: Hashable, Sendable {
  /// Characters of a line.
  public let columns: Int
  /// Whether it shows more than ASCII.
  public let isUTF8: Bool
  /// Whether it takes colours.
  public let hasColour: Bool

  /// A style.
  public init(columns: Int, isUTF8: Bool, hasColour: Bool) {
    self.columns = columns
    self.isUTF8 = isUTF8
    self.hasColour = hasColour
  }

  /// What an environment says.
  ///
  /// Lines are as long as the terminal's, else as `COLUMNS` says, else of 80 characters. The
  /// character set is that of the locale. Colours are for terminals, unless `NO_COLOR` is set
  /// (https://no-color.org) or `TERM` says that there are none.
  /// - Parameter terminalColumns: of the terminal; 0 where it does not say; nil without one.
  public init(environment: [String: String], terminalColumns: Int?) {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    let stated = [terminalColumns, value("COLUMNS").flatMap(Int.init)].compactMap(\.self)
    // As POSIX has it: the first that is set decides, and without any the locale is C.
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].lazy.compactMap(value).first ?? "C"
    let set = locale.lowercased().replacing("-", with: "")
    self.init(
      columns: stated.first { $0 > 0 } ?? 80, isUTF8: set.contains("utf8"),
      hasColour: terminalColumns != nil && value("NO_COLOR") == nil
        && !["dumb", nil].contains(value("TERM")))
  }

  /// That of standard output.
  public static func standardOutput() -> TerminalStyle {
    TerminalStyle(
      environment: ProcessInfo.processInfo.environment,
      terminalColumns: isStandardOutputTerminal ? terminalColumns : nil)
  }

  /// Whether standard output is a terminal.
  public static var isStandardOutputTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  private static var terminalColumns: Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 else { return 0 }
    return Int(size.ws_col)
  }

  /// A text in the characters that the terminal shows, cut off behind so many.
  func fit(_ text: String, _ columns: Int) -> String {
    var text = text
    if text.count > columns { text = columns < 1 ? "" : text.prefix(columns - 1) + "…" }
    guard !isUTF8 else { return text }
    return String(
      text.map { character in
        switch character {
        case "…": "~"
        case "–", "−": "-"
        case "µ": "u"
        default: character.isASCII ? character : "?"
        }
      })
  }
}

/// A line of a chart: its text, and how many columns that takes, to which colours do not count.
struct ChartLine {
  private(set) var text = ""
  private(set) var columns = 0

  /// Colours that terminals have in their own shades, so that they can be read on any ground: cyan,
  /// yellow, magenta, green, blue and red.
  private static let colours = [36, 33, 35, 32, 34, 31]

  /// Appends a text, in the colour with this number where the terminal has colours.
  mutating func append(_ part: String, colour: Int? = nil, _ style: TerminalStyle) {
    columns += part.count
    if style.hasColour, let colour, !part.isEmpty {
      let code = ChartLine.colours[colour % ChartLine.colours.count]
      text += "\u{1B}[\(code)m\(part)\u{1B}[39m"
    } else {
      text += part
    }
  }

  /// Appends spaces up to a column.
  mutating func pad(to column: Int) {
    let missing = max(0, column - columns)
    text += String(repeating: " ", count: missing)
    columns += missing
  }

  /// Two charts beside each other: the first as wide as it says, the second after a gap.
  static func beside(
    _ left: [ChartLine], columns: Int, gap: Int, _ right: [ChartLine]
  ) -> [ChartLine] {
    (0..<max(left.count, right.count)).map { row in
      var line = row < left.count ? left[row] : ChartLine()
      guard row < right.count else { return line }
      line.pad(to: columns + gap)
      line.text += right[row].text
      line.columns += right[row].columns
      return line
    }
  }
}
