import CostModel
import DequeModule

/// One engine's requests and memory: what waits, what runs, and the moves between.
///
/// Sequences live in slots of one array and are named by them. The moves are all that schedulers
/// have to work with; each leaves the sums in ``decodes`` and ``pool`` true.
struct Replica: Sendable {
  let options: EngineOptions
  var pool: BlockPool
  /// The host's memory for blocks of preempted requests.
  var hostPool: BlockPool
  /// What prompts have in common; nil where nothing is known of it or the cache is off.
  private(set) var prefixes: SharedPrefixes?
  private var sessionContexts = SessionContexts()
  private(set) var waiting: WaitingQueue
  /// Tokens that waiting requests have to compute, all together.
  private(set) var waitingTokens = 0
  /// Slots whose blocks are in the host's memory, the one that comes back next first.
  private(set) var swapped = Deque<Int>()
  private(set) var decodes: DecodeSet
  /// Slots whose prompt is being computed, oldest first.
  private(set) var prefilling = Deque<Int>()
  /// Sequences that own blocks.
  private(set) var runningCount = 0
  /// The batch of the next step.
  private(set) var batch = BatchShape()
  /// The slots of the batch's chunks, in the same order.
  private(set) var chunkSlots: [Int] = []
  /// Requests preempted while the next step was planned.
  private(set) var preemptedNow = 0
  /// What has to be copied before the next step.
  private(set) var copies = BlockCopies()
  /// Slots that join the decodes with the next step, computed before.
  private(set) var resumedSlots: [Int] = []

  private(set) var sequences: [Sequence] = []
  private var vacantSlots: [Int] = []
  /// The running sequence that was admitted last; -1 where none runs.
  private(set) var youngest = -1
  private var finishes = EventQueue()
  /// Decoding sequences by their tokens at decode step 0, most first: all grow alike, so that the
  /// order stays.
  private var contexts = EventQueue()
  private var nextTicket: UInt64 = 0
  /// Requests that have come since the latest step was planned.
  private var unplannedArrivals = 0
  /// When the latest decode step ended.
  private var latestDecodeNs: Int64 = 0

  /// - Parameters:
  ///   - hostBlocks: blocks of the host's memory; without any, requests are never swapped.
  ///   - prompts: what the workload's prompts have in common, if that is known.
  init(
    options: EngineOptions, poolBlocks: Int, hostBlocks: Int = 0, prompts: KnownPrompts? = nil
  ) {
    precondition(hostBlocks == 0 || options.scheduler.swaps)
    self.options = options
    pool = BlockPool(capacity: poolBlocks, blockSize: options.blockSize)
    hostPool = BlockPool(capacity: hostBlocks, blockSize: options.blockSize)
    if options.enablePrefixCaching {
      prefixes = prompts.map { SharedPrefixes($0, blockSize: options.blockSize) }
    }
    decodes = DecodeSet(blockSize: options.blockSize)
    waiting = WaitingQueue(order: options.scheduler.order)
  }

  /// Whether nothing runs and nothing waits.
  var isDrained: Bool { runningCount == 0 && pendingCount == 0 }

  /// Requests that wait, new or preempted.
  var pendingCount: Int { waiting.count + swapped.count }

  /// Whether one more sequence can run.
  var hasSeat: Bool { runningCount < options.maxNumSeqs }

  /// Whether a request that comes now is one too many (`max_queued_requests`). Those that have come
  /// since the latest step was planned may have seats as long as that step left nobody behind.
  var isQueueFull: Bool {
    guard let limit = options.maxQueuedRequests else { return false }
    let isOpen = options.scheduler.refillsSeats || runningCount == 0
    let leftNobody = pendingCount == unplannedArrivals
    return waiting.count >= limit + (isOpen && leftNobody ? options.maxNumSeqs - runningCount : 0)
  }

  // MARK: Moves of a request

  /// A request comes, and waits.
  mutating func enqueue(_ request: ArrivingRequest, arrivalNs: Int64) {
    let slot = vacantSlots.popLast() ?? sequences.count
    if slot == sequences.count { sequences.append(Sequence()) }
    var sequence = Sequence()
    sequence.state = .waiting
    sequence.id = request.id
    sequence.requestClass = request.requestClass
    sequence.arrivalNs = arrivalNs
    sequence.promptTokens = request.promptTokens
    sequence.outputTokens = request.outputTokens
    sequence.prefillTarget = request.promptTokens
    sequence.priority = request.priority
    if let wanted = request.ttftObjectiveNs { sequence.deadlineNs = arrivalNs + wanted }
    if let prefixes, let row = request.promptRow {
      sequence.promptRow = row
      sequence.shareableUnits = prefixes.shareableUnits(
        ofPrompt: row, tokens: request.promptTokens)
    }
    if options.enablePrefixCaching, let turn = request.session {
      sequence.sessionPlace = Int(turn.place)
      sequence.retiredBlocks = sessionContexts.blocksKept(for: turn, in: &pool)
    }
    sequences[slot] = sequence
    waiting.append(slot, of: sequence)
    waitingTokens += sequence.prefillTarget
    unplannedArrivals += 1
  }

  /// How many units of a waiting request's prompt are in the cache, and how many of them nobody
  /// holds. At least one token of it is computed: the next one comes of it. A swapped request has
  /// use for those that it had computed.
  func foundUnits(of slot: Int) -> (units: Int, idle: Int) {
    let sequence = sequences[slot]
    guard let prefixes, sequence.shareableUnits > 0 else { return (0, 0) }
    let useful = sequence.state == .swapped ? sequence.prefilled : sequence.prefillTarget - 1
    let limit = min(sequence.shareableUnits, useful / prefixes.unitTokens)
    return prefixes.found(ofPrompt: sequence.promptRow, limit: limit, in: pool)
  }

  /// The same in tokens.
  func foundTokens(of slot: Int) -> (tokens: Int, idle: Int) {
    let found = foundUnits(of: slot)
    return (found.units * unitTokens, found.idle * unitTokens)
  }

  /// Tokens and blocks of a shared unit.
  private var unitTokens: Int { prefixes?.unitTokens ?? 0 }
  var unitBlocks: Int { prefixes?.unitBlocks ?? 0 }

  /// Blocks that have to be free for a waiting request to be admitted: those of its whole prompt,
  /// less what others hold of it, and beside others the watermark.
  func blocksToAdmit(_ slot: Int) -> Int {
    blocksNeeded(forTokens: sequences[slot].prefillTarget, found: foundUnits(of: slot))
  }

  private func blocksNeeded(forTokens tokens: Int, found: (units: Int, idle: Int)) -> Int {
    pool.blocks(forTokens: tokens) - (found.units - found.idle) * unitBlocks
      + (runningCount > 0 ? options.watermarkBlocks(of: pool.capacity) : 0)
  }

  /// Admits the first waiting request if enough blocks are free; whether it did.
  ///
  /// It begins behind the units that are in the cache; a preempted one that finds all of its own
  /// also behind the tokens whose blocks nobody has taken meanwhile, and a turn of a session behind
  /// those of the turns before.
  mutating func admitFirst(now: Int64) -> Bool {
    guard let slot = waiting.first,
      let found = takeBlocks(forTokens: sequences[slot].prefillTarget, of: slot)
    else { return false }
    waiting.removeFirst()
    waitingTokens -= sequences[slot].prefillTarget
    sequences[slot].prefilled = found
    if sequences[slot].scheduledNs < 0 {
      sequences[slot].scheduledNs = now
      sequences[slot].foundTokens = found
    }
    beginPrompt(slot)
    return true
  }

  /// Takes the blocks of so many tokens for a request that owns none, and holds the units of its
  /// prompt that are in the cache; for how many tokens these and blocks of its own, or of its
  /// session, that nobody has taken meanwhile stand. Nil where there is no room.
  private mutating func takeBlocks(forTokens target: Int, of slot: Int) -> Int? {
    let found = foundUnits(of: slot)
    guard blocksNeeded(forTokens: target, found: found) <= pool.free else { return nil }
    let units = found.units
    let ownBlocks = pool.blocks(forTokens: target) - units * unitBlocks
    if units > 0 {
      prefixes?.hold(units, ofPrompt: sequences[slot].promptRow, in: &pool)
      sequences[slot].heldUnits = units
    }
    var reclaimed = 0
    if sequences[slot].retiredBlocks > 0 {
      let limit = min(
        sequences[slot].retiredBlocks, (target - 1) / pool.blockSize - units * unitBlocks)
      let isNew = sequences[slot].scheduledNs < 0
      reclaimed = pool.reclaim(
        for: isNew ? .session(sequences[slot].sessionPlace) : .sequence(slot),
        limit: units == sequences[slot].shareableUnits ? limit : 0)
      sequences[slot].retiredBlocks = 0
    }
    let isAllocated = pool.allocate(ownBlocks - reclaimed)
    precondition(isAllocated)
    return units * unitTokens + reclaimed * pool.blockSize
  }

  /// Brings the first swapped request back into the batch if blocks are free for it; how many
  /// tokens of the step it takes, `limit` at most. Nil if there is none or no room.
  mutating func swapInFirst(limit: Int) -> Int? {
    guard let slot = swapped.first else { return nil }
    let hostBlocks = hostPool.blocks(forTokens: sequences[slot].prefilled)
    guard admitComputed(slot) else { return nil }
    swapped.removeFirst()
    hostPool.release(hostBlocks)
    // What it found in the pool again is not copied.
    copies.blocksIn += hostBlocks - sequences[slot].heldUnits * unitBlocks
    if sequences[slot].state == .decoding { return 1 }
    return batchChunk(of: slot, limit: limit)
  }

  /// Admits a request whose tokens were computed before and are kept elsewhere, as far as it had
  /// come: in the decodes of the next step, or in its prompt. False where there is no room.
  private mutating func admitComputed(_ slot: Int) -> Bool {
    let isComputed = sequences[slot].isComputed
    // With the step in which it comes back it writes a token.
    let tokens = sequences[slot].prefillTarget + (isComputed ? 1 : 0)
    guard takeBlocks(forTokens: tokens, of: slot) != nil else { return false }
    guard isComputed else {
      beginPrompt(slot)
      return true
    }
    enter(slot)
    shareUnits(of: slot, computed: sequences[slot].prefilled)
    joinDecodes(slot)
    resumedSlots.append(slot)
    countDecodes()
    return true
  }

  private mutating func beginPrompt(_ slot: Int) {
    enter(slot)
    sequences[slot].state = .prefilling
    prefilling.append(slot)
  }

  /// A sequence that owns blocks now is the youngest of those that run.
  private mutating func enter(_ slot: Int) {
    sequences[slot].older = youngest
    sequences[slot].younger = -1
    if youngest >= 0 { sequences[youngest].younger = slot }
    youngest = slot
    runningCount += 1
  }

  /// Takes the blocks of a running sequence that is not in the batch. What is in them goes to the
  /// host's memory if that has room; otherwise the sequence goes back into the queue, to be
  /// computed again: its prompt and what it has produced, as far as its blocks are lost.
  mutating func preempt(_ slot: Int, to end: WaitingQueue.End) {
    let emitted = sequences[slot].emittedTokens(step: decodes.step)
    let cached = sequences[slot].cachedTokens(step: decodes.step)
    if sequences[slot].state == .decoding, sequences[slot].joinedStep < decodes.step {
      sequences[slot].lastTokenNs = latestDecodeNs
    }
    sequences[slot].preemptions += 1
    preemptedNow += 1
    let isSwapped = cached > 0 && hostPool.allocate(pool.blocks(forTokens: cached))
    if isSwapped {
      swapOut(slot, cached: cached, emitted: emitted)
      return
    }
    // Only whole blocks are found again; where there is none, nothing is kept that nobody reclaims.
    let wholeBlocks = cached / pool.blockSize - sequences[slot].heldUnits * unitBlocks
    let keepsContent = options.enablePrefixCaching && wholeBlocks > 0
    pool.release(ownBlocks(of: slot), of: keepsContent ? .sequence(slot) : .nobody)
    withdraw(slot)
    sequences[slot].state = .waiting
    sequences[slot].retiredBlocks = keepsContent ? wholeBlocks : 0
    sequences[slot].emitted = emitted
    sequences[slot].prefillTarget = sequences[slot].promptTokens + emitted
    sequences[slot].prefilled = 0
    waitingTokens += sequences[slot].prefillTarget
    waiting.putBack(slot, of: sequences[slot], at: end)
  }

  /// All that it has in the cache is copied, shared units too: nobody else may keep them until it
  /// comes back.
  private mutating func swapOut(_ slot: Int, cached: Int, emitted: Int) {
    let isDecoding = sequences[slot].state == .decoding
    pool.release(ownBlocks(of: slot))
    withdraw(slot)
    if isDecoding { sequences[slot].prefillTarget = cached }
    sequences[slot].state = .swapped
    sequences[slot].emitted = emitted
    sequences[slot].prefilled = cached
    // The youngest is preempted first and comes back last.
    swapped.prepend(slot)
    copies.requestsOut += 1
    copies.blocksOut += pool.blocks(forTokens: cached)
  }

  /// Blocks that a running sequence shares with nobody.
  func ownBlocks(of slot: Int) -> Int {
    pool.blocks(forTokens: sequences[slot].ownedTokens(step: decodes.step))
      - sequences[slot].heldUnits * unitBlocks
  }

  /// Takes a running sequence that has given back its own blocks out of every sum, and lets go of
  /// those that it shares.
  private mutating func withdraw(_ slot: Int) {
    let sequence = sequences[slot]
    if sequence.heldUnits > 0 {
      prefixes?.letGo(sequence.heldUnits, ofPrompt: sequence.promptRow, in: &pool)
      sequences[slot].heldUnits = 0
    }
    if sequence.state == .decoding {
      decodes.leave(
        cached: sequence.cachedTokens(step: decodes.step), outputTokens: sequence.outputTokens,
        toCome: sequence.outputsToCome(step: decodes.step))
    } else if let index = prefilling.firstIndex(of: slot) {
      prefilling.remove(at: index)
    }
    if sequence.older >= 0 { sequences[sequence.older].younger = sequence.younger }
    if sequence.younger >= 0 {
      sequences[sequence.younger].older = sequence.older
    } else {
      youngest = sequence.older
    }
    runningCount -= 1
  }

  // MARK: Planning a step

  /// Starts the plan of the next step with an empty batch.
  mutating func beginPlan() {
    batch.chunks.removeAll(keepingCapacity: true)
    chunkSlots.removeAll(keepingCapacity: true)
    batch.decodeSequences = 0
    batch.contextTokens = 0
    batch.longestContext = 0
    preemptedNow = 0
    unplannedArrivals = 0
    copies = BlockCopies()
    resumedSlots.removeAll(keepingCapacity: true)
  }

  /// Puts every decoding sequence into the batch and takes the blocks that they need, preempting
  /// running sequences to an end of the queue until there are enough.
  mutating func batchDecodes(preemptingTo end: WaitingQueue.End) {
    while decodes.nextBlocks > pool.free { preempt(firstToYield, to: end) }
    let isAllocated = pool.allocate(decodes.nextBlocks)
    precondition(isAllocated)
    countDecodes()
  }

  private mutating func countDecodes() {
    batch.decodeSequences = decodes.count
    batch.contextTokens = decodes.contextTokens + decodes.count
    batch.longestContext = longestContext() + 1
  }

  /// Tokens of a prompt under way that one step computes if nothing else limits it.
  func chunkTokens(of slot: Int) -> Int {
    let left = sequences[slot].prefillTarget - sequences[slot].prefilled
    let threshold = options.longPrefillTokenThreshold
    return threshold > 0 ? min(left, threshold) : left
  }

  /// Puts a chunk of at most `limit` tokens of a prompt into the batch; how many it has.
  mutating func batchChunk(of slot: Int, limit: Int) -> Int {
    let sequence = sequences[slot]
    let left = sequence.prefillTarget - sequence.prefilled
    let tokens = min(chunkTokens(of: slot), limit)
    guard tokens > 0 else { return 0 }
    batch.chunks.append(
      PrefillChunk(tokens: tokens, prefix: sequence.prefilled, endsPrompt: tokens == left))
    chunkSlots.append(slot)
    shareUnits(of: slot, computed: sequence.prefilled + tokens)
    return tokens
  }

  /// What a step computes is there for all that it computes later, as in vLLM.
  private mutating func shareUnits(of slot: Int, computed tokens: Int) {
    let row = sequences[slot].promptRow
    while sequences[slot].heldUnits < sequences[slot].shareableUnits,
      (sequences[slot].heldUnits + 1) * unitTokens <= tokens
    {
      let isAdded = prefixes?.add(sequences[slot].heldUnits, ofPrompt: row, in: &pool) ?? false
      guard isAdded else {
        // Held are first units without a gap: what comes behind another's is its own.
        sequences[slot].shareableUnits = sequences[slot].heldUnits
        return
      }
      sequences[slot].heldUnits += 1
    }
  }

  /// The decode step with which the next sequence ends.
  mutating func nextFinishStep() -> Int64? {
    while let next = finishes.first {
      if isCurrent(next) { return next.time }
      _ = finishes.pop()
    }
    return nil
  }

  /// Tokens of the decoding sequence that has most of them in the cache; 0 where none decodes.
  mutating func longestContext() -> Int {
    while let longest = contexts.first {
      if isCurrent(longest) { return Int(decodes.step - longest.time) }
      _ = contexts.pop()
    }
    return 0
  }

  /// Entries that are kept to know the longest context.
  var keptContexts: Int { contexts.count }

  /// Behind one long context others come and go: what they left is dropped once it is most of all.
  private mutating func dropDepartedContexts() {
    guard contexts.count > 2 * decodes.count + 64 else { return }
    var current = EventQueue()
    while let entry = contexts.pop() {
      if isCurrent(entry) { current.push(entry) }
    }
    contexts = current
  }

  /// Takes the blocks of `steps` decode steps beyond the one that was planned.
  mutating func allocateDecodes(furtherSteps steps: Int) {
    let isAllocated = pool.allocate(
      decodes.blocks(steps: steps + 1) - decodes.blocks(steps: 1))
    precondition(isAllocated)
  }

  // MARK: Completing a step

  /// The decode steps of the batch are done.
  mutating func completeDecodes(steps: Int, now: Int64) {
    decodes.advance(steps: steps)
    latestDecodeNs = now
  }

  /// A sequence whose last step is done, if any is left; it leaves the replica.
  mutating func popFinished() -> Sequence? {
    guard let step = nextFinishStep(), step <= decodes.step, let event = finishes.pop() else {
      return nil
    }
    let slot = Int(event.payload)
    let finished = sequences[slot]
    remove(slot)
    return finished
  }

  /// A chunk is done. At the end of a prompt the sequence produces a token and joins the decodes,
  /// or, if that was all it had to produce, leaves: then it is returned.
  ///
  /// `onToken` is told of the token: when the one before was ready, -1 for a first.
  mutating func completeChunk(
    _ chunk: PrefillChunk, of slot: Int, now: Int64, onToken: (_ previousNs: Int64) -> Void
  ) -> Sequence? {
    sequences[slot].prefilled += chunk.tokens
    guard chunk.endsPrompt else { return nil }
    onToken(sequences[slot].emitted > 0 ? sequences[slot].lastTokenNs : -1)
    sequences[slot].emitted += 1
    sequences[slot].lastTokenNs = now
    if sequences[slot].firstTokenNs < 0 { sequences[slot].firstTokenNs = now }
    guard sequences[slot].outputTokens > sequences[slot].emitted else {
      let finished = sequences[slot]
      remove(slot)
      return finished
    }
    let index = prefilling.firstIndex(of: slot)!
    prefilling.remove(at: index)
    joinDecodes(slot)
    return nil
  }

  /// A sequence whose tokens are computed gets another one with each decode step from now on.
  private mutating func joinDecodes(_ slot: Int) {
    let stepsLeft = sequences[slot].outputTokens - sequences[slot].emitted
    sequences[slot].state = .decoding
    sequences[slot].joinedStep = decodes.step
    sequences[slot].finishStep = decodes.step + Int64(stepsLeft)
    sequences[slot].ticket = nextTicket
    finishes.push(
      Event(time: sequences[slot].finishStep, order: nextTicket, payload: UInt64(slot)))
    dropDepartedContexts()
    contexts.push(
      Event(
        time: decodes.step - Int64(sequences[slot].prefillTarget), order: nextTicket,
        payload: UInt64(slot)))
    nextTicket += 1
    decodes.join(
      cached: sequences[slot].prefillTarget, outputTokens: sequences[slot].outputTokens,
      toCome: stepsLeft)
  }

  private mutating func remove(_ slot: Int) {
    releaseAtEnd(of: slot)
    withdraw(slot)
    sequences[slot].state = .vacant
    vacantSlots.append(slot)
  }

  private func isCurrent(_ entry: Event) -> Bool {
    let sequence = sequences[Int(entry.payload)]
    return sequence.state == .decoding && sequence.ticket == entry.order
  }
}
