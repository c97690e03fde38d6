/// Writes and reads the rows that a database has of its sweep.
enum SweepRows {
  // MARK: Writing

  /// Appends a sweep and its axes.
  static func insert(
    _ sweep: SweepDescription, scenarioID: Int64, on connection: Connection
  ) throws(TraceError) {
    precondition(sweep.axes.count <= TraceLimits.axes)
    let row = try connection.prepare(
      """
      INSERT INTO sweep (id, scenario_id, seed, profile_checksum, kvsim_version, points, shard,
        shards)
      VALUES (1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)
      """)
    try row.bind(1, scenarioID)
    try row.bind(2, Int64(bitPattern: sweep.seed))
    try row.bind(3, sweep.profileChecksum)
    try row.bind(4, sweep.kvsimVersion)
    try row.bind(5, Int64(sweep.points))
    try row.bind(6, Int64(sweep.shard.number))
    try row.bind(7, Int64(sweep.shard.count))
    try row.run()
    let value = try connection.prepare(
      "INSERT INTO sweep_axis (axis, place, path, value) VALUES (?1, ?2, ?3, ?4)")
    for (index, axis) in sweep.axes.enumerated() {
      for (place, text) in axis.values.enumerated() {
        try value.bind(1, Int64(index))
        try value.bind(2, Int64(place))
        try value.bind(3, axis.path)
        try value.bind(4, text)
        try value.run()
      }
    }
  }

  /// Appends a point and its settings.
  /// - Parameter reason: why it failed; nil if it did not.
  static func insert(
    _ point: Int, of sweep: SweepDescription, reason: String?, on connection: Connection
  ) throws(TraceError) {
    let row = try connection.prepare(
      "INSERT INTO sweep_point (id, outcome, reason) VALUES (?1, ?2, ?3)")
    try row.bind(1, Int64(point))
    try row.bind(2, reason == nil ? "done" : "failed")
    try row.bind(3, reason)
    try row.run()
    let setting = try connection.prepare(
      "INSERT INTO sweep_setting (point_id, axis, path, value) VALUES (?1, ?2, ?3, ?4)")
    for (index, value) in sweep.values(ofPoint: point).enumerated() {
      try setting.bind(1, Int64(point))
      try setting.bind(2, Int64(index))
      try setting.bind(3, sweep.axes[index].path)
      try setting.bind(4, value)
      try setting.run()
    }
  }

  /// Removes the points that failed, of which there are no runs.
  static func removeFailed(on connection: Connection) throws(TraceError) {
    try connection.execute(
      """
      BEGIN;
      DELETE FROM sweep_setting
      WHERE point_id IN (SELECT id FROM sweep_point WHERE outcome = 'failed');
      DELETE FROM sweep_point WHERE outcome = 'failed';
      COMMIT;
      """)
  }

  // MARK: Reading

  /// The numbers of the profiles, by checksum.
  static func profiles(on connection: Connection) throws(TraceError) -> [String: Int64] {
    let row = try connection.prepare("SELECT checksum, id FROM profile")
    var profiles: [String: Int64] = [:]
    while try row.step() { profiles[row.text(0)] = row.integer(1) }
    return profiles
  }

  /// What is varied.
  static func axes(on connection: Connection) throws(TraceError) -> [SweepAxisDescription] {
    let row = try connection.prepare(
      "SELECT axis, place, path, value FROM sweep_axis ORDER BY axis, place")
    var axes: [SweepAxisDescription] = []
    var values = 0
    while try row.step() {
      let (axis, place, path) = (row.integer(0), row.integer(1), row.text(2))
      if axis == axes.count, place == 0 {
        axes.append(SweepAxisDescription(path: path, values: []))
      }
      values += 1
      guard axis == axes.count - 1, place == axes[axes.count - 1].values.count,
        path == axes[axes.count - 1].path, axes.count <= TraceLimits.axes,
        values <= TraceLimits.axisValues
      else {
        throw .damaged(path: connection.path, reason: "the axes of its sweep are not numbered")
      }
      axes[axes.count - 1].values.append(row.text(3))
    }
    return axes
  }

  /// The points that are there, and whether they failed.
  static func points(
    of sweep: SweepDescription, on connection: Connection
  ) throws(TraceError) -> [Int: Bool] {
    let row = try connection.prepare("SELECT id, outcome FROM sweep_point ORDER BY id")
    var points: [Int: Bool] = [:]
    while try row.step() {
      let (id, outcome) = (row.integer(0), row.text(1))
      guard (0..<Int64(sweep.points)).contains(id), points[Int(id)] == nil,
        outcome == "done" || outcome == "failed"
      else {
        throw .damaged(path: connection.path, reason: "point \(id) of its sweep is out of place")
      }
      points[Int(id)] = outcome == "failed"
    }
    return points
  }
}
