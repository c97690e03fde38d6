import Foundation

/// A bar on standard error while long work goes on, with the time left; nothing where standard
/// error is not a terminal.
public struct ProgressBar {
  private let isShown: Bool
  private let start = ContinuousClock.now
  private var lastDrawn: ContinuousClock.Instant?
  private static let width = 28

  /// A bar at nothing.
  public init() {
    isShown = isatty(STDERR_FILENO) == 1
  }

  /// Draws the bar: at most ten times a second, and at the end.
  /// - Parameters:
  ///   - share: of the work that is done, 0...1.
  ///   - label: what is being done.
  public mutating func show(_ share: Double, _ label: String) {
    guard isShown else { return }
    let now = ContinuousClock.now
    if let lastDrawn, now - lastDrawn < .milliseconds(100), share < 1 { return }
    lastDrawn = now
    let full = Int((share * Double(ProgressBar.width)).rounded(.down))
    let bar =
      String(repeating: "█", count: full)
      + String(repeating: "░", count: ProgressBar.width - full)
    let percent = String(format: "%3.0f %%", 100 * share)
    let line = "\(bar) \(percent)  \(timeLeft(share, now))\(label)"
    // A line that wraps could not be taken back.
    write("\r\u{1B}[2K\(line.prefix(ProgressBar.columns - 1))")
  }

  /// Columns of the terminal; 80 where it does not tell.
  private static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }

  /// Clears the bar's line.
  public func clear() {
    guard isShown, lastDrawn != nil else { return }
    write("\r\u{1B}[2K")
  }

  private func timeLeft(_ share: Double, _ now: ContinuousClock.Instant) -> String {
    let elapsed = (now - start) / .seconds(1)
    guard share > 0.02, share < 1, elapsed > 0.5 else { return "" }
    return String(format: "%.0f s left  ", elapsed / share * (1 - share))
  }

  private func write(_ text: String) {
    try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
  }
}
