extension Replica {
  /// Recounts from the sequences themselves what the replica keeps as sums, and stops at the first
  /// difference. O(sequences); for tests.
  func checkInvariants() {
    let step = decodes.step
    var owned = 0
    var held: [Int: Int] = [:]
    var contextTokens = 0
    var outputTokens = 0
    var outputsToCome = 0
    var longest = 0
    var waitingTokens = 0
    var hostBlocks = 0
    var phases = Array(repeating: 0, count: decodes.phases.count)
    var counts: [Sequence.State: Int] = [:]
    for sequence in sequences {
      counts[sequence.state, default: 0] += 1
      owned += pool.blocks(forTokens: sequence.ownedTokens(step: step))
      if let prefixes, sequence.heldUnits > 0 {
        owned -= sequence.heldUnits * prefixes.unitBlocks
        for unit in prefixes.names(sequence.heldUnits, ofPrompt: sequence.promptRow) {
          held[unit, default: 0] += 1
        }
      }
      if sequence.state == .waiting { waitingTokens += sequence.prefillTarget }
      if sequence.state == .swapped {
        hostBlocks += hostPool.blocks(forTokens: sequence.prefilled)
      }
      guard sequence.state == .decoding else { continue }
      let cached = sequence.cachedTokens(step: step)
      contextTokens += cached
      longest = max(longest, cached)
      outputTokens += sequence.outputTokens
      outputsToCome += sequence.outputsToCome(step: step)
      phases[decodes.phase(cached: cached)] += 1
      precondition(sequence.finishStep > step, "a finished sequence has left")
      let emitted = sequence.emittedTokens(step: step)
      precondition(emitted < sequence.outputTokens, "no token beyond those asked for")
      precondition(cached == sequence.promptTokens + emitted - 1, "all but the last are cached")
    }
    if let prefixes {
      precondition(held == prefixes.heldUnits(), "each shared unit is held by who owns it")
      precondition(held.keys.allSatisfy { pool.blocks(of: .prefix($0)) == 0 }, "and is not free")
      owned += held.count * prefixes.unitBlocks
      precondition(prefixes.repeatedUnits == held.values.reduce(0) { $0 + $1 - 1 })
    }
    // Between a plan and its end the blocks of the planned steps are owned ahead of their tokens.
    precondition(owned <= pool.used && pool.free >= 0 && pool.used <= pool.capacity)
    precondition(pool.queuedBlocks == pool.free, "each free block stands in the queue once")
    if runningCount == 0, !handovers.ownBlocks {
      precondition(pool.used == 0, "an empty replica owns no block")
    }
    precondition(hostPool.used == hostBlocks, "the host keeps the blocks of swapped requests alone")
    precondition(decodes.contextTokens == contextTokens && decodes.phases == phases)
    var copy = self
    precondition(copy.longestContext() == longest)
    precondition(decodes.outputTokens == outputTokens && decodes.outputsToCome == outputsToCome)
    precondition(decodes.count == counts[.decoding, default: 0])
    precondition(prefilling.count == counts[.prefilling, default: 0])
    precondition(waiting.count == counts[.waiting, default: 0])
    precondition(self.waitingTokens == waitingTokens)
    precondition(swapped.count == counts[.swapped, default: 0])
    precondition(runningCount == decodes.count + prefilling.count)
    precondition(takenSeats <= options.maxNumSeqs, "max_num_seqs holds")
    checkHandovers(counts)
    let batched = batch.decodeTokens + batch.chunks.reduce(0) { $0 + $1.tokens }
    precondition(batched <= options.maxNumBatchedTokens, "max_num_batched_tokens holds")
    precondition(waiting.slots.allSatisfy { sequences[$0].state == .waiting })
    precondition(prefilling.allSatisfy { sequences[$0].state == .prefilling })
    precondition(swapped.allSatisfy { sequences[$0].state == .swapped })
    checkSessions()
  }

  private func checkSessions() {
    var places: Set<Int> = []
    for turn in sequences where turn.sessionPlace >= 0 && turn.state != .vacant {
      precondition(places.insert(turn.sessionPlace).inserted, "one turn at a time")
      let isToBegin = turn.state == .waiting && turn.isKeptBySession
      let kept = pool.blocks(of: .session(turn.sessionPlace))
      precondition(isToBegin || kept == 0, "a turn that has begun has what its session left")
    }
  }

  private func checkHandovers(_ counts: [Sequence.State: Int]) {
    func tokens(_ state: Sequence.State) -> Int {
      sequences.reduce(0) { $1.state == state ? $0 + $1.prefillTarget : $0 }
    }
    precondition(handovers.parked == counts[.parked, default: 0])
    precondition(handovers.parkedTokens == tokens(.parked))
    precondition(handovers.inbound.count == counts[.inbound, default: 0])
    precondition(handovers.inboundTokens == tokens(.inbound))
    precondition(handovers.incoming == counts[.incoming, default: 0])
    precondition(handovers.incomingTokens == tokens(.incoming))
    precondition(handovers.landed.allSatisfy { sequences[$0].state == .incoming })
  }
}
