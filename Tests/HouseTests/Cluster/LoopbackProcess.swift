import Foundation

/// A process of this machine, as `/proc` tells of it.
struct LoopbackProcess {
  let id: Int32
  let parent: Int32
  let arguments: [String]
  let environment: [String]
  let folder: String

  private init?(id: Int32) {
    guard let status = LoopbackProcess.contents(of: id, "status"),
      let line = status.split(separator: "\n").first(where: { $0.hasPrefix("PPid:") }),
      let parent = Int32(line.dropFirst(5).trimmingCharacters(in: .whitespaces))
    else { return nil }
    func list(_ name: String) -> [String] {
      (LoopbackProcess.contents(of: id, name) ?? "").split(separator: "\0").map(String.init)
    }
    self.id = id
    self.parent = parent
    arguments = list("cmdline")
    environment = list("environ")
    folder =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(id)/cwd")) ?? ""
  }

  private static func contents(of id: Int32, _ name: String) -> String? {
    FileManager.default.contents(atPath: "/proc/\(id)/\(name)").map {
      String(decoding: $0, as: UTF8.self)
    }
  }

  static var all: [LoopbackProcess] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.compactMap { LoopbackProcess(id: $0) }
  }

  /// Processes for which `isRoot` holds, and all that these started.
  static func trees(_ isRoot: (LoopbackProcess) -> Bool) -> [LoopbackProcess] {
    let all = LoopbackProcess.all
    var found = Set(all.filter(isRoot).map(\.id))
    var count = 0
    while found.count > count {
      count = found.count
      found.formUnion(all.filter { found.contains($0.parent) }.map(\.id))
    }
    return all.filter { found.contains($0.id) }
  }
}

/// Daemons that live in a scratch folder. None outlives the test: `stop` ends all that works in the
/// folder, a watcher does so where the test's own process was ended, and each has a time limit.
final class LoopbackDaemons {
  /// What did not come in time, with the logs.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let folder: URL
  private var processes: [Process] = []
  /// Open as long as this process lives.
  private let sign = Pipe()

  /// How long anything may take. Idle machines need a tenth of it.
  static let patience = Duration.seconds(240)

  init(in folder: URL) throws {
    // As processes see it, however it is reached.
    self.folder = folder.resolvingSymlinksInPath()
    let watcher = Process()
    watcher.executableURL = URL(fileURLWithPath: "/bin/bash")
    watcher.arguments = ["-c", LoopbackDaemons.watch, self.folder.path]
    watcher.standardInput = sign
    try watcher.run()
    try sign.fileHandleForReading.close()
  }

  /// Waits for the end of its input; then ends what works in a folder, or was given a file of it.
  private static let watch = """
    trap '' INT TERM HUP
    read -r _
    for round in 1 2 3; do
      for process in /proc/[0-9]*; do
        [[ $process != "/proc/$$" ]] || continue
        if [[ $(readlink "$process/cwd") == "$0"* ]] || grep -qsF "$0" "$process/cmdline"; then
          kill -KILL "${process#/proc/}"
        fi
      done
      sleep 0.2
    done
    """

  /// Where a program stands; daemons are not on everybody's path.
  static func program(_ name: String) -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
      .map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// A port of loopback that nobody listens on.
  static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(descriptor, address, size) == 0 ? getsockname(descriptor, address, &size) : -1
      }
    }
    guard code == 0 else { throw Failure(description: "no port is free") }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// Starts a program that stays in the foreground, with its output in a log.
  @discardableResult
  func start(
    _ name: String, _ arguments: [String], environment: [String: String] = [:],
    in working: URL? = nil
  ) throws -> Process {
    guard let program = LoopbackDaemons.program(name) else {
      throw Failure(description: "\(name) is missing; `make setup-cluster` installs it")
    }
    let log = folder.appendingPathComponent("\(name)-\(processes.count).log")
    _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments =
      ["--signal=KILL", "\(2 * LoopbackDaemons.patience.components.seconds)", program] + arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = working ?? folder
    process.standardOutput = try FileHandle(forWritingTo: log)
    process.standardError = try FileHandle(forWritingTo: log)
    try process.run()
    processes.append(process)
    return process
  }

  /// - Throws: where one has ended, with the logs.
  func checkAllRun() throws {
    guard processes.allSatisfy(\.isRunning) else {
      throw Failure(description: "a daemon has ended.\n\(logs)")
    }
  }

  /// Waits for something.
  func wait(for what: String, until isThere: () throws -> Bool) throws {
    let end = ContinuousClock.now + LoopbackDaemons.patience
    while try !isThere() {
      guard ContinuousClock.now < end else {
        throw Failure(description: "\(what) did not come.\n\(logs)")
      }
      usleep(50_000)
    }
  }

  /// The ends of all logs, for people.
  var logs: String {
    let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
    let all = (files?.allObjects as? [URL] ?? []).filter {
      $0.pathExtension == "log" || $0.lastPathComponent.hasPrefix("log-")
    }
    return all.map { file in
      "\(file.lastPathComponent):\n"
        + String(decoding: FileManager.default.contents(atPath: file.path) ?? Data(), as: UTF8.self)
        .suffix(1_500)
    }
    .joined(separator: "\n")
  }

  /// Whether a process belongs to the folder.
  func contains(_ process: LoopbackProcess) -> Bool {
    process.folder == folder.path || process.folder.hasPrefix(folder.path + "/")
      || process.environment.contains { $0.contains(folder.path) }
      || process.arguments.contains { $0.contains(folder.path) }
  }

  /// Ends all that was started here, and what that started.
  func stop() {
    for _ in 0..<100 {
      let left = LoopbackProcess.trees(contains)
      if left.isEmpty { break }
      for process in left { kill(process.id, SIGKILL) }
      usleep(20_000)
    }
    for process in processes { process.waitUntilExit() }
    processes = []
  }
}
