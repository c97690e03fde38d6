import CAttention
import Glibc
import Synchronization

/// Threads that stay, and take items of one job at a time by an atomic counter.
///
/// Between jobs a thread spins for some microseconds before it sleeps, since the two halves of an
/// attention call follow each other faster than a sleeping thread wakes.
package final class WorkerPool {
  /// Threads that work on a job, the caller's included.
  package let workerCount: Int
  private let job: Job
  private var threads: [pthread_t] = []

  /// - Parameter workerCount: by default the number of online cores.
  package init(workerCount: Int = WorkerPool.onlineCores) {
    self.workerCount = max(1, workerCount)
    job = Job()
    for worker in 1..<max(2, self.workerCount) where worker < self.workerCount {
      var thread = pthread_t()
      let start = Unmanaged.passRetained(Start(job: job, worker: worker))
      let failure = pthread_create(
        &thread, nil,
        { context in
          let start = Unmanaged<Start>.fromOpaque(context!).takeRetainedValue()
          start.job.serve(worker: start.worker)
          return nil
        }, start.toOpaque())
      precondition(failure == 0, "the system starts a thread")
      threads.append(thread)
    }
  }

  deinit {
    job.stop()
    for thread in threads { pthread_join(thread, nil) }
  }

  /// Cores that the system runs threads on.
  package static var onlineCores: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }

  /// Calls `body(item, worker)` once for each item in `0 ..< count` and returns when all are done.
  /// Items run in no particular order; `worker` tells which thread's scratch to use.
  package func run(_ count: Int, _ body: (_ item: Int, _ worker: Int) -> Void) {
    guard workerCount > 1 && count > 1 else {
      for item in 0..<max(0, count) { body(item, 0) }
      return
    }
    withoutActuallyEscaping(body) { job.run(count, helpers: workerCount - 1, $0) }
  }

  private final class Start: Sendable {
    let job: Job
    let worker: Int

    init(job: Job, worker: Int) {
      self.job = job
      self.worker = worker
    }
  }
}

/// One job at a time, and what its threads wait on. Plain fields are written by the caller before
/// `generation` rises and read by threads after they saw it rise.
private final class Job: @unchecked Sendable {
  private let generation = Atomic<Int>(0)
  private let nextItem = Atomic<Int>(0)
  private let busyHelpers = Atomic<Int>(0)
  private let sleepers = Atomic<Int>(0)
  private var count = 0
  private var body: ((Int, Int) -> Void)?
  private var stopped = false
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let wake: UnsafeMutablePointer<pthread_cond_t>

  /// Rounds of `pause` before a thread sleeps: some 50 microseconds.
  private static let spins = 4000

  init() {
    lock = .allocate(capacity: 1)
    wake = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(wake, nil)
  }

  deinit {
    pthread_cond_destroy(wake)
    pthread_mutex_destroy(lock)
    wake.deallocate()
    lock.deallocate()
  }

  func run(_ count: Int, helpers: Int, _ body: @escaping (Int, Int) -> Void) {
    self.count = count
    self.body = body
    nextItem.store(0, ordering: .relaxed)
    busyHelpers.store(helpers, ordering: .relaxed)
    publish()
    takeItems(body, worker: 0)
    var spins = 0
    while busyHelpers.load(ordering: .acquiring) > 0 {
      spins += 1
      // A helper may have lost its core to another process: let it have this one.
      if spins % Job.spins == 0 { sched_yield() } else { kv_pause() }
    }
    self.body = nil
  }

  func stop() {
    stopped = true
    publish()
  }

  func serve(worker: Int) {
    var seen = 0
    while true {
      awaitRise(above: seen)
      seen += 1
      if stopped { return }
      if let body { takeItems(body, worker: worker) }
      busyHelpers.subtract(1, ordering: .acquiringAndReleasing)
    }
  }

  private func takeItems(_ body: (Int, Int) -> Void, worker: Int) {
    while true {
      let item = nextItem.add(1, ordering: .relaxed).oldValue
      if item >= count { return }
      body(item, worker)
    }
  }

  /// Either this sees the sleeper, or the sleeper sees the new generation: both orders are
  /// sequentially consistent.
  private func publish() {
    generation.add(1, ordering: .sequentiallyConsistent)
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    pthread_mutex_lock(lock)
    pthread_cond_broadcast(wake)
    pthread_mutex_unlock(lock)
  }

  private func awaitRise(above seen: Int) {
    for _ in 0..<Job.spins {
      if generation.load(ordering: .acquiring) > seen { return }
      kv_pause()
    }
    pthread_mutex_lock(lock)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) <= seen {
      pthread_cond_wait(wake, lock)
    }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    pthread_mutex_unlock(lock)
  }
}
