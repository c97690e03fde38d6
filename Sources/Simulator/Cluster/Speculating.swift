/// Decodes with drafted tokens: a step gives each sequence as many as are accepted and one more, so
/// that what is in the batch is looked at sequence by sequence, once when the step is planned and
/// once when it is done. O(running) a step.
///
/// Sums stay those of a step that gives all sequences one token; what comes beyond it is added to
/// each.
extension Replica {
  /// What the decoding sequences come to in the next step.
  struct Lookahead {
    /// Blocks that it needs beyond those that they have.
    var blocks = 0
    /// Tokens in the cache of the one that has most of them; 0 where none decodes.
    var longestContext = 0
  }

  /// O(running).
  @inline(__always)
  var lookahead: Lookahead {
    var ahead = Lookahead()
    var slot = youngest
    while slot >= 0 {
      if sequences[slot].state == .decoding {
        ahead.blocks += decodeBlocks(of: slot)
        ahead.longestContext = max(
          ahead.longestContext, sequences[slot].cachedTokens(step: decodes.step))
      }
      slot = sequences[slot].older
    }
    return ahead
  }

  /// Blocks that the next step of a decoding sequence needs beyond those that it has. It has room
  /// for as many tokens as are verified, whichever are accepted.
  @inline(__always)
  func decodeBlocks(of slot: Int) -> Int {
    let cached = sequences[slot].cachedTokens(step: decodes.step)
    return pool.blocks(forTokens: cached + options.tokensPerDecode)
      - pool.blocks(forTokens: sequences[slot].ownedTokens(step: decodes.step))
  }

  /// ``batchDecodes(preemptingTo:)`` with drafted tokens.
  mutating func batchDrafts(preemptingTo end: WaitingQueue.End) {
    var ahead = lookahead
    while ahead.blocks > pool.free {
      preempt(firstToYield, to: end)
      ahead = lookahead
    }
    let isAllocated = pool.allocate(ahead.blocks)
    precondition(isAllocated)
    countDecodes(longest: ahead.longestContext + options.tokensPerDecode)
  }

  /// Gives each decoding sequence the drafted tokens that were accepted in the step just completed,
  /// as far as its output goes, and the blocks that the step took for it; how many tokens were
  /// accepted. Sequences that have all then leave as others do.
  /// - Precondition: nothing has joined the decodes since the step was planned.
  mutating func acceptDrafts(_ speculation: SpeculativeDecoding, _ draws: RandomStream) -> Int {
    var sum = 0
    var slot = youngest
    while slot >= 0 {
      let sequence = sequences[slot]
      if sequence.state == .decoding {
        // The step's own token stands behind those drafted, but they are alike: it counts as first.
        let emitted = sequence.emittedTokens(step: decodes.step)
        let cached = sequence.cachedTokens(step: decodes.step)
        sequences[slot].reservedTokens = cached + speculation.draftTokens
        let accepted = speculation.accepted(ofRequest: sequence.id, from: emitted - 1, draws)
        let tokens = min(accepted, sequence.outputTokens - emitted)
        if tokens > 0 {
          grow(slot, from: cached, by: tokens)
          if tokenTimes != nil { tokenTimes!.accepted(tokens, of: slot, step: decodes.step) }
        }
        sum += accepted
        if sequences[slot].finishStep <= decodes.step {
          finishes.push(
            Event(time: decodes.step, order: sequence.ticket, payload: UInt64(slot)))
        }
      }
      slot = sequence.older
    }
    return sum
  }

  private mutating func grow(_ slot: Int, from cached: Int, by tokens: Int) {
    decodes.grow(cached: cached, by: tokens)
    sequences[slot].prefillTarget += tokens
    sequences[slot].emitted += tokens
    sequences[slot].finishStep -= Int64(tokens)
  }
}
