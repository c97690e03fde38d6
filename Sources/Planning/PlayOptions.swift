/// How a scenario is played, beside what it says. The timings are the same either way.
public struct PlayOptions: Hashable, Sendable {
  /// Walks every decode step instead of jumping over runs of them.
  public var usesExactSteps = false
  /// Checks after every event that no token, block or request is lost or there twice, and stops the
  /// process where one is: slow.
  public var checksInvariants = false
  /// Records when each token was ready, where records are kept.
  public var keepsTokenTimes = false
  /// Gives each outcome its timeline, which takes records of steps.
  public var keepsTimelines = false

  /// Jumps, and checks only what is checked at the end of every run.
  public static let fast = PlayOptions()

  /// Options, the fast ones by default.
  public init(
    usesExactSteps: Bool = false, checksInvariants: Bool = false, keepsTokenTimes: Bool = false,
    keepsTimelines: Bool = false
  ) {
    self.usesExactSteps = usesExactSteps
    self.checksInvariants = checksInvariants
    self.keepsTokenTimes = keepsTokenTimes
    self.keepsTimelines = keepsTimelines
  }
}
