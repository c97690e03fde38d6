/// Puts the shares of a sweep together into one database, which is then the one that a single run
/// of the whole sweep would have left, but for wall-clock times.
public enum SweepMerge {
  /// What became of a merge.
  public struct Result: Hashable, Sendable {
    /// Points that are in the new database.
    public let points: Int
    /// Of these, points that failed.
    public let failed: Int
  }

  /// Writes the database of all points.
  ///
  /// - Parameters:
  ///   - inputs: the databases of the shares, in any order.
  ///   - path: the database to write.
  /// - Throws: `resultOverShare` where that is one of the inputs; `foreignShare` where one is of
  ///   another sweep than most, or of none; `incompleteMerge` where points are missing, or in two
  ///   of them; what reading and writing throws.
  public static func merge(
    _ inputs: [String], into path: String, overwrite: Bool
  ) throws(TraceError) -> Result {
    precondition(!inputs.isEmpty)
    try check(inputs, areNot: path)
    try TraceWriter.check(path: path, overwrite: overwrite)
    var readers: [SweepReader] = []
    for input in inputs {
      guard let reader = try SweepReader(ofAny: input) else {
        throw .foreignShare(path: input, reason: "it is a trace of `kvsim run` and of no sweep")
      }
      readers.append(reader)
    }
    try checkAlike(readers, inputs)
    let owners = try owners(readers, inputs, path: path)
    var whole = readers[0].sweep
    whole.shard = .whole
    let store = try SweepStore(path: path, sweep: whole, overwrite: true)
    do throws(TraceError) {
      for point in 0..<whole.points {
        let (outcome, startedUTC) = try readers[owners[point]].trace.outcome(ofPoint: point)
        try store.add(point: point, outcome, startedUTC: startedUTC)
      }
      try store.finish()
    } catch {
      store.discard()
      throw error
    }
    return Result(points: whole.points, failed: store.points.values.count { $0 })
  }

  /// Makes sure that no input is the result, or what the result is called till it is complete.
  private static func check(_ inputs: [String], areNot path: String) throws(TraceError) {
    let result = try TracePath(path).file
    let written = [result, result + PartialFile.ending].compactMap(TracePath.identity)
    for input in inputs {
      if let identity = TracePath.identity(of: input), written.contains(identity) {
        throw .resultOverShare(path: input)
      }
    }
  }

  /// Makes sure that all are of one sweep: that of most of them, so that a single other one is
  /// named whichever is the first.
  private static func checkAlike(
    _ readers: [SweepReader], _ inputs: [String]
  ) throws(TraceError) {
    var alike: [[Int]] = []
    for (place, reader) in readers.enumerated() {
      let group = alike.firstIndex { reader.sweep.difference(from: readers[$0[0]].sweep) == nil }
      if let group { alike[group].append(place) } else { alike.append([place]) }
    }
    guard let most = alike.min(by: { $0.count > $1.count }),
      let stranger = readers.indices.first(where: { !most.contains($0) }),
      let difference = readers[stranger].sweep.difference(from: readers[most[0]].sweep)
    else { return }
    let others = readers.indices.filter { $0 != stranger && !most.contains($0) }.prefix(10)
    throw .foreignShare(
      path: inputs[stranger],
      reason: "in contrast to \(inputs[most[0]]), \(difference)"
        + (others.isEmpty ? "" : "; nor does \(others.map { inputs[$0] }.joined(separator: ", "))"))
  }

  /// Which database has each point.
  private static func owners(
    _ readers: [SweepReader], _ inputs: [String], path: String
  ) throws(TraceError) -> [Int] {
    var owners = [Int?](repeating: nil, count: readers[0].sweep.points)
    for (index, reader) in readers.enumerated() {
      for point in reader.points.keys.sorted() {
        if let other = owners[point] {
          throw .incompleteMerge(
            path: path,
            reason: "point \(point) is in \(inputs[other]) and in \(inputs[index])")
        }
        owners[point] = index
      }
    }
    let missing = owners.indices.filter { owners[$0] == nil }
    guard missing.isEmpty else {
      let shards = readers[0].sweep.shard.count
      let shares = Set(missing.map { $0 % shards + 1 }).sorted().map(String.init)
      throw .incompleteMerge(
        path: path,
        reason: "\(missing.count) of \(owners.count) points are missing, the first of them "
          + "\(missing[0]); of \(shards) shares, look at "
          + shares.prefix(20).joined(separator: ", ") + (shares.count > 20 ? ", …" : ""))
    }
    return owners.map { $0! }
  }
}

extension TraceReader {
  /// What a point of a sweep came to, and when it was begun.
  /// - Precondition: the point is there.
  func outcome(ofPoint point: Int) throws(TraceError) -> (SweepOutcome, startedUTC: String) {
    if let reason = try reasonOfFailure(ofPoint: point) { return (.failed(reason: reason), "") }
    var runs: [SweptRun] = []
    var startedUTC = ""
    for run in try self.runs(ofPoint: point) {
      guard let end = run.end, let digest = RowDigest(hex: end.rowDigest) else {
        throw .damaged(path: path, reason: "run \(run.id) of a sweep has not ended")
      }
      var groups: [(group: GroupDescription, profile: ProfileDescription)] = []
      for group in run.description.groups {
        guard let profile = try profile(group.profileID) else {
          throw .damaged(path: path, reason: "run \(run.id) has no profile")
        }
        groups.append((group, profile))
      }
      startedUTC = run.description.startedUTC
      runs.append(
        SweptRun(
          format: run.description.format, seed: run.description.seed, groups: groups,
          records: RecordTotals(digest: digest, lastEventNs: end.lastEventNs),
          metrics: try metrics(run: run.id)))
    }
    return (.done(runs), startedUTC)
  }
}
