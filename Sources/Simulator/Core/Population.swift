/// Requests in the system over time, to hold every run against Little's law: the integral of their
/// number is the sum of the times that each was there, exactly (Little 1961).
///
/// Both sums are kept modulo 2⁶⁴: a run of many years exceeds that, and equal sums stay equal.
struct Population: Sendable {
  private var present: Int64 = 0
  private var sinceNs: Int64 = 0
  private var integral: Int64 = 0
  private var sojourns: Int64 = 0

  mutating func entered(at now: Int64) {
    advance(to: now)
    present += 1
  }

  mutating func left(at now: Int64, arrivalNs: Int64) {
    advance(to: now)
    present -= 1
    precondition(present >= 0, "a request leaves once")
    sojourns &+= now - arrivalNs
  }

  private mutating func advance(to now: Int64) {
    precondition(now >= sinceNs, "time never falls")
    integral &+= present &* (now - sinceNs)
    sinceNs = now
  }

  /// - Precondition: all have left.
  func checkLittlesLaw() {
    precondition(present == 0 && integral == sojourns, "Little's law")
  }
}
