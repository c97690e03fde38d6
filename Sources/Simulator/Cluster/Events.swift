/// What happens to requests of a replica and is to be recorded, gathered until it is asked for:
/// whoever plans a step has no records at hand.
extension Replica {
  /// A request loses its blocks, so many tokens in the cache with them.
  mutating func noteLoss(
    _ kind: EventRecord.Kind, of slot: Int, for urgent: Int?, tokens: Int, blocks: Int
  ) {
    sequences[slot].interruptedNs = planNs
    note(
      kind, of: slot, now: planNs, cause: urgent == nil ? .decodes : .urgency,
      yieldedTo: urgent.map { sequences[$0].id } ?? -1, tokens: tokens, blocks: blocks)
  }

  /// A request that had lost its blocks has blocks again.
  mutating func noteReturn(_ kind: EventRecord.Kind, of slot: Int, tokens: Int, blocks: Int) {
    note(
      kind, of: slot, now: planNs, sinceNs: sequences[slot].interruptedNs, tokens: tokens,
      blocks: blocks)
    sequences[slot].interruptedNs = planNs
  }

  /// A request has computed again what it had lost.
  mutating func noteRecomputed(_ slot: Int, now: Int64) {
    note(
      .recomputed, of: slot, now: now, sinceNs: sequences[slot].interruptedNs,
      tokens: sequences[slot].prefillTarget, blocks: 0)
  }

  private mutating func note(
    _ kind: EventRecord.Kind, of slot: Int, now: Int64, sinceNs: Int64? = nil,
    cause: EventRecord.Cause = .none, yieldedTo: Int64 = -1, tokens: Int, blocks: Int
  ) {
    // Which replica this is its server knows.
    events.append(
      EventRecord(
        kind: kind, timeNs: now, startNs: sinceNs, replica: -1, request: sequences[slot].id,
        sample: Int64(sequences[slot].sample), cause: cause, yieldedTo: yieldedTo,
        tokens: Int64(tokens), blocks: Int64(blocks)))
  }
}
