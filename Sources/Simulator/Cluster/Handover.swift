import DequeModule

/// Where a computed prompt waits to be copied.
struct ParkingPlace: Hashable, Sendable {
  /// The replica, and the request's slot there.
  let server: Int
  let slot: Int
}

/// What a replica has of requests that one replica computes and another decodes.
struct Handovers: Sendable {
  /// A request that waits for blocks here.
  struct Inbound: Sendable {
    /// Its slot here.
    let slot: Int
    let from: ParkingPlace
  }

  /// Sequences that were computed here and own blocks until they are copied.
  var parked = 0
  /// Their tokens.
  var parkedTokens = 0
  /// Slots that were parked with the latest step.
  var parkedNow: [Int] = []
  /// Requests from elsewhere for which no blocks were taken yet, first come first.
  var inbound = Deque<Inbound>()
  /// Tokens that they have in the cache elsewhere.
  var inboundTokens = 0
  /// Sequences whose blocks are being copied here, or were and have not decoded since.
  var incoming = 0
  /// Their tokens.
  var incomingTokens = 0
  /// Slots of those that are here.
  var landed: [Int] = []

  /// Whether requests own blocks that no step of this replica gives back.
  var ownBlocks: Bool { parked + incoming > 0 }
}

/// The moves of a request that one replica computes and another decodes.
///
/// With its first token it is *parked*: it has no seat any more, and its blocks stay until they
/// have been copied. Where it is to decode it waits for a seat and for blocks; these are taken when
/// a step is planned, the copy begins, and with the first step planned behind its end the request
/// decodes. Requests that were preempted there are computed again there, before any other is
/// copied.
extension Replica {
  // MARK: Where it was computed

  mutating func park(_ slot: Int) {
    leaveRunning(slot)
    sequences[slot].state = .parked
    handovers.parked += 1
    handovers.parkedTokens += sequences[slot].prefillTarget
    handovers.parkedNow.append(slot)
  }

  /// A parked request has been copied, or given up: its blocks are free.
  mutating func unpark(_ slot: Int) {
    precondition(sequences[slot].state == .parked)
    releaseAtEnd(of: slot, tokens: sequences[slot].prefillTarget)
    letGoOfShared(slot)
    handovers.parked -= 1
    handovers.parkedTokens -= sequences[slot].prefillTarget
    vacate(slot)
  }

  // MARK: Where it decodes

  /// A request that was computed elsewhere comes, and waits for blocks.
  mutating func expect(_ sequence: Sequence, from place: ParkingPlace) {
    handovers.inbound.append(Handovers.Inbound(slot: seat(sequence, as: .inbound), from: place))
    handovers.inboundTokens += sequence.prefillTarget
  }

  /// Takes a seat and blocks for the first request from elsewhere, if there is room for them and
  /// for its next step, and nobody waits who was preempted. How many blocks are to be copied: those
  /// that it does not find in the prefix cache here.
  mutating func takeInbound() -> (request: Handovers.Inbound, blocks: Int)? {
    guard let request = handovers.inbound.first, preemptedNow == 0, waiting.isEmpty,
      swapped.isEmpty, hasSeat
    else { return nil }
    let (slot, tokens) = (request.slot, sequences[request.slot].prefillTarget)
    let needed = blocksNeeded(
      forTokens: tokens + options.tokensPerDecode, found: foundUnits(of: slot), siblings: 0)
    guard needed <= pool.free, takeBlocks(forTokens: tokens, of: slot) != nil else { return nil }
    handovers.inbound.removeFirst()
    handovers.inboundTokens -= tokens
    sequences[slot].state = .incoming
    handovers.incoming += 1
    handovers.incomingTokens += tokens
    return (request, pool.blocks(forTokens: tokens) - sequences[slot].heldUnits * unitBlocks)
  }

  /// The blocks of an incoming request have been copied.
  mutating func land(_ slot: Int) {
    precondition(sequences[slot].state == .incoming)
    handovers.landed.append(slot)
  }

  /// Those whose blocks are here decode from now on.
  mutating func joinLanded() {
    for slot in handovers.landed {
      handovers.incoming -= 1
      handovers.incomingTokens -= sequences[slot].prefillTarget
      resumeDecoding(slot)
    }
    handovers.landed.clear()
  }

  /// A request whose copy will not come gives up its place here.
  mutating func giveUp(_ slot: Int) {
    if sequences[slot].state == .incoming {
      pool.release(ownBlocks(of: slot))
      letGoOfShared(slot)
      handovers.incoming -= 1
      handovers.incomingTokens -= sequences[slot].prefillTarget
      handovers.landed.removeAll { $0 == slot }
    } else {
      precondition(sequences[slot].state == .inbound)
      handovers.inbound.removeAll { $0.slot == slot }
      handovers.inboundTokens -= sequences[slot].prefillTarget
    }
    vacate(slot)
  }

  // MARK: Failure

  /// Its requests without what they own here, in the order of their numbers, and what each loses.
  func displacedSequences(
    now: Int64
  ) -> [(sequence: Sequence, lost: (tokens: Int, blocks: Int))] {
    sequences.indices.filter { sequences[$0].state != .vacant }
      .map { slot in
        let isHeld = sequences[slot].ownedTokens(step: decodes.step) > 0
        let lost = (
          tokens: isHeld ? sequences[slot].cachedTokens(step: decodes.step) : 0,
          blocks: isHeld ? ownBlocks(of: slot) : 0
        )
        return (displaced(sequences[slot], now: now), lost)
      }
      .sorted { $0.sequence.id < $1.sequence.id }
  }

  /// A request as it is when it has lost what it owned: it computes its prompt and what it has
  /// produced again, wherever it comes to.
  private func displaced(_ sequence: Sequence, now: Int64) -> Sequence {
    var displaced = sequence
    // One that is to come here loses what it has where it is parked.
    if sequence.state != .waiting { displaced.preemptions += 1 }
    if sequence.state != .waiting, sequence.state != .swapped { displaced.interruptedNs = now }
    displaced.lastTokenNs = lastTokenNs(of: sequence)
    displaced.startOver(emitted: sequence.emittedTokens(step: decodes.step))
    return displaced
  }
}
