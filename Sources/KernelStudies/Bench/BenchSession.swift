import Kernels
import Operators

/// What a run has measured so far, and how it measures the next group.
struct BenchSession {
  let plan: BenchPlan
  let report: (Int, String) -> Void
  private(set) var samples: [BenchSamples] = []
  private(set) var skipped: [SkippedGroup] = []
  /// What the device died of; nothing is asked of it after that.
  private(set) var failure: DeviceError?
  private var done = 0
  /// Operations of the least group of a kind whose calls took too long.
  private var tooMany: [BenchGroup.Kind: Int] = [:]

  /// A call that is shorter is repeated within its turn, up to fifteen times.
  private static let turnNs = 4e6

  init(plan: BenchPlan, report: @escaping (Int, String) -> Void) {
    self.plan = plan
    self.report = report
  }

  func announce(_ label: String) { report(done, label) }

  mutating func complete() { done += 1 }

  mutating func measure(_ group: BenchGroup, on device: any BenchDevice) throws(DeviceError) {
    announce(group.label)
    defer { complete() }
    if let reason = objection(to: group, on: device) {
      skipped.append(SkippedGroup(label: group.label, reason: reason))
      return
    }
    do throws(DeviceError) {
      if let callsNs = try trial(group, device) {
        samples.append(try rounds(group, device, callsNs: callsNs))
      } else {
        tooMany[group.kind] = group.cases[0].operations
      }
    } catch {
      switch error {
      case let beyond where beyond.exceedsDevice: break
      case .failed(let failed) where failed.kind == .lost || failed.kind == .timedOut:
        failure = error
      default: throw error
      }
      skipped.append(SkippedGroup(label: group.label, reason: "\(error)"))
    }
  }

  /// Why a group is not even tried, in a few words.
  private func objection(to group: BenchGroup, on device: any BenchDevice) -> String? {
    if failure != nil { return "the device had stopped answering" }
    let largest = group.cases.map(\.ratedBytes).max()!
    guard largest <= device.facts.memoryBytes else {
      return "\(largest) bytes do not fit in memory"
    }
    if let least = tooMany[group.kind], group.cases[0].operations >= least {
      return "smaller shapes take too long already"
    }
    return nil
  }

  /// One call of each case, in nanoseconds, which does not count; nil, and a note, where rounds
  /// of such calls would take far longer than a group may.
  private mutating func trial(
    _ group: BenchGroup, _ device: any BenchDevice
  ) throws(DeviceError) -> [Double]? {
    var callsNs: [Double] = []
    for shape in group.cases {
      let ns = try device.time(shape, blockSize: plan.blockSize, repeats: 1).min() ?? 1
      callsNs.append(Double(max(1, ns)))
      guard callsNs.last! <= 4e9 * plan.groupSeconds else {
        let seconds = Int((callsNs.last! * 1e-9).rounded())
        skipped.append(
          SkippedGroup(label: group.label, reason: "a call takes some \(seconds) s"))
        return nil
      }
    }
    return callsNs
  }

  /// Every round takes the read, on a CPU the peak, and each case in turn; `callsNs` tells how
  /// often a short call has to be repeated in its turn.
  private func rounds(
    _ group: BenchGroup, _ device: any BenchDevice, callsNs: [Double]
  ) throws(DeviceError) -> BenchSamples {
    let calls = callsNs.map { min(15, max(1, Int(BenchSession.turnNs / $0))) }
    let cpu = device as? any CPUBenchDevice
    var reads: [Double] = []
    var peaks: [Double] = []
    var timesNs = [[Double]](repeating: [], count: group.cases.count)
    var caseReads = [[Double]](repeating: [], count: group.cases.count)
    let clock = ContinuousClock()
    let start = clock.now
    while reads.count < plan.repeats {
      let elapsed = (clock.now - start) / .seconds(1)
      let predicted = elapsed / Double(max(1, reads.count)) * Double(reads.count + 1)
      if reads.count >= 3, predicted > plan.groupSeconds { break }
      reads.append(try device.measureReadBandwidth(repeats: 1))
      if let cpu { peaks.append(try cpu.measureFMAPeak(repeats: 1)) }
      for (index, shape) in group.cases.enumerated() {
        if let read = try readAlone(shape, of: group.kind, device, calls: calls[index]) {
          caseReads[index].append(read)
        }
        try cpu?.clearCache()
        let times = try device.time(shape, blockSize: plan.blockSize, repeats: calls[index])
        timesNs[index].append(SampleSpread(times.map { Double(max(1, $0)) }).median)
      }
    }
    return BenchSamples(
      group: group, timesNs: timesNs, reads: reads, peaks: peaks,
      caseReads: caseReads.allSatisfy(\.isEmpty) ? [] : caseReads)
  }

  /// Bytes per second of a plain read that is as the case's own; nil where that says no more than
  /// the read of the round.
  private func readAlone(
    _ shape: OperatorShape, of kind: BenchGroup.Kind, _ device: any BenchDevice, calls: Int
  ) throws(DeviceError) -> Double? {
    switch kind {
    case .decode, .decodeOneThread:
      guard let cpu = device as? any CPUBenchDevice, let format = shape.format else { return nil }
      return try cpu.measurePageRead(
        heads: plan.heads, format: format, blockSize: plan.blockSize, repeats: 1)
    case .linear:
      guard let gpu = device as? any GPUBenchDevice else { return nil }
      return try gpu.measureRead(ofBytes: shape.ratedBytes, repeats: calls)
    case .prefill, .append, .gather: return nil
    }
  }
}
