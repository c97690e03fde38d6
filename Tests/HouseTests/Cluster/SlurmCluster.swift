import Foundation

/// Slurm with one controller and two nodes of one processor each, on loopback, in a scratch folder:
/// as on a real cluster but for times, which are short, and cgroups, which containers may lack.
final class SlurmCluster {
  static let programs = ["munged", "slurmctld", "slurmd", "sbatch"]

  /// Whether it is installed and can run: where a machine has no address but 127.0.0.1, Slurm finds
  /// none, since it asks for addresses of the kinds that interfaces have.
  static var isThere: Bool {
    var hints = addrinfo()
    hints.ai_family = AF_INET
    hints.ai_flags = AI_ADDRCONFIG
    var answer: UnsafeMutablePointer<addrinfo>?
    defer { if let answer { freeaddrinfo(answer) } }
    return programs.allSatisfy { LoopbackDaemons.program($0) != nil }
      && getaddrinfo("127.0.0.1", nil, &hints, &answer) == 0
  }

  let daemons: LoopbackDaemons
  /// What commands need to speak to it.
  let environment: [String: String]

  init(in folder: URL) throws {
    daemons = try LoopbackDaemons(in: folder)
    let folder = daemons.folder.path
    environment = ["SLURM_CONF": "\(folder)/slurm.conf"]
    do {
      for name in ["state", "node1", "node2"] {
        try FileManager.default.createDirectory(
          atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
      }
      try Data(
        SlurmCluster.settings(
          folder,
          ports: (0..<3).map { _ in
            try LoopbackDaemons.freePort()
          }
        ).utf8
      ).write(to: URL(fileURLWithPath: "\(folder)/slurm.conf"))
      var generator = SystemRandomNumberGenerator()
      let key = Data((0..<128).map { _ in UInt8.random(in: 0...255, using: &generator) })
      guard
        FileManager.default.createFile(
          atPath: "\(folder)/munge.key", contents: key, attributes: [.posixPermissions: 0o600])
      else { throw LoopbackDaemons.Failure(description: "munge's key could not be written") }
      let files = ["socket", "key-file", "pid-file", "log-file", "seed-file"].map {
        "--\($0)=\(folder)/munge.\($0 == "key-file" ? "key" : $0)"
      }
      try daemons.start("munged", ["--foreground", "--force"] + files)
      try daemons.wait(for: "munge's socket") {
        FileManager.default.fileExists(atPath: "\(folder)/munge.socket")
      }
      try daemons.start("slurmctld", ["-D", "-i"], environment: environment)
      for node in ["node1", "node2"] {
        try daemons.start("slurmd", ["-D", "-N", node], environment: environment)
      }
      try daemons.wait(for: "an idle cluster") {
        try daemons.checkAllRun()
        return try run("sinfo", ["-h", "-N", "-t", "idle"]).output.split(separator: "\n").count == 2
      }
    } catch {
      daemons.stop()
      throw error
    }
  }

  /// A node that is silent for some seconds is given up, and its jobs may start again after five,
  /// which is the least that Slurm takes. Jobs are queued again where they ask for it alone.
  private static func settings(_ folder: String, ports: [Int]) -> String {
    let user = NSUserName()
    return """
      ClusterName=kvsim
      SlurmctldHost=localhost(127.0.0.1)
      SlurmctldPort=\(ports[0])
      SlurmUser=\(user)
      SlurmdUser=\(user)
      AuthType=auth/munge
      CredType=cred/munge
      AuthInfo=socket=\(folder)/munge.socket,cred_expire=5
      StateSaveLocation=\(folder)/state
      SlurmdSpoolDir=\(folder)/%n
      SlurmctldPidFile=\(folder)/slurmctld.pid
      SlurmdPidFile=\(folder)/%n.pid
      ProctrackType=proctrack/linuxproc
      TaskPlugin=task/none
      SwitchType=switch/none
      MpiDefault=none
      SelectType=select/cons_tres
      SelectTypeParameters=CR_CPU
      JobAcctGatherType=jobacct_gather/none
      AccountingStorageType=accounting_storage/none
      SlurmdParameters=config_overrides
      JobRequeue=0
      ReturnToService=2
      SlurmdTimeout=5
      MessageTimeout=3
      TCPTimeout=1
      InactiveLimit=0
      KillWait=1
      MinJobAge=600
      SchedulerParameters=sched_interval=1,batch_sched_delay=0,sched_min_interval=100000
      NodeName=node1 NodeHostname=localhost NodeAddr=127.0.0.1 Port=\(ports[1]) CPUs=1
      NodeName=node2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=\(ports[2]) CPUs=1
      PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP

      """
  }

  /// Runs one of Slurm's commands.
  func run(_ program: String, _ arguments: [String]) throws -> CommandLineRun {
    try CommandLineRun(
      URL(fileURLWithPath: "/usr/bin/env"), [program] + arguments, in: daemons.folder,
      environment: environment)
  }

  /// Switches off the node that runs an element of an array: its daemon, and all of its jobs.
  /// - Returns: the node's name.
  func killNode(ofElement element: Int) throws -> String {
    let ours = LoopbackProcess.all.filter(daemons.contains)
    let name = "SLURMD_NODENAME="
    guard
      let job = ours.first(where: {
        $0.environment.contains("SLURM_ARRAY_TASK_ID=\(element)")
          && $0.environment.contains { $0.hasPrefix(name) }
      }),
      let node = job.environment.first(where: { $0.hasPrefix(name) })?.dropFirst(name.count)
    else {
      throw LoopbackDaemons.Failure(description: "no node runs element \(element)\n\(daemons.logs)")
    }
    let jobs = ours.filter { $0.environment.contains("\(name)\(node)") }
    // The daemon and those who watch over jobs first: nobody is left to tell of the jobs' end.
    let watchers = ours.filter { process in
      process.arguments.suffix(2) == ["-N", String(node)]
        || process.arguments.first?.hasPrefix("slurmstepd") == true
          && jobs.contains { $0.parent == process.id }
    }
    for process in watchers + jobs { kill(process.id, SIGKILL) }
    return String(node)
  }

  func stop() { daemons.stop() }
}
