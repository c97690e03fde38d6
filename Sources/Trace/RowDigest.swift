import Simulator

/// A 64-bit digest of a run's records in the order in which they were recorded.
///
/// Equal records give equal digests on every machine. The state starts at `0xcbf29ce484222325`;
/// every word `w` turns a state `h` into `x ^ (x >> 32)` with
/// `x = (h ^ w) · 0x9e3779b97f4a7c15 mod 2^64`. For a fixed `h` that is a bijection of `w`, and for
/// a fixed `w` one of `h`: records that differ in a single word always differ in their digest. The
/// shift brings high bits down, where the multiplication alone would only carry them up and out.
///
/// A request is the tag 1, then its fields as declared up to `replica`, the outcome as 0 (finished)
/// or 1 (rejected). One of several samples, or whose last sample's tokens are not all of its
/// tokens, is the tag 3, then all its fields. A run of steps is the tag 2, then its fields as
/// declared, the costs in the place of `cost`. An event is the tag 4, then its fields as declared,
/// kind and cause as the numbers of their cases, from 0. Integers enter as two's complement, a
/// missing time as -1. It finds differences between runs and accidents to files; it is no defence
/// against somebody who forges a file.
public struct RowDigest: Hashable, Sendable, Recorder {
  private var state: UInt64 = 0xcbf2_9ce4_8422_2325

  /// The digest of no record.
  public init() {}

  /// The digest that is stored so; nil where that is none.
  init?(hex: String) {
    guard hex.utf8.count == 16, let state = UInt64(hex, radix: 16), hex.first != "+" else {
      return nil
    }
    self.state = state
  }

  /// The digest so far.
  public var value: UInt64 { state }

  /// The digest as the trace stores it: 16 lower-case hexadecimal digits.
  public var hex: String {
    let digits = String(state, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// Takes one word in.
  @inline(__always)
  mutating func mix(_ word: Int64) {
    let product = (state ^ UInt64(bitPattern: word)) &* 0x9e37_79b9_7f4a_7c15
    state = product ^ (product &>> 32)
  }

  /// Takes a request in.
  public mutating func record(_ request: RequestRecord) throws(Never) {
    // What one sample says twice does not enter, so that its digest is that of earlier versions.
    let isOneSample = request.samples == 1 && request.lastSampleTokens == request.outputTokens
    mix(isOneSample ? 1 : 3)
    mix(request.id)
    mix(request.arrivalNs)
    mix(request.scheduledNs)
    mix(request.firstTokenNs)
    mix(request.finishNs)
    mix(request.promptTokens)
    mix(request.cachedTokens)
    mix(request.outputTokens)
    mix(request.preemptions)
    mix(Int64(request.outcome.rawValue))
    mix(request.requestClass)
    mix(request.priority)
    mix(request.replica)
    guard !isOneSample else { return }
    mix(request.samples)
    mix(request.lastSampleTokens)
  }

  /// Takes a run of steps in.
  public mutating func record(_ run: StepRecord) throws(Never) {
    mix(2)
    mix(run.startNs)
    mix(run.endNs)
    mix(run.steps)
    mix(run.decodeSequences)
    mix(run.contextTokens)
    mix(run.prefillSequences)
    mix(run.prefillTokens)
    mix(run.waitingRequests)
    mix(run.preemptedRequests)
    mix(run.usedBlocks)
    mix(run.emptySlots)
    mix(run.cost.linearNs)
    mix(run.cost.appendNs)
    mix(run.cost.decodeAttentionNs)
    mix(run.cost.prefillAttentionNs)
    mix(run.cost.elementwiseNs)
    mix(run.cost.collectiveNs)
    mix(run.cost.hostNs)
    mix(run.cost.swapNs)
    mix(run.cost.extrapolatedNs)
    mix(run.cost.derivedNs)
    mix(run.replica)
  }

  /// Takes an event in.
  public mutating func record(_ event: EventRecord) throws(Never) {
    mix(4)
    mix(Int64(event.kind.rawValue))
    mix(event.timeNs)
    mix(event.startNs)
    mix(event.replica)
    mix(event.toReplica)
    mix(event.request)
    mix(event.sample)
    mix(Int64(event.cause.rawValue))
    mix(event.yieldedTo)
    mix(event.tokens)
    mix(event.blocks)
  }
}
