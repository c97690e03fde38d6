import Foundation

/// Two hosts on loopback that let in a key made for them: `host1` and `host2`, each with an ssh
/// daemon of its own, so that one of them can die.
final class SSHHosts {
  static var isInstalled: Bool {
    ["sshd", "ssh", "ssh-keygen", "parallel"].allSatisfy { LoopbackDaemons.program($0) != nil }
  }

  let daemons: LoopbackDaemons
  /// What GNU parallel needs to speak to them; its own files go to the folder as well.
  let environment: [String: String]

  init(in folder: URL) throws {
    daemons = try LoopbackDaemons(in: folder)
    let folder = daemons.folder.path
    environment = [
      "PARALLEL_SSH": "ssh -F \(folder)/ssh_config", "PARALLEL_HOME": "\(folder)/parallel",
    ]
    // Where the daemon, as root, waits for strangers; a started system has the folder.
    if getuid() == 0 {
      try? FileManager.default.createDirectory(
        atPath: "/run/sshd", withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o755])
    }
    do {
      for key in ["host_key", "user_key"] {
        let run = try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key])
        guard run.status == 0 else { throw LoopbackDaemons.Failure(description: run.errors) }
      }
      var client = ""
      for name in ["host1", "host2"] {
        let port = try LoopbackDaemons.freePort()
        try write("\(name)_config", SSHHosts.settings(folder, port: port))
        try daemons.start("sshd", ["-D", "-e", "-f", "\(folder)/\(name)_config"])
        client += """
          Host \(name)
            HostName 127.0.0.1
            Port \(port)
            IdentityFile \(folder)/user_key
            IdentitiesOnly yes
            BatchMode yes
            StrictHostKeyChecking no
            UserKnownHostsFile \(folder)/known_hosts
            LogLevel ERROR

          """
      }
      try write("ssh_config", client)
      for name in ["host1", "host2"] {
        try daemons.wait(for: "\(name), which lets us in") {
          try run("ssh", ["-F", "ssh_config", name, "true"]).status == 0
        }
      }
    } catch {
      daemons.stop()
      throw error
    }
  }

  private static func settings(_ folder: String, port: Int) -> String {
    """
    ListenAddress 127.0.0.1:\(port)
    HostKey \(folder)/host_key
    AuthorizedKeysFile \(folder)/user_key.pub
    StrictModes no
    UsePAM no
    PasswordAuthentication no
    KbdInteractiveAuthentication no
    PermitRootLogin prohibit-password
    PidFile none

    """
  }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: daemons.folder.appendingPathComponent(name))
  }

  private func run(_ program: String, _ arguments: [String]) throws -> CommandLineRun {
    try CommandLineRun(
      URL(fileURLWithPath: "/usr/bin/env"), [program] + arguments, in: daemons.folder)
  }

  /// What a host runs, its ssh daemon before all.
  func processes(of host: String) -> [LoopbackProcess] {
    let file = "\(daemons.folder.path)/\(host)_config"
    return LoopbackProcess.trees { $0.arguments.contains(file) }
  }

  /// Sends a signal to all that a host runs: `SIGSTOP` makes it hang, `SIGKILL` switches it off.
  func send(_ signal: Int32, to host: String) {
    for process in processes(of: host) { kill(process.id, signal) }
  }

  func stop() { daemons.stop() }
}
