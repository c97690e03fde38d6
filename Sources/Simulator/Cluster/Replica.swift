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
  /// Whether sequences leave it with their first token, to be decoded by another replica.
  let handsOver: Bool
  /// What prompts have in common; nil where nothing is known of it or the cache is off.
  private(set) var prefixes: SharedPrefixes?
  private var sessionContexts = SessionContexts()
  /// Requests of several samples, and seats that their prompts keep beyond their own.
  var samples: SampleGroups
  var promisedSeats = 0
  var waiting: WaitingQueue
  /// Tokens that waiting requests have to compute, all together.
  var waitingTokens = 0
  /// Slots whose blocks are in the host's memory, the one that comes back next first.
  var swapped = Deque<Int>()
  /// What it has of requests that other replicas have computed, or are to decode.
  var handovers = Handovers()
  var decodes: DecodeSet
  /// Slots whose prompt is being computed, oldest first.
  private(set) var prefilling = Deque<Int>()
  /// Sequences that own blocks.
  private(set) var runningCount = 0
  /// The batch of the next step.
  private(set) var batch: BatchShape
  /// The slots of the batch's chunks, in the same order.
  private(set) var chunkSlots: [Int] = []
  /// Requests preempted while the next step was planned.
  var preemptedNow = 0
  /// What has to be copied before the next step.
  var copies = BlockCopies()
  /// When the latest step was planned, and what has happened to requests since events were taken.
  private(set) var planNs: Int64 = 0
  var events: [EventRecord] = []
  /// When tokens are ready; nil where nobody wants to know.
  var tokenTimes: TokenTimes?
  /// Slots that join the decodes with the next step of these, computed before.
  var resumedSlots: [Int] = []

  var sequences: [Sequence] = []
  private var vacantSlots: [Int] = []
  /// The running sequence that was admitted last; -1 where none runs.
  private(set) var youngest = -1
  var finishes = EventQueue()
  /// Decoding sequences by their tokens at decode step 0, most first: all grow alike, so that the
  /// order stays.
  private var contexts = EventQueue()
  private var nextTicket: UInt64 = 0
  /// Requests that have come since the latest step was planned.
  private(set) var unplannedArrivals = 0
  /// When the latest decode step ended.
  private var latestDecodeNs: Int64 = 0

  /// - Parameters:
  ///   - hostBlocks: blocks of the host's memory; without any, requests are never swapped.
  ///   - prompts: what the workload's prompts have in common, if that is known.
  ///   - handsOver: whether other replicas decode what is computed here.
  ///   - keepsTokenTimes: whether it is kept when each token is ready.
  init(
    options: EngineOptions, poolBlocks: Int, hostBlocks: Int = 0, prompts: KnownPrompts? = nil,
    handsOver: Bool = false, keepsTokenTimes: Bool = false
  ) {
    precondition(hostBlocks == 0 || options.scheduler.swaps)
    self.options = options
    self.handsOver = handsOver
    pool = BlockPool(capacity: poolBlocks, blockSize: options.blockSize)
    hostPool = BlockPool(capacity: hostBlocks, blockSize: options.blockSize)
    if options.enablePrefixCaching {
      prefixes = prompts.map { SharedPrefixes($0, blockSize: options.blockSize) }
    }
    decodes = DecodeSet(blockSize: options.blockSize)
    samples = SampleGroups(blockSize: options.blockSize)
    batch = BatchShape(tokensPerDecode: options.tokensPerDecode)
    waiting = WaitingQueue(order: options.scheduler.order)
    if keepsTokenTimes { tokenTimes = TokenTimes() }
  }

  /// Whether something runs, waits to run, or has come from another replica.
  var hasWork: Bool { takenSeats + pendingCount > 0 }

  /// Whether nothing is left here.
  var isDrained: Bool { !hasWork && handovers.parked == 0 }

  /// Requests that wait, new, preempted, or for blocks to be copied into.
  var pendingCount: Int { waiting.count + swapped.count + handovers.inbound.count }

  /// Seats of sequences that run, or will at the end of a prompt under way, and of those for which
  /// blocks are being copied.
  var takenSeats: Int { runningCount + promisedSeats + handovers.incoming }

  /// Whether one more sequence can run.
  var hasSeat: Bool { takenSeats < options.maxNumSeqs }

  // MARK: Moves of a request

  /// A request comes, and waits: a new one, or one that has lost what it had on another replica.
  /// Of several samples the tokens of those behind the first are given.
  mutating func enqueue(_ sequence: Sequence, furtherOutputs: [Int32] = []) {
    let slot = seat(sequence, as: .waiting)
    if !furtherOutputs.isEmpty { openSamples(furtherOutputs, of: slot) }
    waiting.append(slot, of: sequence)
    waitingTokens += sequence.prefillTarget
    unplannedArrivals += 1
  }

  /// A slot for a request that owns nothing here, whatever it had on another replica.
  mutating func seat(_ sequence: Sequence, as state: Sequence.State) -> Int {
    let slot = vacantSlot()
    sequences[slot] = sequence
    sequences[slot].state = state
    sequences[slot].group = -1
    sequences[slot].sharedBlocks = 0
    sequences[slot].heldUnits = 0
    sequences[slot].retiredBlocks = 0
    sequences[slot].reservedTokens = 0
    sequences[slot].sessionPlace = -1
    if let prefixes, sequence.promptRow >= 0 {
      sequences[slot].shareableUnits = prefixes.shareableUnits(of: sequence)
    }
    sequences[slot].retiredUnits = sequences[slot].shareableUnits
    // What another replica has computed comes from there, whatever is left here.
    if state == .waiting, options.enablePrefixCaching, let turn = sequence.session {
      sequences[slot].sessionPlace = Int(turn.place)
      sequences[slot].retiredBlocks = sessionContexts.blocksKept(for: turn, in: &pool)
      sequences[slot].isKeptBySession = true
    }
    return slot
  }

  /// A slot for what is written there next.
  mutating func vacantSlot() -> Int {
    if let slot = vacantSlots.popLast() { return slot }
    sequences.append(Sequence())
    return sequences.count - 1
  }

  /// Tokens and blocks of a shared unit.
  var unitTokens: Int { prefixes?.unitTokens ?? 0 }
  var unitBlocks: Int { prefixes?.unitBlocks ?? 0 }

  /// One sequence more holds a prompt's first units.
  mutating func holdUnits(_ units: Int, ofPrompt row: Int) {
    prefixes?.hold(units, ofPrompt: row, in: &pool)
  }

  mutating func beginPrompt(_ slot: Int) {
    enter(slot)
    sequences[slot].state = .prefilling
    prefilling.append(slot)
  }

  /// A sequence that owns blocks now is the youngest of those that run.
  mutating func enter(_ slot: Int) { enter(slot, behind: youngest) }

  /// The same, but that its place is behind another that runs; -1 where none does.
  mutating func enter(_ slot: Int, behind older: Int) {
    let younger = older >= 0 ? sequences[older].younger : -1
    sequences[slot].older = older
    sequences[slot].younger = younger
    if older >= 0 { sequences[older].younger = slot }
    if younger >= 0 { sequences[younger].older = slot } else { youngest = slot }
    runningCount += 1
    promisedSeats += sequences[slot].seats - 1
  }

  /// When the latest token of a sequence was ready.
  func lastTokenNs(of sequence: Sequence) -> Int64 {
    sequence.state == .decoding && sequence.joinedStep < decodes.step
      ? latestDecodeNs : sequence.lastTokenNs
  }

  /// Blocks that a running sequence shares with nobody.
  @inline(__always)
  func ownBlocks(of slot: Int) -> Int {
    pool.blocks(forTokens: sequences[slot].ownedTokens(step: decodes.step))
      - sequences[slot].heldUnits * unitBlocks - commonBlocks(of: slot)
  }

  /// Takes a running sequence that has given back its own blocks out of every sum, and lets go of
  /// those that it shares.
  mutating func withdraw(_ slot: Int) {
    letGoOfShared(slot)
    leaveRunning(slot)
  }

  /// Lets go of what a sequence shares, the last of it first.
  mutating func letGoOfShared(_ slot: Int) {
    if sequences[slot].group >= 0 { letGoOfPrompt(slot) }
    let held = sequences[slot].heldUnits
    if held > 0 {
      prefixes?.letGo(held, ofPrompt: sequences[slot].promptRow, in: &pool)
      sequences[slot].heldUnits = 0
    }
  }

  /// Takes a sequence out of those that run.
  mutating func leaveRunning(_ slot: Int) {
    if !resumedSlots.isEmpty { resumedSlots.removeAll { $0 == slot } }
    if sequences[slot].state == .decoding {
      if tokenTimes != nil {
        tokenTimes!.left(sequences[slot], of: slot, step: decodes.step)
      }
      sequences[slot].reservedTokens = 0
      decodes.leave(
        cached: sequences[slot].cachedTokens(step: decodes.step),
        outputTokens: sequences[slot].outputTokens,
        toCome: sequences[slot].outputsToCome(step: decodes.step))
    } else {
      removeFromPrefilling(slot)
    }
    let (older, younger) = (sequences[slot].older, sequences[slot].younger)
    if older >= 0 { sequences[older].younger = younger }
    if younger >= 0 { sequences[younger].older = older } else { youngest = older }
    runningCount -= 1
    promisedSeats -= sequences[slot].seats - 1
  }

  /// Nearly always the oldest prompt, which ends first.
  mutating func removeFromPrefilling(_ slot: Int) {
    if prefilling.first == slot {
      prefilling.removeFirst()
    } else if let index = prefilling.firstIndex(of: slot) {
      prefilling.remove(at: index)
    }
  }

  // MARK: Planning a step

  /// Starts the plan of the next step with an empty batch.
  mutating func beginPlan(now: Int64) {
    planNs = now
    if batch.decodeSequences > 0 { resumedSlots.clear() }
    batch.chunks.clear()
    chunkSlots.clear()
    batch.decodeSequences = 0
    batch.contextTokens = 0
    batch.longestContext = 0
    preemptedNow = 0
    unplannedArrivals = 0
    copies = BlockCopies()
    joinLanded()
  }

  /// Puts every decoding sequence into the batch and takes the blocks that they need, those for
  /// copies of what several would write to among them, preempting running sequences to an end of
  /// the queue until there are enough.
  mutating func batchDecodes(preemptingTo end: WaitingQueue.End) {
    guard options.speculation == nil else { return batchDrafts(preemptingTo: end) }
    while decodeBlocks > pool.free { preempt(firstToYield, to: end) }
    let isAllocated = pool.allocate(decodeBlocks)
    precondition(isAllocated)
    if samples.hasTails { copies.blocksOnWrite = samples.copyTails() }
    countDecodes(longest: longestContext() + 1)
  }

  /// Counts the decoding sequences into the batch, the longest of which has so many tokens with
  /// those of the next step.
  mutating func countDecodes(longest: Int) {
    batch.decodeSequences = decodes.count
    batch.contextTokens = decodes.contextTokens + batch.decodeTokens
    batch.longestContext = longest
  }

  /// Blocks that the next step of all that decode needs beyond those that they have, copies among
  /// them. O(running) where tokens are drafted.
  @inline(__always)
  var decodeBlocks: Int {
    options.speculation == nil
      ? decodes.nextBlocks + samples.pendingCopies : lookahead.blocks
  }

  /// Tokens of a prompt under way that one step computes if nothing else limits it. A request that
  /// is alone keeps tokens of a step from nobody.
  func chunkTokens(of slot: Int) -> Int {
    let left = sequences[slot].prefillTarget - sequences[slot].prefilled
    let threshold = options.longPrefillTokenThreshold
    return threshold > 0 && takenSeats + pendingCount > 1 ? min(left, threshold) : left
  }

  /// Puts a chunk of at most `limit` tokens of a prompt into the batch; how many it has.
  mutating func batchChunk(of slot: Int, limit: Int) -> Int {
    let prefix = sequences[slot].prefilled
    let left = sequences[slot].prefillTarget - prefix
    let tokens = min(chunkTokens(of: slot), limit)
    guard tokens > 0 else { return 0 }
    batch.chunks.append(PrefillChunk(tokens: tokens, prefix: prefix, endsPrompt: tokens == left))
    chunkSlots.append(slot)
    shareUnits(of: slot, computed: prefix + tokens)
    return tokens
  }

  /// What a step computes is there for all that it computes later, as in vLLM; what was decoded,
  /// when the request ends or computes it again.
  mutating func shareUnits(of slot: Int, computed tokens: Int) {
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
    guard options.speculation == nil else { return lookahead.longestContext }
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
    contexts = contexts.filter(isCurrent)
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

  /// The slot of a sequence whose last step is done, if any is left, and with which its request
  /// ends; it leaves the replica, and so have samples that did not end theirs.
  ///
  /// Of this and what follows: what the slot says is true until another request comes.
  mutating func popFinished() -> Int? {
    while let step = nextFinishStep(), step <= decodes.step, let event = finishes.pop() {
      let slot = Int(event.payload)
      remove(slot, now: latestDecodeNs)
      if endsRequest(slot) { return slot }
    }
    return nil
  }

  /// A chunk is done. At the end of a prompt the sequence produces a token and joins the decodes,
  /// all its samples with it, waits to be handed over, or, if that was all that its request had to
  /// produce, leaves: then its slot is returned.
  ///
  /// `onToken` is told of the token: when the one before was ready, -1 for a first.
  mutating func completeChunk(
    _ chunk: PrefillChunk, of slot: Int, now: Int64, onToken: (_ previousNs: Int64) -> Void
  ) -> Int? {
    sequences[slot].prefilled += chunk.tokens
    guard chunk.endsPrompt else { return nil }
    onToken(sequences[slot].emitted > 0 ? sequences[slot].lastTokenNs : -1)
    if sequences[slot].emitted > 0 { noteRecomputed(slot, now: now) }
    sequences[slot].emitted += 1
    sequences[slot].lastTokenNs = now
    if tokenTimes != nil { noteToken(of: slot, now: now) }
    if sequences[slot].firstTokenNs < 0 { sequences[slot].firstTokenNs = now }
    if sequences[slot].seats > 1 { return fork(slot, now: now) }
    guard sequences[slot].outputTokens > sequences[slot].emitted else {
      remove(slot, now: now)
      return endsRequest(slot) ? slot : nil
    }
    if handsOver {
      park(slot)
      return nil
    }
    removeFromPrefilling(slot)
    joinDecodes(slot)
    return nil
  }

  /// A sequence whose tokens are computed gets another one with each decode step from now on.
  mutating func joinDecodes(_ slot: Int) {
    let stepsLeft = sequences[slot].outputTokens - sequences[slot].emitted
    sequences[slot].state = .decoding
    sequences[slot].joinedStep = decodes.step
    sequences[slot].finishStep = decodes.step + Int64(stepsLeft)
    sequences[slot].ticket = nextTicket
    // With drafted tokens nobody knows when it ends, nor does any order of contexts stay.
    if options.speculation == nil {
      finishes.push(
        Event(time: sequences[slot].finishStep, order: nextTicket, payload: UInt64(slot)))
      dropDepartedContexts()
      contexts.push(
        Event(
          time: decodes.step - Int64(sequences[slot].prefillTarget), order: nextTicket,
          payload: UInt64(slot)))
    }
    nextTicket += 1
    decodes.join(
      cached: sequences[slot].prefillTarget, outputTokens: sequences[slot].outputTokens,
      toCome: stepsLeft)
  }

  /// A sequence has produced all its tokens.
  mutating func remove(_ slot: Int, now: Int64) {
    if sequences[slot].group >= 0 { samples.ended(sequences[slot], now: now) }
    // Who continues it finds its output too, as far as that is known.
    shareUnits(of: slot, computed: sequences[slot].tokensAtEnd)
    releaseAtEnd(of: slot, tokens: sequences[slot].tokensAtEnd)
    withdraw(slot)
    vacate(slot)
  }

  /// The slot of a sequence that owns nothing and stands in no queue is free.
  mutating func vacate(_ slot: Int) {
    sequences[slot].state = .vacant
    vacantSlots.append(slot)
  }

  private func isCurrent(_ entry: Event) -> Bool {
    let slot = Int(entry.payload)
    return sequences[slot].ticket == entry.order && sequences[slot].state == .decoding
  }
}
