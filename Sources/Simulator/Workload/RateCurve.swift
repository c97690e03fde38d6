/// A rate of requests that changes with time: linear between points, and either periodic or for
/// ever the last one's. Where two points stand at one time, the rate jumps.
///
/// Arrivals at such a rate are a Poisson process on the clock of the cumulative rate: the next
/// comes where that has grown by an exponential draw of mean 1 (Çinlar, "Introduction to stochastic
/// processes", 1975, section 4.7). Inverting it is exact, so that no request is lost or moved to
/// where the rate is lower.
public struct RateCurve: Hashable, Sendable {
  /// The rate at a time.
  public struct Point: Hashable, Sendable {
    /// Nanoseconds since the start.
    public let atNs: Int64
    /// Requests per second; not negative.
    public let requestsPerSecond: Double

    /// - Precondition: the rate is finite; neither it nor the time is negative.
    public init(atNs: Int64, requestsPerSecond: Double) {
      precondition(atNs >= 0 && requestsPerSecond >= 0 && requestsPerSecond.isFinite)
      self.atNs = atNs
      self.requestsPerSecond = requestsPerSecond
    }
  }

  /// The rate from a point to the next.
  private struct Segment: Hashable {
    let startNs: Int64
    /// `Int64.max` where it never ends.
    let endNs: Int64
    let startRate: Double
    /// How the rate grows, in requests per second squared.
    let slope: Double

    func rate(atNs time: Int64) -> Double {
      startRate + slope * (Double(time - startNs) * 1e-9)
    }

    /// Requests expected from `time` on.
    func requests(fromNs time: Int64) -> Double {
      guard endNs < .max else { return startRate > 0 ? .infinity : 0 }
      return (rate(atNs: time) + rate(atNs: endNs)) / 2 * (Double(endNs - time) * 1e-9)
    }

    /// Nanoseconds from `time` on in which `requests` are expected, which the segment holds: the
    /// stable root of `rate·t + slope·t²/2 = requests`. With a level rate `requests / rate`, in the
    /// bits that Poisson arrivals have.
    func durationNs(of requests: Double, fromNs time: Int64) -> Double {
      let rate = rate(atNs: time)
      let root = max(0, rate * rate + 2 * slope * requests).squareRoot()
      // Without requests to come and without a rate, no time passes.
      let seconds = 2 * requests / max(rate + root, .leastNormalMagnitude)
      return (seconds * 1e9).rounded()
    }
  }

  private let segments: [Segment]
  /// After which it begins again, in nanoseconds; nil where the last rate holds for ever.
  public let periodNs: Int64?
  /// Requests expected in a period; infinite without one.
  private let requestsPerPeriod: Double

  /// A curve through points; nil where no more requests come after some time.
  ///
  /// With a period, the rate goes from the last point on to the first one of the next period; where
  /// the last stands at the period's end, it jumps there.
  /// - Precondition: the first point stands at 0, times do not fall, none is beyond the period or
  ///   twice ``simulationHorizonNs``, nor is the period.
  public init?(points: [Point], periodNs: Int64? = nil) {
    let longest = 2 * simulationHorizonNs
    precondition(points.first?.atNs == 0 && points.last!.atNs <= periodNs ?? longest)
    precondition(periodNs.map { (1...longest).contains($0) } ?? true)
    let (first, last) = (points[0], points[points.count - 1])
    guard periodNs != nil || last.requestsPerSecond > 0 else { return nil }
    var corners = points
    if let periodNs {
      corners.append(Point(atNs: periodNs, requestsPerSecond: first.requestsPerSecond))
    }
    var segments: [Segment] = []
    for (from, to) in zip(corners, corners.dropFirst()) {
      precondition(from.atNs <= to.atNs, "points stand in the order of their times")
      guard from.atNs < to.atNs else { continue }
      let seconds = Double(to.atNs - from.atNs) * 1e-9
      segments.append(
        Segment(
          startNs: from.atNs, endNs: to.atNs, startRate: from.requestsPerSecond,
          slope: (to.requestsPerSecond - from.requestsPerSecond) / seconds))
    }
    if periodNs == nil {
      segments.append(
        Segment(startNs: last.atNs, endNs: .max, startRate: last.requestsPerSecond, slope: 0))
    }
    self.segments = segments
    self.periodNs = periodNs
    requestsPerPeriod = segments.reduce(0) { $0 + $1.requests(fromNs: $1.startNs) }
    guard requestsPerPeriod > 0 else { return nil }
  }

  /// A rate that is on and off by turns, beginning with on; nil where both rates are zero.
  /// - Precondition: both times are positive and at most ``simulationHorizonNs``.
  public static func onOff(
    requestsPerSecond: Double, onNs: Int64, offNs: Int64, offRequestsPerSecond: Double = 0
  ) -> RateCurve? {
    precondition(onNs > 0 && offNs > 0)
    return RateCurve(
      points: [
        Point(atNs: 0, requestsPerSecond: requestsPerSecond),
        Point(atNs: onNs, requestsPerSecond: requestsPerSecond),
        Point(atNs: onNs, requestsPerSecond: offRequestsPerSecond),
        Point(atNs: onNs + offNs, requestsPerSecond: offRequestsPerSecond),
      ],
      periodNs: onNs + offNs)
  }

  /// Requests per second over the long run: over a period, or of the last rate, which holds for
  /// ever.
  public var meanRequestsPerSecond: Double {
    guard let periodNs else { return segments[segments.count - 1].startRate }
    return requestsPerPeriod * 1e9 / Double(periodNs)
  }

  /// The curve with every rate multiplied, at the same times.
  /// - Precondition: `factor` is positive and finite.
  public func scaled(by factor: Double) -> RateCurve {
    RateCurve(
      segments: segments.map {
        Segment(
          startNs: $0.startNs, endNs: $0.endNs, startRate: $0.startRate * factor,
          slope: $0.slope * factor)
      }, periodNs: periodNs)
  }

  private init(segments: [Segment], periodNs: Int64?) {
    self.segments = segments
    self.periodNs = periodNs
    requestsPerPeriod = segments.reduce(0) { $0 + $1.requests(fromNs: $1.startNs) }
  }

  /// When `requests` are expected to have come since `start`, both times in nanoseconds since the
  /// curve's start. Beyond ``simulationHorizonNs`` it is some later time. O(log points), and O(1)
  /// for each point that is passed; periods that pass whole cost nothing.
  /// - Precondition: `requests` is not negative, `start` at most a nanosecond beyond the horizon.
  public func timeNs(of requests: Double, after start: Int64) -> Int64 {
    let never = 2 * Double(simulationHorizonNs)
    var left = requests
    // Where the period that the search is in began.
    var origin: Int64 = 0
    if let periodNs { origin = start / periodNs * periodNs }
    var time = start - origin
    var index = segment(atNs: time)
    while true {
      let segment = segments[index]
      let held = segment.requests(fromNs: time)
      if left < held {
        let duration = segment.durationNs(of: left, fromNs: time)
        guard Double(origin) + Double(time) + duration < never else { return Int64(never) }
        // Rounding never takes an arrival out of its segment: beyond it the rate may be zero.
        return origin + min(time + Int64(duration), segment.endNs - 1)
      }
      left -= held
      index += 1
      time = segment.endNs
      guard index == segments.count, let periodNs else { continue }
      // Whole periods are passed over at once.
      let periods = (left / requestsPerPeriod).rounded(.down)
      left = max(0, left - periods * requestsPerPeriod)
      let next = Double(origin) + (periods + 1) * Double(periodNs)
      guard next < never else { return Int64(never) }
      origin += (Int64(periods) + 1) * periodNs
      (index, time) = (0, 0)
    }
  }

  /// The last segment that begins by `time`.
  private func segment(atNs time: Int64) -> Int {
    var (low, high) = (0, segments.count)
    while high - low > 1 {
      let middle = (low + high) / 2
      if segments[middle].startNs <= time { low = middle } else { high = middle }
    }
    return low
  }
}
