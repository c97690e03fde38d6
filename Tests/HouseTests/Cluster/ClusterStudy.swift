import Foundation

/// A sweep in a scratch folder that several nodes take part in, each share of which takes seconds.
struct ClusterStudy {
  /// What a point is known by, and what it came to.
  static let digests = "SELECT point_id, format, row_digest FROM run ORDER BY point_id, format"
  private static let starts = "SELECT DISTINCT point_id, started_utc FROM run ORDER BY point_id"

  static let points = 150
  static let shares = 3

  let folder: URL
  let arguments = [
    Repository.root.appendingPathComponent("Scenarios/two-cores.yaml").path,
    "--vary", "seed=1..\(points)", "--vary", "workload.requests=60",
  ]
  let environment = [
    "KVSIM": CommandLineRun.program.path, "SWEEP_NAME": "study", "SWEEP_SHARES": "\(shares)",
    "SWEEP_THREADS": "1",
  ]

  /// - Parameter folder: is made.
  init(in folder: URL) throws {
    self.folder = folder
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  static func script(_ name: String) -> String {
    Repository.root.appendingPathComponent("Scenarios/sweeps/\(name)").path
  }

  func file(_ name: String) -> URL { folder.appendingPathComponent(name) }

  func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: file(name).path) }

  private func share(_ number: Int) -> String {
    "study-shares/\(number)-of-\(ClusterStudy.shares).db"
  }

  /// Whether several points of a share are there, and not all: 7 kB each, besides the tables and
  /// the profile.
  func isHalfDone(_ number: Int) -> Bool {
    let attributes = try? FileManager.default.attributesOfItem(
      atPath: file("\(share(number)).partial").path)
    return attributes?[.size] as? Int ?? 0 > 280_000
  }

  /// The points of a share that a dead node left, and when each was begun.
  func left(ofShare number: Int) throws -> [Substring] {
    for ending in [".partial", ".partial-journal"] where exists(share(number) + ending) {
      try FileManager.default.copyItem(
        at: file(share(number) + ending), to: file("left.db" + ending))
    }
    return try rows("left.db.partial", ClusterStudy.starts)
  }

  /// The points of the whole, and when each was begun.
  func starts() throws -> [Substring] { try rows("study.db", ClusterStudy.starts) }

  func rows(_ database: String, _ sql: String) throws -> [Substring] {
    let run = try CommandLineRun(
      ["query", database, "--format", "csv", "--sql", sql], in: folder)
    guard run.status == 0 else { throw LoopbackDaemons.Failure(description: run.errors) }
    return run.output.split(separator: "\n").dropFirst().map { $0 }
  }

  /// The digests of all points, as one machine has them.
  func digestsOfOneMachine() throws -> [Substring] {
    let run = try CommandLineRun(["sweep"] + arguments + ["-o", "one-machine.db"], in: folder)
    guard run.status == 0 else { throw LoopbackDaemons.Failure(description: run.errors) }
    return try rows("one-machine.db", ClusterStudy.digests)
  }

  /// Takes the whole and one of its shares away.
  func forget(share number: Int) throws {
    for name in ["study.db", share(number)] {
      try FileManager.default.removeItem(at: file(name))
    }
  }
}
