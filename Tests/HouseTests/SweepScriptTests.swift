import Foundation
import Testing

/// What the scripts of `Scenarios/sweeps` do by themselves, without Slurm and other hosts.
@Suite("Scripts for sweeps over several machines")
struct SweepScriptTests {
  private let folder: ScratchFolder
  private let scenario = Repository.root.appendingPathComponent("Scenarios/two-cores.yaml").path
  private let grid = ["--vary", "workload.requests=10", "--vary", "seed=1..4"]

  init() throws {
    folder = try ScratchFolder()
  }

  private func script(
    _ name: String, _ arguments: [String], _ environment: [String: String] = [:]
  ) throws -> CommandLineRun {
    let program = ["KVSIM": CommandLineRun.program.path]
    return try CommandLineRun(
      URL(fileURLWithPath: ClusterStudy.script(name)), arguments, in: folder.url,
      environment: program.merging(environment) { $1 })
  }

  private func element(
    _ id: Int, of elements: ClosedRange<Int>, count: Int? = nil, _ more: [String: String] = [:]
  ) throws -> CommandLineRun {
    let slurm = [
      "SLURM_ARRAY_TASK_ID": "\(id)", "SLURM_ARRAY_TASK_COUNT": "\(count ?? elements.count)",
      "SLURM_ARRAY_TASK_MIN": "\(elements.lowerBound)",
      "SLURM_ARRAY_TASK_MAX": "\(elements.upperBound)",
    ]
    return try script(
      "slurm-array.sbatch", [scenario] + grid, slurm.merging(more) { $1 })
  }

  @Test("Elements of an array are shares of it, by whatever numbers, or say what they lack")
  func elements() throws {
    #expect(try element(0, of: 0...1).status == 0)
    #expect(try element(1, of: 0...1).status == 0)
    let shares = folder.url.appendingPathComponent("two-cores-sweep-shares")
    let files = try FileManager.default.contentsOfDirectory(atPath: shares.path)
    #expect(files.sorted() == ["1-of-2.db", "2-of-2.db"])
    let gaps = try element(7, of: 3...7, count: 2)
    #expect(gaps.status == 64 && gaps.errors.contains("SWEEP_SHARES=N"))
    // Again, one element of them.
    #expect(try element(2, of: 2...2, ["SWEEP_SHARES": "2"]).status == 0)
    let beyond = try element(3, of: 3...3, ["SWEEP_SHARES": "2"])
    #expect(beyond.status == 64 && beyond.errors.contains("element 3 is none of 1 to"))
    let merge = try script("slurm-array.sbatch", ["merge", scenario] + grid)
    #expect(merge.status == 0 && merge.errors.contains("two-cores-sweep.db: 4 points"))
    // The shares are of this sweep, and of no other.
    try FileManager.default.removeItem(
      at: folder.url.appendingPathComponent("two-cores-sweep.db"))
    let other = try script(
      "slurm-array.sbatch", ["merge", scenario, "--vary", "seed=1..4"])
    #expect(other.status == 65 && other.errors.contains("is of another sweep"))
    #expect(!folder.contents.contains("two-cores-sweep.db"))
  }

  @Test("A share that another process holds is waited for, as long as is said")
  func held() throws {
    let name = "two-cores-sweep-shares/1-of-2.db.partial-lock"
    let lock = folder.url.appendingPathComponent(name)
    try FileManager.default.createDirectory(
      at: lock.deletingLastPathComponent(), withIntermediateDirectories: true)
    let holder = open(lock.path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    #expect(holder >= 0 && flock(holder, LOCK_EX | LOCK_NB) == 0)
    let hasty = try element(1, of: 1...2, ["SWEEP_WAIT": "0"])
    #expect(hasty.status == 75 && hasty.errors.contains("is being written by another process"))
    #expect(hasty.errors.contains("is still held: end the kvsim that writes it, or wait"))
    let daemons = try LoopbackDaemons(in: folder.url)
    defer { daemons.stop() }
    let patient = try daemons.start(
      "bash",
      [ClusterStudy.script("gnu-parallel.sh"), "share", "1", scenario] + grid,
      environment: ["KVSIM": CommandLineRun.program.path, "SWEEP_SHARES": "2"])
    try daemons.wait(for: "word of the lock") {
      daemons.logs.contains("is being written by another process") || !patient.isRunning
    }
    #expect(patient.isRunning)
    close(holder)
    patient.waitUntilExit()
    #expect(patient.terminationStatus == 0, "\(daemons.logs)")
    #expect(!FileManager.default.fileExists(atPath: lock.path))
  }

  @Test("Points that fail are results: shares with them are whole, and the whole tells of them")
  func failedPoints() throws {
    let arguments = [
      scenario, "--vary", "workload.requests=10", "--vary", "engine.max_num_seqs=0,4",
    ]
    for share in 1...2 {
      let run = try script(
        "gnu-parallel.sh", ["share", "\(share)"] + arguments, ["SWEEP_SHARES": "2"])
      #expect(run.status == 0, "\(run.errors)")
    }
    let merge = try script("slurm-array.sbatch", ["merge"] + arguments)
    #expect(merge.status == 1 && merge.errors.contains("2 points, 1 of them failed"))
  }

  @Test(
    "Shares that no host could run are told, and the same command runs them alone",
    .enabled(
      if: LoopbackDaemons.program("parallel") != nil,
      "no GNU parallel here; `make setup-cluster` installs it"))
  func deadHosts() throws {
    // No host answers.
    let settings = [
      "SWEEP_SHARES": "2", "PARALLEL_HOME": folder.url.appendingPathComponent("home").path,
    ]
    let dead = ["SWEEP_HOSTS": "a,b", "SWEEP_RETRIES": "2", "PARALLEL_SSH": "false"]
    let failed = try script(
      "gnu-parallel.sh", [scenario] + grid, settings.merging(dead) { $1 })
    #expect(failed.status == 1 && failed.errors.contains("shares failed"), "\(failed.errors)")
    #expect(failed.errors.contains("give the same command again"))
    // Local, when one of them is there already.
    _ = try script("gnu-parallel.sh", ["share", "2", scenario] + grid, settings)
    let local = try script("gnu-parallel.sh", [scenario] + grid, settings)
    #expect(local.status == 0 && local.errors.contains("two-cores-sweep.db: 4 points"))
    // Its log is not believed where a share has gone, nor shares that are of another sweep.
    for name in ["two-cores-sweep.db", "two-cores-sweep-shares/1-of-2.db"] {
      try FileManager.default.removeItem(at: folder.url.appendingPathComponent(name))
    }
    let other = try script(
      "gnu-parallel.sh", [scenario] + grid + ["--vary", "engine.max_num_seqs=4"], settings)
    #expect(other.status == 65 && other.errors.contains("is of another sweep"))
    #expect(try script("gnu-parallel.sh", [scenario] + grid, settings).status == 0)
  }

  @Test("What is wrong gets one error that says what to do, before anything is started")
  func refusals() throws {
    for name in ["slurm-array.sbatch", "gnu-parallel.sh"] {
      for (arguments, environment, mention) in [
        ([], [:], "name a scenario"), (["none.yaml"] + grid, [:], "there is no scenario none.yaml"),
        ([scenario, "-o", "x.db"], [:], "-o is not for here: SWEEP_NAME"),
        ([scenario] + grid, ["SWEEP_SHARES": "many"], "SWEEP_SHARES is a whole number"),
        ([scenario] + grid, ["KVSIM": "/none/kvsim"], "set KVSIM to where kvsim is"),
      ] {
        let run = try script(name, arguments, environment)
        #expect(run.status == 64 && run.errors.contains(mention), "\(name): \(run.errors)")
      }
    }
    #expect(folder.contents.isEmpty)
  }

  @Test(
    "They are clean by shellcheck",
    .enabled(
      if: LoopbackDaemons.program("shellcheck") != nil,
      "no shellcheck here; `make setup-cluster` installs it"))
  func shellcheck() throws {
    let scripts = ["slurm-array.sbatch", "gnu-parallel.sh"].map(ClusterStudy.script)
    let run = try CommandLineRun(
      URL(fileURLWithPath: "/usr/bin/env"), ["shellcheck"] + scripts, in: folder.url)
    #expect(run.status == 0, "\(run.output)")
  }
}
