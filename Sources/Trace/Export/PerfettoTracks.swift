import Simulator

/// The processes and tracks of a Perfetto export, which are numbered and named when the first event
/// stands on them, and the events themselves.
///
/// Processes and tracks share one count: some readers take a track with its process's number for
/// that process's main thread.
struct PerfettoTracks {
  /// Where an event stands.
  struct Track {
    let process: Int64
    let thread: Int64
  }

  /// A replica, or what no replica took.
  private struct Process {
    let number: Int64
    var lanes: [Lane] = []
    var lanesInUse = SlotAssignment()
    var slots: [Int64] = []
    var slotsInUse = SlotAssignment()
    /// The tracks of what takes no time, by name.
    var instants: [String: Int64] = [:]
  }

  /// Steps one after the other, with what the counters last said of them.
  private struct Lane {
    let thread: Int64
    var endNs: Int64 = -1
    var batch: Int64 = -1
    var waiting: Int64 = -1
  }

  private var run: ExportedRun?
  private var processes: [Int64: Process] = [:]
  private var lastNumber: Int64 = 0
  private var lastRequest: Int64 = 0
  private var isFirst = true

  /// From now on replicas are those of this run.
  mutating func begin(_ run: ExportedRun) {
    self.run = run
    processes.removeAll(keepingCapacity: true)
  }

  // MARK: Tracks

  /// The lane of a step and its place among the replica's.
  /// - Precondition: no step that was given before starts later.
  mutating func lane(
    of replica: Int64, from startNs: Int64, until endNs: Int64, to text: inout ExportText
  ) -> (Track, lane: Int) {
    let number = process(of: replica, to: &text)
    let lane = processes[replica]!.lanesInUse.slot(from: startNs, until: endNs)
    if lane == processes[replica]!.lanes.count {
      let name = lane == 0 ? "steps" : "steps, lane \(lane)"
      let thread = newThread(name, of: number, order: lane, to: &text)
      processes[replica]!.lanes.append(Lane(thread: thread))
    }
    return (Track(process: number, thread: processes[replica]!.lanes[lane].thread), lane)
  }

  /// A slot that is free meanwhile.
  /// - Precondition: no request that was given before starts later.
  mutating func slot(
    of replica: Int64, from startNs: Int64, until endNs: Int64, to text: inout ExportText
  ) -> Track {
    let number = process(of: replica, to: &text)
    let slot = processes[replica]!.slotsInUse.slot(from: startNs, until: endNs)
    if slot == processes[replica]!.slots.count {
      let thread = newThread("slot \(slot)", of: number, order: 1_000 + slot, to: &text)
      processes[replica]!.slots.append(thread)
    }
    return Track(process: number, thread: processes[replica]!.slots[slot])
  }

  private mutating func process(of replica: Int64, to text: inout ExportText) -> Int64 {
    if let process = processes[replica] { return process.number }
    lastNumber += 1
    processes[replica] = Process(number: lastNumber)
    name("process_name", of: Track(process: lastNumber, thread: 0), to: &text)
    text.append("\"name\":")
    text.append(quoted: processName(replica))
    text.append("}}")
    name("process_sort_index", of: Track(process: lastNumber, thread: 0), to: &text)
    text.append("\"sort_index\":")
    text.append(lastNumber)
    text.append("}}")
    return lastNumber
  }

  private func processName(_ replica: Int64) -> String {
    guard let run else { preconditionFailure("a replica is one of a run") }
    let beginning = "run \(run.id), \(run.format): "
    guard replica >= 0 else { return beginning + "no replica" }
    guard let group = run.group(of: replica) else { return beginning + "replica \(replica)" }
    let role = group.role == "both" ? [] : [group.role]
    let format = group.format == run.format ? [] : [group.format]
    let rest = role + format
    return beginning + "replica \(replica) of \(group.name)"
      + (rest.isEmpty ? "" : " (\(rest.joined(separator: ", ")))")
  }

  private mutating func newThread(
    _ name: String, of process: Int64, order: Int, to text: inout ExportText
  ) -> Int64 {
    lastNumber += 1
    let track = Track(process: process, thread: lastNumber)
    self.name("thread_name", of: track, to: &text)
    text.append("\"name\":")
    text.append(quoted: name)
    text.append("}}")
    self.name("thread_sort_index", of: track, to: &text)
    text.append("\"sort_index\":")
    text.append(Int64(order))
    text.append("}}")
    return lastNumber
  }

  private mutating func name(_ what: String, of track: Track, to text: inout ExportText) {
    open("M", what, on: track, to: &text)
    text.append(",\"args\":{")
  }

  // MARK: Events

  /// A slice; the caller writes its arguments and the brace that closes it.
  mutating func slice(
    _ name: String, on track: Track, from startNs: Int64, until endNs: Int64,
    to text: inout ExportText
  ) {
    open("X", name, on: track, at: startNs, to: &text)
    text.append(",\"dur\":")
    text.append(microsecondsOf: endNs - startNs)
  }

  /// An event of no length, of a request that a replica or none has rejected; the caller writes its
  /// arguments and the brace that closes it.
  mutating func instant(
    _ name: String, on trackName: String, of replica: Int64, at ns: Int64,
    to text: inout ExportText
  ) {
    let number = process(of: replica, to: &text)
    if processes[replica]!.instants[trackName] == nil {
      processes[replica]!.instants[trackName] = newThread(
        trackName, of: number, order: 999, to: &text)
    }
    let track = Track(process: number, thread: processes[replica]!.instants[trackName]!)
    open("i", name, on: track, at: ns, to: &text)
    text.append(",\"s\":\"t\"")
  }

  /// A stretch of a request's life, on a track of its own: beside others, not above them.
  typealias Stretch = (name: String, startNs: Int64, endNs: Int64)

  /// A track of a request on a replica, and what stands on it: each stretch within the one before.
  mutating func request(
    _ request: Int64, on replica: Int64, _ stretches: [Stretch], to text: inout ExportText
  ) {
    let track = Track(process: process(of: replica, to: &text), thread: 0)
    lastRequest += 1
    for (place, stretch) in stretches.enumerated() {
      event("b", stretch.name, at: stretch.startNs, on: track, to: &text)
      if place == 0 {
        text.append(",\"args\":{\"request\":")
        text.append(request)
        text.append("}")
      }
      text.append("}")
    }
    for stretch in stretches.reversed() {
      event("e", stretch.name, at: stretch.endNs, on: track, to: &text)
      text.append("}")
    }
  }

  /// A beginning or an end on the track of the last request, but for its closing brace.
  private mutating func event(
    _ phase: String, _ name: String, at ns: Int64, on track: Track, to text: inout ExportText
  ) {
    open(phase, name, on: track, at: ns, to: &text)
    text.append(",\"cat\":\"request\",\"id\":\"0x")
    text.append(hexadecimalOf: UInt64(lastRequest))
    text.append("\"")
  }

  /// What the counters say of a row of steps: the batch and who waits at its start, the pool at its
  /// end. Between steps the batch is empty.
  mutating func count(_ step: StepRecord, lane place: Int, to text: inout ExportText) {
    let number = processes[step.replica]!.number
    var lane = processes[step.replica]!.lanes[place]
    let suffix = place == 0 ? "" : ", lane \(place)"
    if lane.endNs >= 0, lane.endNs < step.startNs, lane.batch != 0 {
      counter("batch" + suffix, "sequences", 0, of: number, at: lane.endNs, to: &text)
      lane.batch = 0
    }
    let batch = step.decodeSequences + step.prefillSequences
    if lane.batch != batch {
      counter("batch" + suffix, "sequences", batch, of: number, at: step.startNs, to: &text)
      lane.batch = batch
    }
    if lane.waiting != step.waitingRequests {
      counter(
        "queue" + suffix, "requests", step.waitingRequests, of: number, at: step.startNs,
        to: &text)
      lane.waiting = step.waitingRequests
    }
    counter("KV blocks", "used", step.usedBlocks, of: number, at: step.endNs, to: &text)
    lane.endNs = step.endNs
    processes[step.replica]!.lanes[place] = lane
  }

  /// Behind the last step of the run no batch is left.
  mutating func endSteps(to text: inout ExportText) {
    for (_, process) in processes.sorted(by: { $0.key < $1.key }) {
      for (place, lane) in process.lanes.enumerated() where lane.batch != 0 {
        let name = place == 0 ? "batch" : "batch, lane \(place)"
        counter(name, "sequences", 0, of: process.number, at: lane.endNs, to: &text)
      }
    }
  }

  private mutating func counter(
    _ name: String, _ series: String, _ value: Int64, of process: Int64, at ns: Int64,
    to text: inout ExportText
  ) {
    open("C", name, on: Track(process: process, thread: 0), at: ns, to: &text)
    text.append(",\"args\":{\"")
    text.append(series)
    text.append("\":")
    text.append(value)
    text.append("}}")
  }

  /// Begins an event, but for its closing brace.
  private mutating func open(
    _ phase: String, _ name: String, on track: Track, at ns: Int64? = nil,
    to text: inout ExportText
  ) {
    text.append(isFirst ? "\n{\"ph\":\"" : ",\n{\"ph\":\"")
    isFirst = false
    text.append(phase)
    text.append("\",\"name\":")
    text.append(quoted: name)
    text.append(",\"pid\":")
    text.append(track.process)
    if track.thread > 0 {
      text.append(",\"tid\":")
      text.append(track.thread)
    }
    guard let ns else { return }
    text.append(",\"ts\":")
    text.append(microsecondsOf: ns)
  }
}
