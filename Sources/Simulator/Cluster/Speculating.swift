/// Decodes with drafted tokens: a step gives each sequence as many as are accepted and one more, so
/// that what is in the batch is looked at sequence by sequence. O(running) a step.
///
/// Sums stay those of a step that gives all sequences one token; what comes beyond it is added to
/// each.
extension Replica {
  /// The decoding sequences, the youngest first.
  private func forEachDecoding(_ body: (_ slot: Int) -> Void) {
    var slot = youngest
    while slot >= 0 {
      if sequences[slot].state == .decoding { body(slot) }
      slot = sequences[slot].older
    }
  }

  /// Tokens that a decoding sequence needs room for in the next step: what is cached, and as many
  /// as are verified, whichever are accepted.
  private func lookahead(of slot: Int) -> Int {
    sequences[slot].cachedTokens(step: decodes.step) + options.tokensPerDecode
  }

  /// Blocks that the next step needs beyond those that its sequences have.
  var lookaheadBlocks: Int {
    var blocks = 0
    forEachDecoding { slot in
      let owned = pool.blocks(forTokens: sequences[slot].ownedTokens(step: decodes.step))
      blocks += pool.blocks(forTokens: lookahead(of: slot)) - owned
    }
    return blocks
  }

  /// Takes them.
  /// - Precondition: they are free.
  mutating func reserveLookahead() {
    let isAllocated = pool.allocate(lookaheadBlocks)
    precondition(isAllocated)
    var slot = youngest
    while slot >= 0 {
      if sequences[slot].state == .decoding { sequences[slot].reservedTokens = lookahead(of: slot) }
      slot = sequences[slot].older
    }
  }

  /// Tokens in the cache of the decoding sequence that has most of them; 0 where none decodes.
  var longestUnevenContext: Int {
    var longest = 0
    forEachDecoding { longest = max(longest, sequences[$0].cachedTokens(step: decodes.step)) }
    return longest
  }

  /// Gives each decoding sequence the drafted tokens that were accepted in the step just completed,
  /// as far as its output goes; how many were accepted. Sequences that have all then leave as
  /// others do.
  /// - Precondition: nothing has joined the decodes since the step was planned.
  mutating func acceptDrafts(_ speculation: SpeculativeDecoding, _ draws: RandomStream) -> Int {
    var sum = 0
    var slot = youngest
    while slot >= 0 {
      let sequence = sequences[slot]
      if sequence.state == .decoding {
        // The step's own token stands behind those drafted, but they are alike: it counts as first.
        let emitted = sequence.emittedTokens(step: decodes.step)
        let accepted = speculation.accepted(ofRequest: sequence.id, from: emitted - 1, draws)
        let tokens = min(accepted, sequence.outputTokens - emitted)
        if tokens > 0 { grow(slot, by: tokens) }
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

  private mutating func grow(_ slot: Int, by tokens: Int) {
    decodes.grow(cached: sequences[slot].cachedTokens(step: decodes.step), by: tokens)
    sequences[slot].prefillTarget += tokens
    sequences[slot].emitted += tokens
    sequences[slot].finishStep -= Int64(tokens)
  }
}
