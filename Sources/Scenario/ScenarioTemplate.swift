/// A scenario's file, read once, of which scenarios are made that differ in a few settings.
public struct ScenarioTemplate: Sendable {
  private let file: SourceFile
  private let profileOverride: String?
  private let seedOverride: UInt64?
  private let shelf = ProfileShelf()

  /// The file's path.
  public var path: String { file.path }

  /// Reads a file; whether it is a good scenario shows when one is made.
  ///
  /// - Parameters: as of `ServingScenario.load`.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)``.
  public init(
    path: String, profileOverride: String? = nil, seedOverride: UInt64? = nil
  ) throws(ScenarioError) {
    file = try SourceFile.read(path: path, limit: Limits.scenarioBytes)
    self.profileOverride = profileOverride
    self.seedOverride = seedOverride
  }

  /// The scenario with some settings, the last of a key if there are several; its text stays the
  /// file's. Any number of threads may ask at a time; each profile is read once.
  /// - Throws: ``ScenarioError/invalid(_:)`` with every error of every file.
  public func scenario(_ settings: [ScenarioSetting] = []) throws(ScenarioError) -> ServingScenario
  {
    try ServingScenario.parse(
      file, profileOverride: profileOverride, seedOverride: seedOverride, settings: settings,
      shelf: shelf)
  }
}
