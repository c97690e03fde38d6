import CostModel
import DequeModule

/// When the tokens of a replica's sequences are ready, for runs that want to know.
///
/// A decode step gives a token to every sequence that decodes, so that the ends of steps are kept
/// once for all, and a sequence reads its own when it stops decoding: O(1) a step and O(1) a token.
struct TokenTimes: Sendable {
  /// Drafted tokens that a decode step gave a sequence beside its own.
  private struct Drafted: Sendable {
    let step: Int64
    let tokens: Int
  }

  /// When decode steps ended, the one behind `forgottenSteps` first.
  private var stepEndNs = Deque<Int64>()
  private var forgottenSteps: Int64 = 0
  /// How many are kept before it is asked which are still of use.
  private var mostKept = 1 << 12
  /// By slot; none where nothing is drafted.
  private var drafted: [[Drafted]] = []
  /// What was not passed on yet.
  private(set) var records: [TokenRecord] = []

  /// Whether steps may be kept that nobody asks for any more.
  var isFull: Bool { stepEndNs.count > mostKept }

  /// Decode steps in a row have ended, the last at `now`.
  mutating func stepsEnded(_ steps: Int, startNs: Int64, span: DecodeSpan, now: Int64) {
    var (endNs, stepNs) = (startNs, span.first.totalNs)
    for _ in 1..<steps {
      endNs += stepNs
      stepNs += span.growthNs
      stepEndNs.append(endNs)
    }
    stepEndNs.append(now)
  }

  /// No sequence decodes that joined before so many decode steps were done.
  mutating func forget(before step: Int64) {
    stepEndNs.removeFirst(Int(step - forgottenSteps))
    forgottenSteps = step
    mostKept = max(mostKept, 2 * stepEndNs.count)
  }

  /// A decode step gave the sequence of a slot drafted tokens, too.
  mutating func accepted(_ tokens: Int, of slot: Int, step: Int64) {
    while drafted.count <= slot { drafted.append([]) }
    drafted[slot].append(Drafted(step: step, tokens: tokens))
  }

  /// The end of a prompt gave a sequence a token.
  mutating func produced(by sequence: Sequence, sample: Int, now: Int64) {
    records.append(
      TokenRecord(
        request: sequence.id, sample: Int64(sample), firstToken: Int64(sequence.emitted - 1),
        timesNs: [now]))
  }

  /// A sequence stops decoding behind so many decode steps, as it was while it did.
  mutating func left(_ sequence: Sequence, of slot: Int, step: Int64) {
    guard step > sequence.joinedStep else { return }
    let range = Int(sequence.joinedStep - forgottenSteps)..<Int(step - forgottenSteps)
    var times: [Int64] = []
    times.reserveCapacity(range.count)
    if slot < drafted.count, !drafted[slot].isEmpty {
      var further = drafted[slot][...]
      for index in range {
        times.append(stepEndNs[index])
        guard let next = further.first, next.step == forgottenSteps + Int64(index) + 1 else {
          continue
        }
        times.append(contentsOf: repeatElement(stepEndNs[index], count: next.tokens))
        further.removeFirst()
      }
      precondition(further.isEmpty, "drafts are of steps in which it decoded")
      drafted[slot].clear()
    } else {
      times.append(contentsOf: stepEndNs[range])
    }
    let emitted = sequence.emittedTokens(step: step)
    records.append(
      TokenRecord(
        request: sequence.id, sample: Int64(sequence.sample),
        firstToken: Int64(emitted - times.count), timesNs: times))
  }

  /// All was passed on.
  mutating func clearRecords() { records.clear() }
}

/// A replica that keeps the times of tokens. None of this is called where it does not.
extension Replica {
  /// The decode steps of the batch are done.
  mutating func noteSteps(_ steps: Int, startNs: Int64, span: DecodeSpan, now: Int64) {
    tokenTimes?.stepsEnded(steps, startNs: startNs, span: span, now: now)
    guard tokenTimes?.isFull == true else { return }
    var oldest = decodes.step
    var slot = youngest
    while slot >= 0 {
      if sequences[slot].state == .decoding { oldest = min(oldest, sequences[slot].joinedStep) }
      slot = sequences[slot].older
    }
    tokenTimes?.forget(before: oldest)
  }

  /// The end of its prompt gave a sequence a token, and if it is the first one of each sample.
  mutating func noteToken(of slot: Int, now: Int64) {
    for sample in 0..<sequences[slot].seats {
      tokenTimes?.produced(by: sequences[slot], sample: sequences[slot].sample + sample, now: now)
    }
  }

  /// Those that decode have lost their replica.
  mutating func noteTokensOfAll() {
    for slot in sequences.indices where sequences[slot].state == .decoding {
      tokenTimes?.left(sequences[slot], of: slot, step: decodes.step)
    }
  }

  /// Records the times that were gathered.
  mutating func passOnTokens(to records: inout RecordBuffer) {
    guard let tokens = tokenTimes?.records, !tokens.isEmpty else { return }
    for record in tokens { records.record(record) }
    tokenTimes?.clearRecords()
  }
}
