/// Draws the classes of requests that arrive together.
struct ClassShares: Sendable {
  /// The share of each class and all before it, not divided by the last.
  private let cumulative: [Double]

  /// - Precondition: there is at least one class.
  init(_ classes: [RequestClass]) {
    var sum = 0.0
    cumulative = classes.map { requestClass in
      sum += requestClass.share
      return sum
    }
    precondition(sum > 0 && sum.isFinite)
  }

  /// The class of a stream's request, by the draw of its number. O(log classes).
  func drawn(from draws: RandomStream, number: Int) -> Int {
    guard cumulative.count > 1 else { return 0 }
    let unit = draws.openUnit(.requestClass, entity: Int64(number))
    let wanted = unit * cumulative[cumulative.count - 1]
    var (low, high) = (0, cumulative.count - 1)
    while low < high {
      let middle = (low + high) / 2
      if cumulative[middle] > wanted { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
