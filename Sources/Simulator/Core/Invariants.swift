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
    for (slot, sequence) in sequences.enumerated() {
      counts[sequence.state, default: 0] += 1
      owned += pool.blocks(forTokens: sequence.ownedTokens(step: step))
      if let prefixes, sequence.heldUnits > 0 {
        owned -= sequence.heldUnits * prefixes.unitBlocks
        for unit in prefixes.names(sequence.heldUnits, ofPrompt: sequence.promptRow) {
          held[unit, default: 0] += 1
        }
      }
      if sequence.isRunning { owned -= commonBlocks(of: slot) }
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
    owned += checkSamples()
    // Between a plan and its end the blocks of the planned step are owned ahead of their tokens.
    let planned = options.speculation == nil ? decodes.nextBlocks : lookahead.blocks
    precondition(pool.used == owned || pool.used == owned + planned, "no block is lost")
    precondition(pool.free >= 0 && pool.used <= pool.capacity)
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
    precondition(self.waitingTokens == waitingTokens)
    precondition(runningCount == decodes.count + prefilling.count)
    precondition(takenSeats <= options.maxNumSeqs, "max_num_seqs holds")
    checkHandovers(counts)
    let batched = batch.decodeTokens + batch.chunks.reduce(0) { $0 + $1.tokens }
    precondition(batched <= options.maxNumBatchedTokens, "max_num_batched_tokens holds")
    checkQueues(counts)
    checkSessions()
  }

  private func checkQueues(_ counts: [Sequence.State: Int]) {
    precondition(prefilling.count == counts[.prefilling, default: 0])
    precondition(waiting.count == counts[.waiting, default: 0])
    precondition(swapped.count == counts[.swapped, default: 0])
    precondition(waiting.slots.allSatisfy { sequences[$0].state == .waiting })
    precondition(prefilling.allSatisfy { sequences[$0].state == .prefilling })
    precondition(swapped.allSatisfy { sequences[$0].state == .swapped })
  }

  /// Blocks that siblings hold together, each once.
  private func checkSamples() -> Int {
    var siblingsByPlace: [Int: [Int]] = [:]
    for (slot, sequence) in sequences.enumerated()
    where sequence.state != .vacant && sequence.group >= 0 {
      siblingsByPlace[sequence.group, default: []].append(slot)
    }
    var blocks = 0
    var (copies, repeated, promised) = (0, 0, 0)
    for (place, siblings) in siblingsByPlace {
      let running = siblings.filter { sequences[$0].isRunning }
      let group = samples[place]
      precondition(group.unfinished == siblings.reduce(0) { $0 + sequences[$1].seats })
      precondition(Set(siblings.map { sequences[$0].sample }).count == siblings.count)
      let holders = running.filter { sequences[$0].sharedBlocks > 0 }
      precondition(group.holders == holders.count, "each block that siblings share is held by them")
      precondition(holders.allSatisfy { sequences[$0].sharedBlocks == group.wholeBlocks })
      precondition(holders.isEmpty || pool.blocks(of: .samples(place)) == 0, "and is not free")
      let tailHolders = running.count { holdsTail($0) }
      precondition(group.tailHolders == tailHolders, "and so is the partly filled one")
      if !holders.isEmpty { blocks += group.wholeBlocks }
      if tailHolders > 0 { blocks += 1 }
      copies += max(0, tailHolders - 1)
      repeated += max(0, holders.count - 1) * group.wholeBlocks * pool.blockSize
      repeated += max(0, tailHolders - 1) * group.tailTokens
      promised += running.reduce(0) { $0 + sequences[$1].seats - 1 }
    }
    precondition(samples.pendingCopies == copies && samples.repeatedTokens == repeated)
    precondition(promisedSeats == promised)
    return blocks
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
