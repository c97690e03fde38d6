import CSQLite
import Foundation
import Simulator
import Synchronization
import Testing

@testable import Trace

/// Makes the n-th call that SQLite makes to the operating system fail, on one thread only, so that
/// tests beside this one notice nothing. SQLite's unix layer lets its calls be replaced.
private enum Faults {
  /// The calls that can be made to fail.
  enum Call: Int, CaseIterable {
    case open, read, write, truncate
  }

  private static let armedThread = Atomic<UInt>(0)
  private static let armedCall = Atomic<Int>(-1)
  private static let remaining = Atomic<Int>(0)
  private static let isLasting = Atomic<Bool>(false)
  private static let code = Atomic<Int32>(0)
  /// How many calls have failed since the last `arm`.
  static let failed = Atomic<Int>(0)

  /// From now on, on this thread, the `n`-th call of a kind fails with `errno`: that one, or it
  /// and all after it.
  static func arm(_ call: Call, at n: Int, lasting: Bool, errno: Int32) {
    _ = installed
    armedCall.store(call.rawValue, ordering: .relaxed)
    remaining.store(n, ordering: .relaxed)
    isLasting.store(lasting, ordering: .relaxed)
    code.store(errno, ordering: .relaxed)
    failed.store(0, ordering: .relaxed)
    armedThread.store(UInt(pthread_self()), ordering: .sequentiallyConsistent)
  }

  static func disarm() {
    armedThread.store(0, ordering: .sequentiallyConsistent)
  }

  private static func fails(_ call: Call) -> Bool {
    guard armedThread.load(ordering: .sequentiallyConsistent) == UInt(pthread_self()),
      armedCall.load(ordering: .relaxed) == call.rawValue
    else { return false }
    let left = remaining.subtract(1, ordering: .relaxed).newValue
    guard left == 0 || left < 0 && isLasting.load(ordering: .relaxed) else { return false }
    failed.add(1, ordering: .relaxed)
    errno = code.load(ordering: .relaxed)
    return true
  }

  // SQLite calls these through the names of its table; libc does the work.
  private typealias Open = @convention(c) (UnsafePointer<CChar>, Int32, Int32) -> Int32
  private typealias Positioned =
    @convention(c) (Int32, UnsafeMutableRawPointer, Int, Int) -> Int
  private typealias Plain = @convention(c) (Int32, UnsafeMutableRawPointer, Int) -> Int
  private typealias Truncate = @convention(c) (Int32, Int) -> Int32

  private static let installed: Void = {
    let open: Open = { Faults.fails(.open) ? -1 : Foundation.open($0, $1, mode_t($2)) }
    let pread: Positioned = { Faults.fails(.read) ? -1 : Foundation.pread($0, $1, $2, $3) }
    let read: Plain = { Faults.fails(.read) ? -1 : Foundation.read($0, $1, $2) }
    let pwrite: Positioned = { Faults.fails(.write) ? -1 : Foundation.pwrite($0, $1, $2, $3) }
    let write: Plain = { Faults.fails(.write) ? -1 : Foundation.write($0, $1, $2) }
    let truncate: Truncate = { Faults.fails(.truncate) ? -1 : Foundation.ftruncate($0, $1) }
    replace("open", open)
    replace("pread", pread)
    replace("pread64", pread)
    replace("read", read)
    replace("pwrite", pwrite)
    replace("pwrite64", pwrite)
    replace("write", write)
    replace("ftruncate", truncate)
  }()

  private static func replace<Function>(_ name: String, _ function: Function) {
    let system = sqlite3_vfs_find(nil)!
    let pointer = unsafeBitCast(function, to: sqlite3_syscall_ptr.self)
    let code = system.pointee.xSetSystemCall(system, name, pointer)
    precondition(code == SQLITE_OK, "SQLite has no system call \(name)")
  }
}

/// Every call that SQLite makes while a trace is written fails in turn, once and for good.
@Suite(.serialized) struct TraceFaultTests {
  let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  /// Writes three runs over an old file with the n-th call failing.
  /// - Returns: whether the fault was reached.
  private func attempt(
    _ call: Faults.Call, at n: Int, lasting: Bool, errno: Int32
  ) throws -> Bool {
    try folder.write(Data("old".utf8))
    let path = folder.path()
    let records = sampleRecords(2_000, seed: 1)
    Faults.arm(call, at: n, lasting: lasting, errno: errno)
    let error = traceError {
      try writeTrace(path, records: records, formats: ["a", "b", "c"], overwrite: true)
    }
    Faults.disarm()
    #expect(try folder.names() == ["trace.db"], "\(call) \(n)")
    if let error {
      #expect(try folder.bytes() == Data("old".utf8), "\(call) \(n)")
      if errno == ENOSPC { #expect(error == .diskFull(path: path), "\(call) \(n)") }
    } else {
      // SQLite got over it, or it never came: then the trace is right.
      let reader = try TraceReader(path: path)
      try reader.checkIntegrity()
      for run in 1...3 { #expect(try reader.verifyDigest(run: Int64(run)), "\(call) \(n)") }
    }
    return Faults.failed.load(ordering: .relaxed) > 0
  }

  @Test("After any failing call there is the old file or the whole new one, and nothing else")
  func everyPoint() throws {
    for call in Faults.Call.allCases {
      for lasting in [false, true] {
        var n = 1
        while try attempt(call, at: n, lasting: lasting, errno: EIO) { n += 1 }
        #expect(n > (call == .write ? 20 : 1), "no fault was reached by \(call)")
      }
    }
  }

  @Test("A disk that fills up at any write is called full, and the old file stays")
  func fullAtEveryWrite() throws {
    var n = 1
    while try attempt(.write, at: n, lasting: true, errno: ENOSPC) { n += 1 }
    #expect(n > 20, "the writes were not reached")
  }

  @Test("Any call that fails while a trace is read is a clean error, or does not matter")
  func reading() throws {
    let path = folder.path()
    try writeTrace(path, records: sampleRecords(2_000, seed: 1))
    for call in [Faults.Call.open, .read] {
      for lasting in [false, true] {
        var n = 1
        repeat {
          Faults.arm(call, at: n, lasting: lasting, errno: EIO)
          defer { Faults.disarm() }
          var isSound = false
          let error = traceError { isSound = try TraceReader(path: path).verifyDigest(run: 1) }
          #expect(error != nil || isSound, "\(call) \(n)")
          n += 1
        } while Faults.failed.load(ordering: .relaxed) > 0
        #expect(n > (call == .read ? 10 : 2), "no fault was reached by \(call)")
      }
    }
    #expect(try folder.names() == ["trace.db"])
  }
}
