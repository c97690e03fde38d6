import Glibc

/// Nanoseconds of a clock that nobody sets.
enum MonotonicClock {
  /// Nanoseconds since some fixed moment.
  static var now_ns: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
  }

  /// Nanoseconds that `body` took.
  static func time_ns<E>(_ body: () throws(E) -> Void) throws(E) -> Int64 {
    let start = now_ns
    try body()
    return now_ns - start
  }
}
