import Simulator

/// What ran, what waited and how full the pools were over the time of a run: means over slices of
/// equal length, all replicas together, in memory that does not grow with the run.
///
/// There are 512 slices, of 1 ms at first, and whenever the run outlasts them two become one. What
/// counts, and for how long, is what counts in the slices of a trace's overview: a row of steps
/// with the sequences in its batch, with what waited when it began, and with the blocks owned at
/// its end, for as long as it lasted; between steps nothing counts, and blocks of a pipeline, whose
/// steps overlap, are counted once.
public struct RunTimeline: Sendable {
  /// Means over some time.
  public struct Slice: Hashable, Sendable {
    /// Sequences in the batch.
    public var running = 0.0
    /// Requests that wait.
    public var waiting = 0.0
    /// The share of the pools' blocks that sequences own.
    public var usedShare = 0.0

    fileprivate mutating func add(_ other: Slice, times factor: Double) {
      running += other.running * factor
      waiting += other.waiting * factor
      usedShare += other.usedShare * factor
    }
  }

  static let slices = 1 << 9

  /// When the last row of steps ended, in nanoseconds since the start of the run.
  public private(set) var endNs: Int64 = 0
  /// The length of a slice is 2 to this power, in nanoseconds.
  private var shift: Int64 = 20
  /// Each figure times the nanoseconds for which it held; of blocks, their number.
  private var sums = Array(repeating: Slice(), count: RunTimeline.slices)
  /// Blocks of all replicas.
  private let blocks: Double
  /// Until when the blocks of each replica are accounted for.
  private var accountedNs: [Int64]

  /// An empty one.
  /// - Parameters:
  ///   - blocks: of the pools of all replicas.
  ///   - replicas: how many there are.
  init(blocks: Int, replicas: Int) {
    self.blocks = Double(blocks)
    accountedNs = Array(repeating: 0, count: replicas)
  }

  /// Takes a row of steps. O(1) in the mean, as all rows of a replica together last as long as the
  /// run.
  mutating func add(_ row: StepRecord) {
    let (startNs, endNs) = (row.startNs, row.endNs)
    while endNs > Int64(RunTimeline.slices) << shift { halve() }
    self.endNs = max(self.endNs, endNs)
    let replica = Int(row.replica)
    let newNs = max(startNs, min(endNs, accountedNs[replica]))
    accountedNs[replica] = max(endNs, accountedNs[replica])
    let running = Double(row.decodeSequences + row.prefillSequences)
    let (waiting, used) = (Double(row.waitingRequests), Double(row.usedBlocks))
    var fromNs = startNs
    while fromNs < endNs {
      let slice = Int(fromNs >> shift)
      let toNs = min(endNs, Int64(slice + 1) << shift)
      let ns = Double(toNs - fromNs)
      sums[slice].running += running * ns
      sums[slice].waiting += waiting * ns
      if toNs > newNs { sums[slice].usedShare += used * Double(toNs - max(fromNs, newNs)) }
      fromNs = toNs
    }
  }

  private mutating func halve() {
    for slice in 0..<RunTimeline.slices / 2 {
      sums[slice] = sums[2 * slice]
      sums[slice].add(sums[2 * slice + 1], times: 1)
    }
    for slice in RunTimeline.slices / 2..<RunTimeline.slices { sums[slice] = Slice() }
    shift += 1
  }

  /// Means over the time to the end; zero of a run without steps.
  public var mean: Slice {
    var sum = Slice()
    for slice in sums { sum.add(slice, times: 1) }
    return mean(sum, overNs: Double(endNs))
  }

  /// Means over columns of this length, from the start of the run to its end, which can be within
  /// the last one. Where a slice lies in two columns, it counts as even.
  public func means(columnNs: Double) -> [Slice] {
    precondition(columnNs > 0)
    let (end, sliceNs) = (Double(endNs), Double(Int64(1) << shift))
    // A length that was divided may lack a bit, for which there is no column more.
    let count = Int((end / columnNs - 1e-9).rounded(.up))
    return (0..<max(0, count)).map { column in
      let startNs = Double(column) * columnNs
      let untilNs = min(end, startNs + columnNs)
      var sum = Slice()
      let first = Int(startNs / sliceNs)
      let last = min(RunTimeline.slices - 1, Int(untilNs / sliceNs))
      for slice in first...max(first, last) where slice < RunTimeline.slices {
        // The last slice may be filled up to the end of the run alone.
        let (fromNs, toNs) = (Double(slice) * sliceNs, min(end, Double(slice + 1) * sliceNs))
        let shared = min(untilNs, toNs) - max(startNs, fromNs)
        if shared > 0 { sum.add(sums[slice], times: shared / (toNs - fromNs)) }
      }
      return mean(sum, overNs: untilNs - startNs)
    }
  }

  private func mean(_ sum: Slice, overNs ns: Double) -> Slice {
    guard ns > 0 else { return Slice() }
    return Slice(
      running: sum.running / ns, waiting: sum.waiting / ns,
      usedShare: blocks > 0 ? sum.usedShare / ns / blocks : 0)
  }
}

/// Passes records on and keeps what went on over time, if there is a timeline for it.
struct TimelineRecorder<Base: Recorder>: Recorder {
  static var takesTime: Bool { Base.takesTime }

  var base: Base
  private(set) var timeline: RunTimeline?

  init(base: Base, timeline: RunTimeline?) {
    self.base = base
    self.timeline = timeline
  }

  mutating func record(_ request: RequestRecord) throws(Base.Failure) {
    try base.record(request)
  }

  mutating func record(_ run: StepRecord) throws(Base.Failure) {
    timeline?.add(run)
    try base.record(run)
  }

  mutating func record(_ event: EventRecord) throws(Base.Failure) {
    try base.record(event)
  }

  mutating func record(_ tokens: TokenRecord) throws(Base.Failure) {
    try base.record(tokens)
  }
}
