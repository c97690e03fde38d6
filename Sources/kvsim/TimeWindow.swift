import ArgumentParser
import Foundation

/// A part of a run, from one second to another.
struct TimeWindow: ExpressibleByArgument {
  /// In nanoseconds.
  let ns: Range<Int64>

  init?(argument: String) {
    let ends = argument.components(separatedBy: "..").map { Double($0) }
    // A hundred years are 3.2e18 nanoseconds.
    guard ends.count == 2, let start = ends[0], let end = ends[1], start >= 0, start < end,
      end <= 3.2e9
    else { return nil }
    let (first, last) = (Int64((start * 1e9).rounded()), Int64((end * 1e9).rounded()))
    guard first < last else { return nil }
    ns = first..<last
  }
}
