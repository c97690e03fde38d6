import Simulator

/// The database of a sweep: a trace with runs of many points and no records, which grows as
/// `<path>.partial` point by point and gets its name when its last point is there.
///
/// Each point is committed and synchronised as a whole, so that an interrupted sweep goes on where
/// it was, whatever ended it. One store belongs to one thread at a time.
public final class SweepStore {
  /// The points that are there already, by their numbers.
  public private(set) var points: [Int: IsFailed]
  /// Whether a point failed.
  public typealias IsFailed = Bool

  /// Whether the database was complete when it was opened: nothing is left to do.
  public let wasComplete: Bool

  private let sweep: SweepDescription
  private let partial: PartialFile?
  private var connection: Connection?
  private var scenarioID: Int64 = 1
  /// The numbers of the profiles that are there, by checksum.
  private var profiles: [String: Int64] = [:]

  /// Opens the database of a sweep: a new one, or one that was begun with the very same sweep.
  ///
  /// - Parameters:
  ///   - overwrite: begin anew, whatever stands there.
  ///   - retriesFailed: forget the points that failed.
  /// - Throws: `anotherSweep` where what stands there was made of another scenario, profile, grid,
  ///   share or kvsim; `fileExists` where it is no sweep; what a ``TraceWriter`` throws.
  public init(
    path: String, sweep: SweepDescription, overwrite: Bool, retriesFailed: Bool = false
  ) throws(TraceError) {
    self.sweep = sweep
    let location = try TracePath(path)
    if !overwrite, try location.kind() != .nothing {
      let done = try SweepStore.sweep(at: path) { () throws(TraceError) in
        try SweepReader(path: path)
      }
      try SweepStore.check(sweep, continues: done.sweep, path: path)
      points = done.points
      guard retriesFailed, points.values.contains(true) else {
        wasComplete = true
        partial = nil
        return
      }
    } else {
      points = [:]
    }
    wasComplete = false
    let partial = try PartialFile(
      location, overwrites: overwrite || !points.isEmpty, continues: !overwrite)
    partial.isKept = true
    self.partial = partial
    do throws(TraceError) {
      if !points.isEmpty { try partial.reopen() }
      if !overwrite, try partial.isThere() {
        try open(partial, path: path, retriesFailed: retriesFailed)
      } else {
        try create(partial, path: path)
      }
    } catch {
      // What stands there is not ours to remove.
      connection = nil
      partial.leave()
      throw error
    }
  }

  deinit {
    leave()
  }

  /// Lets go of the database as it is; the next sweep goes on with it.
  public func leave() {
    connection = nil
    partial?.leave()
  }

  /// Gives up: removes what was written.
  func discard() {
    connection = nil
    partial?.isKept = false
    partial?.discard()
  }

  private func create(_ partial: PartialFile, path: String) throws(TraceError) {
    let connection = try Connection(file: partial.file, path: path, mode: .create)
    self.connection = connection
    try connection.execute(SweepStore.settings)
    try connection.execute("BEGIN")
    try connection.execute(TraceSchema.statements)
    scenarioID = try RunRows.insert(sweep.scenario, on: connection)
    try SweepRows.insert(sweep, scenarioID: scenarioID, on: connection)
    try connection.execute("COMMIT")
  }

  private func open(
    _ partial: PartialFile, path: String, retriesFailed: Bool
  ) throws(TraceError) {
    let begun = try SweepStore.sweep(at: partial.file) { () throws(TraceError) in
      try SweepReader(partial, path: path)
    }
    try SweepStore.check(sweep, continues: begun.sweep, path: path)
    points = begun.points
    let connection = try Connection(file: partial.file, path: path, mode: .recoverUntrusted)
    self.connection = connection
    try connection.execute(SweepStore.settings)
    profiles = try SweepRows.profiles(on: connection)
    guard retriesFailed else { return }
    try SweepRows.removeFailed(on: connection)
    points = points.filter { !$0.value }
  }

  /// What stands at a path; `fileExists` where kvsim did not write it, as where it is no sweep:
  /// either way the answer is another name, or to overwrite it.
  private static func sweep(
    at path: String, _ read: () throws(TraceError) -> SweepReader
  ) throws(TraceError) -> SweepReader {
    do throws(TraceError) {
      return try read()
    } catch {
      if case .notATrace = error { throw .fileExists(path: path) }
      throw error
    }
  }

  private static func check(
    _ sweep: SweepDescription, continues begun: SweepDescription, path: String
  ) throws(TraceError) {
    if let difference = sweep.difference(from: begun) {
      throw .anotherSweep(path: path, reason: difference)
    }
    if sweep.shard != begun.shard {
      throw .anotherSweep(
        path: path,
        reason: "it has share \(begun.shard.number) of \(begun.shard.count), and not "
          + "\(sweep.shard.number) of \(sweep.shard.count)")
    }
  }

  /// A point is synchronised when it is committed: hours of others' work may hang on it. A file
  /// that was there is opened as traces are, read only at first.
  private static let settings = """
    PRAGMA query_only = OFF;
    PRAGMA synchronous = FULL;
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA journal_mode = TRUNCATE;
    PRAGMA temp_store = MEMORY;
    PRAGMA application_id = \(TraceSchema.applicationID);
    PRAGMA user_version = \(TraceSchema.version);
    """

  /// Keeps what a point came to.
  ///
  /// - Parameter startedUTC: the wall clock when it was begun.
  /// - Precondition: it is not there yet, and of this share.
  public func add(
    point: Int, _ outcome: SweepOutcome, startedUTC: String
  ) throws(TraceError) {
    precondition(points[point] == nil, "a point is run once")
    guard let connection else { preconditionFailure("the sweep is under way") }
    try connection.execute("BEGIN")
    var isFailed = false
    switch outcome {
    case .failed(let reason):
      isFailed = true
      try SweepRows.insert(point, of: sweep, reason: reason, on: connection)
    case .done(let runs):
      try SweepRows.insert(point, of: sweep, reason: nil, on: connection)
      for run in runs {
        try insert(run, point: point, startedUTC: startedUTC, on: connection)
      }
    }
    try connection.execute("COMMIT")
    points[point] = isFailed
  }

  private func insert(
    _ run: SweptRun, point: Int, startedUTC: String, on connection: Connection
  ) throws(TraceError) {
    var groups: [GroupDescription] = []
    for (group, profile) in run.groups {
      var group = group
      group.profileID = try number(of: profile, on: connection)
      groups.append(group)
    }
    let description = RunDescription(
      scenarioID: scenarioID, format: run.format, seed: run.seed,
      kvsimVersion: sweep.kvsimVersion, startedUTC: startedUTC, groups: groups)
    let id = try RunRows.insert(description, firstSeq: 1, point: Int64(point), on: connection)
    try RunRows.end(
      id, run.records.withoutRows, lastSeq: 0, metrics: run.metrics, on: connection)
  }

  private func number(
    of profile: ProfileDescription, on connection: Connection
  ) throws(TraceError) -> Int64 {
    if let known = profiles[profile.checksum] { return known }
    let id = try RunRows.insert(profile, on: connection)
    profiles[profile.checksum] = id
    return id
  }

  /// Gives the database its name.
  /// - Precondition: all points of the share are there.
  public func finish() throws(TraceError) {
    precondition(sweep.shard.points(of: sweep.points).allSatisfy { points[$0] != nil })
    guard let partial else { return }
    try connection?.close()
    connection = nil
    try partial.publish()
  }
}
