import Dispatch
import Synchronization
import Trace

/// Runs the points of a sweep that its database has not got yet, on several threads.
public struct SweepRun {
  /// How far a sweep has come.
  public struct Progress: Sendable {
    /// Points that are there, those of earlier runs included.
    public var done: Int
    /// Of these, points that failed.
    public var failed: Int
    /// Points of the share.
    public let total: Int
    /// Points that this run has added.
    public var added = 0
  }

  /// What the threads share.
  private struct Shared {
    var store: SweepStore
    var todo: ArraySlice<Int>
    var progress: Progress
    var failure: TraceError?
  }

  private let plan: SweepPlan
  private let options: PlayOptions

  /// - Parameter options: how each point is played.
  public init(_ plan: SweepPlan, options: PlayOptions = .fast) {
    self.plan = plan
    self.options = options
  }

  /// Runs all that is to be run and gives the database its name.
  ///
  /// - Parameters:
  ///   - store: the database.
  ///   - threads: points that are run at a time.
  ///   - startedUTC: the wall clock, for the database.
  ///   - report: called behind every point, on any thread, one call at a time.
  /// - Throws: what writing the database throws; all points before that are in it.
  public func run(
    into store: sending SweepStore, threads: Int, startedUTC: @escaping @Sendable () -> String,
    report: @escaping @Sendable (Progress) -> Void
  ) throws(TraceError) -> Progress {
    let points = plan.points
    let todo = points.filter { store.points[$0] == nil }
    let progress = Progress(
      done: points.count - todo.count, failed: store.points.values.count { $0 },
      total: points.count)
    report(progress)
    let shared = Mutex(Shared(store: store, todo: todo[...], progress: progress))
    let (plan, options) = (plan, options)
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, todo.count))) { _ in
      while let point = shared.withLock({ $0.failure == nil ? $0.todo.popFirst() : nil }) {
        let started = startedUTC()
        let outcome = plan.run(point: point, options: options)
        shared.withLock { shared in
          do throws(TraceError) {
            guard shared.failure == nil else { return }
            try shared.store.add(point: point, outcome, startedUTC: started)
          } catch {
            shared.failure = error
            return
          }
          shared.progress.done += 1
          shared.progress.added += 1
          if case .failed = outcome { shared.progress.failed += 1 }
          report(shared.progress)
        }
      }
    }
    return try shared.withLock { (shared) throws(TraceError) -> Progress in
      if let failure = shared.failure { throw failure }
      try shared.store.finish()
      return shared.progress
    }
  }
}
