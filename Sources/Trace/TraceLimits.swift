/// What a trace may hold at most. The writer keeps to it, so that the reader can refuse what goes
/// beyond: a damaged or forged file must not make it use memory or time without end.
enum TraceLimits {
  /// Bytes of one text or row: scenarios are limited to 1 MiB before they get here, profiles with
  /// all their samples to a few.
  static let textBytes: Int32 = 16 << 20
  /// Bytes of a run's format, which stands in each of its requests.
  static let formatBytes = 1_000
  /// Bytes of one text or row in queries that somebody else wrote: the longest shipped profile has
  /// 3.3 million. What functions make of texts is no longer either.
  static let queriedBytes: Int32 = 4 << 20
  /// Runs of one file.
  static let runs = 100_000
  /// Classes of one scenario's requests.
  static let classesPerScenario = 1_000
  /// Groups of one run's replicas.
  static let groupsPerRun = 1_000
  /// Metrics of one run.
  static let metricsPerRun = 10_000
  /// Points of a sweep.
  static let sweepPoints = 100_000
  /// Axes of a sweep.
  static let axes = 16
  /// Values on all axes of a sweep.
  static let axisValues = 100_000
  /// Replicas, of all runs together, that a snapshot keeps apart.
  static let replicasOfSnapshot = 1 << 16
}
