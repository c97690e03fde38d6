/// The steps of a run, gone through once: what ran and waited over time, where the time went, and
/// how long steps take by the number of sequences in them.
struct StepScan {
  private let sliceNs: Double
  /// Blocks of all replicas.
  private let blocks: Double
  /// Devices by replica.
  private var devices: [Double] = []
  /// Until when the blocks of each replica are accounted for: steps of a pipeline's lanes overlap,
  /// and each says what all lanes have.
  private var accountedNs: [Int64]
  /// The time of all replicas in which at least one step is under way.
  private var coveredNs = 0.0
  private(set) var slices: [TimeSlice]
  private(set) var times = StepTimes()
  private var buckets: [ConcurrencyBucket] = []

  /// Replicas of one run that are looked at; scenarios have fewer.
  private static let mostReplicas: Int64 = 1 << 20

  /// Nil where no run has such replicas.
  fileprivate init?(_ run: StoredRun, untilNs lastNs: Int64) {
    sliceNs = Double(lastNs) / Double(TraceOverview.slices)
    var blocks = 0.0
    for group in run.description.groups {
      let left = StepScan.mostReplicas - Int64(devices.count)
      guard group.replicas >= 0, group.replicas <= left, group.devices > 0, group.poolBlocks >= 0,
        group.firstReplica == Int64(devices.count)
      else { return nil }
      blocks += Double(group.replicas) * Double(group.poolBlocks)
      devices += Array(repeating: Double(group.devices), count: Int(group.replicas))
    }
    self.blocks = blocks
    accountedNs = Array(repeating: 0, count: devices.count)
    let sliceNs = sliceNs
    slices = (0..<(lastNs > 0 ? TraceOverview.slices : 0)).map {
      TimeSlice(startNs: Double($0) * sliceNs, endNs: Double($0 + 1) * sliceNs)
    }
  }

  /// Takes a row; false where no step can have made it.
  fileprivate mutating func add(_ row: Statement) -> Bool {
    let (startNs, endNs) = (row.integer(0), row.integer(1))
    let (steps, decodes, prefills) = (row.integer(2), row.integer(3), row.integer(4))
    let (waiting, preempted, blocks) = (row.integer(5), row.integer(6), row.integer(7))
    guard startNs >= 0, endNs >= startNs, steps > 0, decodes >= 0, prefills >= 0, waiting >= 0,
      preempted >= 0, blocks >= 0, let replica = Int(exactly: row.integer(8)),
      devices.indices.contains(replica)
    else { return false }
    let ns = Double(endNs) - Double(startNs)
    addTimes(of: row, steps: Double(steps), ns: ns)
    if decodes > 0, ns > 0 {
      let bucket = ConcurrencyBucket.place(of: decodes)
      while buckets.count <= bucket { buckets.append(ConcurrencyBucket()) }
      buckets[bucket].add(
        decodes: Double(decodes), steps: Double(steps), ns: ns, devices: devices[replica],
        hasPrompts: prefills > 0)
    }
    let newNs = max(startNs, min(endNs, accountedNs[replica]))
    accountedNs[replica] = max(endNs, accountedNs[replica])
    coveredNs += Double(endNs) - Double(newNs)
    guard sliceNs > 0 else { return true }
    let running = Double(decodes) + Double(prefills)
    spread(from: startNs, to: endNs) { slice, overlapNs in
      slice.running += running * overlapNs
      slice.waiting += Double(waiting) * overlapNs
      slice.mostWaiting = max(slice.mostWaiting, waiting)
    }
    spread(from: newNs, to: endNs) { slice, overlapNs in
      slice.usedShare += Double(blocks) * overlapNs
    }
    slices[place(of: startNs)].preemptions &+= preempted
    return true
  }

  private mutating func addTimes(of row: Statement, steps: Double, ns: Double) {
    times.steps += steps
    times.busyNs += ns
    var rest = ns
    for part in StepTimes.Part.allCases where part != .stageWait {
      let own = Double(row.integer(9 + Int32(part.rawValue)))
      times[part] += own
      rest -= own
    }
    times[.stageWait] += max(0, rest)
  }

  private func place(of ns: Int64) -> Int {
    Int(min(Double(slices.count - 1), Double(ns) / sliceNs))
  }

  /// Gives each slice how long of the time from `start` to `end` lies in it.
  private mutating func spread(
    from start: Int64, to end: Int64, _ add: (inout TimeSlice, Double) -> Void
  ) {
    guard start < end else { return }
    for index in place(of: start)...place(of: end) {
      let slice = slices[index]
      let overlapNs = min(Double(end), slice.endNs) - max(Double(start), slice.startNs)
      if overlapNs > 0 { add(&slices[index], overlapNs) }
    }
  }

  /// Sums over time become means.
  fileprivate mutating func finish() {
    for index in slices.indices {
      slices[index].running /= sliceNs
      slices[index].waiting /= sliceNs
      slices[index].usedShare = blocks > 0 ? slices[index].usedShare / (sliceNs * blocks) : 0
    }
  }

  /// What the steps were by the number of sequences that decode in them.
  var concurrency: [ConcurrencyPoint] {
    let sums = buckets.map { pointsHavePrompts ? $0.withPrompts : $0.alone }
    return sums.compactMap { $0.point(lanes: lanes) }
  }

  /// Whether there is no step that decodes and does nothing else.
  var pointsHavePrompts: Bool {
    buckets.allSatisfy { $0.alone.steps == 0 } && buckets.contains { $0.withPrompts.steps > 0 }
  }

  /// Steps of a replica that are under way at once.
  var lanes: Double { coveredNs > 0 ? max(1, times.busyNs / coveredNs) : 1 }
}

/// Steps in which about as many sequences decode: each number below 16 apart, from there an eighth
/// of a doubling together.
private struct ConcurrencyBucket {
  /// Sums over steps.
  struct Sums {
    var steps = 0.0
    var sequenceSteps = 0.0
    var ns = 0.0
    var deviceNs = 0.0

    func point(lanes: Double) -> ConcurrencyPoint? {
      guard steps > 0 else { return nil }
      return ConcurrencyPoint(
        sequences: sequenceSteps / steps, steps: steps, stepNs: ns / steps,
        tokensPerSecond: lanes * 1e9 * sequenceSteps / ns,
        tokensPerDeviceSecond: lanes * 1e9 * sequenceSteps / deviceNs)
    }
  }

  /// Steps that do nothing but decode, and those that compute prompts besides.
  private(set) var (alone, withPrompts) = (Sums(), Sums())

  static func place(of sequences: Int64) -> Int {
    let doublings = max(0, 60 - sequences.leadingZeroBitCount)
    return doublings << 3 + Int(sequences >> doublings)
  }

  mutating func add(
    decodes: Double, steps: Double, ns: Double, devices: Double, hasPrompts: Bool
  ) {
    var sums = hasPrompts ? withPrompts : alone
    sums.steps += steps
    sums.sequenceSteps += decodes * steps
    sums.ns += ns
    sums.deviceNs += devices * ns
    if hasPrompts { withPrompts = sums } else { alone = sums }
  }
}

extension OverviewRows {
  /// Goes through the steps of a run, whose last event was at `lastNs`.
  func steps(of run: StoredRun, untilNs lastNs: Int64) throws(TraceError) -> StepScan {
    guard var scan = StepScan(run, untilNs: lastNs) else {
      throw damaged("the replicas of run \(run.id) are not numbered")
    }
    let row = try prepare(
      """
      SELECT start_ns, end_ns, steps, decode_sequences, prefill_sequences, waiting_requests,
        preempted_requests, used_blocks, replica, linear_ns, append_ns, decode_attention_ns,
        prefill_attention_ns, elementwise_ns, collective_ns, host_ns, swap_ns
      FROM step WHERE seq BETWEEN ?1 AND ?2 AND run_id = ?3
      """, of: run)
    while try row.step() {
      guard scan.add(row) else { throw damaged("a step of run \(run.id) is none") }
    }
    scan.finish()
    return scan
  }
}
