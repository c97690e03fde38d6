/// A histogram of times to three significant digits, in nanoseconds, and beside it their exact sum,
/// sum of squares and maximum.
///
/// Times below 2,048 ns have a bucket each; from there every doubling has 1,024 of equal width, as
/// HdrHistogram lays them out for three digits (Gil Tene, https://hdrhistogram.github.io).
package struct TimeHistogram: Sendable {
  /// Buckets of a doubling, as a power of two.
  private static let bits = 10

  /// Times by bucket, as far as any was needed.
  private var counts: [Int] = []
  /// How many times.
  package private(set) var count = 0
  /// 128 bits, because the times of a long run exceed 64.
  private(set) var sumNs: Int128 = 0
  /// The sum of their squares.
  private(set) var squares = SquareSum()
  package private(set) var maxNs: Int64 = 0

  /// A histogram of nothing.
  package init() {}

  /// Adds a time, as often as `count` says.
  /// - Precondition: it is not negative.
  package mutating func record(_ ns: Int64, count: Int = 1) {
    add(ns, count: count)
    sumNs += Int128(ns) * Int128(count)
    squares.add(ns, count: count)
  }

  /// Adds `times` times, each `growthNs` longer than the one before, all of them as often as
  /// `count` says. Those that fall into one bucket are added at once.
  /// - Precondition: none is negative, nor is `growthNs`, and one after the other they take less
  ///   than 2^63 ns.
  mutating func record(seriesFrom firstNs: Int64, growthNs: Int64, times: Int, count: Int) {
    var done = 0
    while done < times {
      let ns = firstNs + Int64(done) * growthNs
      var alike = times - done
      if alike > 1, growthNs > 0 {
        let longest = TimeHistogram.longest(inBucket: TimeHistogram.bucket(of: ns))
        alike = min(alike, Int((longest - ns) / growthNs) + 1)
      }
      // The longest of them, because of the maximum.
      add(ns + Int64(alike - 1) * growthNs, count: alike * count)
      done += alike
    }
    let n = Int128(times)
    sumNs += Int128(count) * (n * Int128(firstNs) + Int128(growthNs) * (n * (n - 1) / 2))
    squares.add(seriesFrom: firstNs, growthNs: growthNs, times: times, count: count)
  }

  /// Adds times, each once. Buckets lie far apart in memory, and here the processor fetches several
  /// at a time: one by one they take three times as long.
  mutating func record(_ times: [Int64]) {
    guard let longest = times.max() else { return }
    makeRoom(for: TimeHistogram.bucket(of: longest))
    var sum: Int128 = 0
    var squares = self.squares
    counts.withUnsafeMutableBufferPointer { counts in
      for ns in times {
        precondition(ns >= 0)
        counts[TimeHistogram.bucket(of: ns)] += 1
        sum += Int128(ns)
        squares.add(squares: UInt128(ns) * UInt128(ns))
      }
    }
    self.squares = squares
    sumNs += sum
    count += times.count
    maxNs = max(maxNs, longest)
  }

  private mutating func add(_ ns: Int64, count: Int) {
    precondition(ns >= 0)
    let bucket = TimeHistogram.bucket(of: ns)
    makeRoom(for: bucket)
    counts[bucket] += count
    self.count += count
    maxNs = max(maxNs, ns)
  }

  private mutating func makeRoom(for bucket: Int) {
    if bucket >= counts.count {
      counts += Array(repeating: 0, count: bucket + 1 - counts.count)
    }
  }

  private static func bucket(of ns: Int64) -> Int {
    let doublings = max(0, Int64.bitWidth - ns.leadingZeroBitCount - (bits + 1))
    return doublings << bits + Int(ns >> doublings)
  }

  private static func longest(inBucket bucket: Int) -> Int64 {
    let doublings = max(0, bucket >> bits - 1)
    // Wrapping, because behind the last bucket comes 2^63.
    return (Int64(bucket - doublings << bits) + 1) << doublings &- 1
  }

  /// The longest time of the bucket in which lies the time that this percentage of all, 0 to 100,
  /// do not exceed, by nearest rank; the maximum where that is shorter. 0 without a time.
  package func percentile(_ percentage: Double) -> Int64 {
    // Lest rounding up a whole number that a product missed by one bit asks for one time more.
    let rank = max(1, Int((percentage.nextDown * Double(count) / 100).rounded(.up)))
    var passed = 0
    for bucket in counts.indices {
      passed += counts[bucket]
      if passed >= rank { return min(maxNs, TimeHistogram.longest(inBucket: bucket)) }
    }
    return 0
  }

  static func += (all: inout TimeHistogram, more: TimeHistogram) {
    all.makeRoom(for: more.counts.count - 1)
    for bucket in more.counts.indices { all.counts[bucket] += more.counts[bucket] }
    all.count += more.count
    all.sumNs += more.sumNs
    all.squares += more.squares
    all.maxNs = max(all.maxNs, more.maxNs)
  }
}
