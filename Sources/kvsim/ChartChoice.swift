import ArgumentParser
import Report

/// Whether charts are drawn.
enum ChartChoice: String, ExpressibleByArgument, CaseIterable {
  case auto
  case always
  case never

  /// Whether they are, on this standard output.
  var draws: Bool {
    switch self {
    case .auto: TerminalStyle.isStandardOutputTerminal
    case .always: true
    case .never: false
    }
  }
}
