import Foundation
import Testing

/// `Scenarios/sweeps`, run for real: on Slurm's daemons and on ssh's, all on loopback.
@Suite("Sweeps over several machines")
struct ClusterSweepTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  @Test(
    "Slurm queues the share of a dead node again; it goes on, and all is as on one machine",
    .enabled(
      if: SlurmCluster.isThere,
      "no Slurm here, which `make setup-cluster` installs, or no address but 127.0.0.1"))
  func slurm() throws {
    let study = try ClusterStudy(in: folder.url.appendingPathComponent("study"))
    let cluster = try SlurmCluster(in: folder.url)
    defer { cluster.stop() }
    let environment = study.environment.merging(cluster.environment) { $1 }
    func script(_ arguments: [String] = []) throws -> CommandLineRun {
      try CommandLineRun(
        URL(fileURLWithPath: ClusterStudy.script("slurm-array.sbatch")),
        arguments + study.arguments, in: study.folder, environment: environment)
    }
    func waitForAll() throws {
      try cluster.daemons.wait(for: "the end of all jobs") {
        let queue = try cluster.run("squeue", ["-h"])
        return queue.status == 0 && queue.output.isEmpty
      }
    }
    let submission = try script()
    #expect(submission.status == 0, "\(submission.errors)")
    try cluster.daemons.wait(for: "half a share") { study.isHalfDone(1) }
    let node = try cluster.killNode(ofElement: 1)
    let left = try study.left(ofShare: 1)
    #expect(left.count > 0 && left.count < ClusterStudy.points / ClusterStudy.shares)
    // Meanwhile Slurm finds out that the node is silent.
    let digests = try study.digestsOfOneMachine()
    #expect(digests.count == 3 * ClusterStudy.points)
    try waitForAll()
    let log = try Repository.text(study.file("study-shares/log-1.txt"))
    #expect(log.contains("on \(node), start 1\n") && log.contains("start 2\n"), "\(log)")
    try #require(study.exists("study.db"), "\(cluster.daemons.logs)")
    #expect(try study.rows("study.db", ClusterStudy.digests) == digests)
    // What was there was not run again.
    #expect(try Set(left).isSubset(of: study.starts()))
    let merging = try Repository.text(study.file("study-shares/log-merge.txt"))
    #expect(merging.contains("sweep: study.db: \(ClusterStudy.points) points\n"), "\(merging)")
    // A share that is missing is told, and the same command runs that share and no other.
    #expect(try script().errors.contains("study.db is there already"))
    let before = try Set(study.starts())
    try study.forget(share: 2)
    let incomplete = try script(["merge"])
    #expect(incomplete.status == 65 && incomplete.errors.contains("look at 2"))
    #expect(incomplete.errors.contains("The same command again runs what is missing"))
    #expect(try script().status == 0)
    try waitForAll()
    #expect(try study.rows("study.db", ClusterStudy.digests) == digests)
    #expect(try before.intersection(study.starts()).count >= ClusterStudy.points * 2 / 3)
  }

  @Test(
    "GNU parallel gives the share of a dead host to another, and all is as on one machine",
    .enabled(
      if: SSHHosts.isInstalled,
      "no GNU parallel or no sshd here; `make setup-cluster` installs them"))
  func parallel() throws {
    let study = try ClusterStudy(in: folder.url.appendingPathComponent("study"))
    let hosts = try SSHHosts(in: folder.url)
    defer { hosts.stop() }
    var environment = study.environment.merging(hosts.environment) { $1 }
    environment["SWEEP_HOSTS"] = "host1,host2"
    let script = ClusterStudy.script("gnu-parallel.sh")
    let sweep = try hosts.daemons.start(
      "bash", [script] + study.arguments, environment: environment, in: study.folder)
    var share = 0
    try hosts.daemons.wait(for: "half a share on host1") {
      guard sweep.isRunning else { return true }
      for process in hosts.processes(of: "host1") {
        guard let place = process.arguments.firstIndex(of: "--shard") else { continue }
        share = Int(process.arguments[place + 1].prefix { $0 != "/" }) ?? 0
      }
      return share > 0 && study.isHalfDone(share)
    }
    try #require(share > 0 && sweep.isRunning, "\(hosts.daemons.logs)")
    hosts.send(SIGSTOP, to: "host1")
    let left = try study.left(ofShare: share)
    hosts.send(SIGKILL, to: "host1")
    #expect(left.count > 0 && left.count < ClusterStudy.points / ClusterStudy.shares)
    sweep.waitUntilExit()
    #expect(sweep.terminationStatus == 0, "\(hosts.daemons.logs)")
    let digests = try study.digestsOfOneMachine()
    #expect(try study.rows("study.db", ClusterStudy.digests) == digests)
    #expect(try Set(left).isSubset(of: study.starts()))
    let log = try Repository.text(study.file("study-shares/log-of-3.txt"))
    let hostOfShare = log.split(separator: "\n").map { $0.split(separator: "\t") }
      .last { $0[0] == "\(share)" }
    #expect(hostOfShare?[1] == "host2" && hostOfShare?[6] == "0", "\(log)")
    // The same command again, with a host that is dead, runs what is missing.
    let before = try Set(study.starts())
    func again() throws -> CommandLineRun {
      try CommandLineRun(
        URL(fileURLWithPath: script), study.arguments, in: study.folder, environment: environment)
    }
    #expect(try again().errors.contains("study.db is there already"))
    try study.forget(share: 3)
    let second = try again()
    #expect(second.status == 0, "\(second.errors)")
    #expect(try study.rows("study.db", ClusterStudy.digests) == digests)
    #expect(try before.intersection(study.starts()).count >= ClusterStudy.points * 2 / 3)
  }
}
