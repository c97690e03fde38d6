import CostModel
import Testing

@testable import Simulator

/// Canaries: a check that catches nothing proves nothing.
@Suite("Invariants")
struct InvariantTests {
  /// A replica in which two sequences decode and one waits.
  private static func busyReplica() -> Replica {
    let options = EngineOptions(
      maxNumSeqs: 2, maxNumBatchedTokens: 64, blockSize: 4,
      enablePrefixCaching: true, kvCacheMemory: .bytes(0))
    var replica = Replica(options: options, poolBlocks: 20)
    var scheduler = ContinuousBatching()
    for id in Int64(0)..<3 {
      replica.enqueue(
        Sequence(ArrivingRequest(id: id, promptTokens: 6, outputTokens: 9), arrivalNs: 0))
    }
    scheduler.plan(&replica, now: 0)
    let batch = replica.batch
    for (index, chunk) in batch.chunks.enumerated() {
      _ = replica.completeChunk(chunk, of: replica.chunkSlots[index], now: 10) { _ in }
    }
    return replica
  }

  @Test("A sound replica passes")
  func sound() {
    let replica = InvariantTests.busyReplica()
    #expect(replica.decodes.count == 2 && replica.waiting.count == 1)
    replica.checkInvariants()
  }

  @Test("Behind one long context a thousand others come and go, and little is kept of them")
  func longestContext() {
    let options = EngineOptions(
      maxNumSeqs: 2, maxNumBatchedTokens: 64, blockSize: 4,
      enablePrefixCaching: true, kvCacheMemory: .bytes(0))
    var replica = Replica(options: options, poolBlocks: 2000)
    var scheduler = ContinuousBatching()
    func step() {
      scheduler.plan(&replica, now: 0)
      let batch = replica.batch
      if batch.decodeSequences > 0 { replica.completeDecodes(steps: 1, now: 0) }
      while replica.popFinished() != nil {}
      for (index, chunk) in batch.chunks.enumerated() {
        _ = replica.completeChunk(chunk, of: replica.chunkSlots[index], now: 0) { _ in }
      }
    }
    replica.enqueue(
      Sequence(ArrivingRequest(id: 0, promptTokens: 60, outputTokens: 5000), arrivalNs: 0))
    for id in Int64(1)...1000 {
      replica.enqueue(
        Sequence(ArrivingRequest(id: id, promptTokens: 3, outputTokens: 2), arrivalNs: 0))
    }
    while !replica.waiting.isEmpty {
      step()
      replica.checkInvariants()
      #expect(replica.decodes.count == 0 || replica.longestContext() >= 60)
      #expect(replica.keptContexts <= 2 * replica.decodes.count + 65)
    }
  }

  @Test("A leaked block is caught when the replica is empty")
  func leak() async {
    await #expect(processExitsWith: .failure) {
      let options = EngineOptions(
        maxNumSeqs: 2, maxNumBatchedTokens: 64, blockSize: 4,
        enablePrefixCaching: true, kvCacheMemory: .bytes(0))
      var replica = Replica(options: options, poolBlocks: 20)
      _ = replica.pool.allocate(1)
      replica.checkInvariants()
    }
  }

  @Test("A block of the host's memory that belongs to nobody is caught")
  func hostLeak() async {
    await #expect(processExitsWith: .failure) {
      let options = EngineOptions(
        maxNumSeqs: 2, maxNumBatchedTokens: 64, blockSize: 4,
        enablePrefixCaching: true, kvCacheMemory: .bytes(0))
      var replica = Replica(options: options, poolBlocks: 20, hostBlocks: 4)
      _ = replica.hostPool.allocate(1)
      replica.checkInvariants()
    }
  }

  @Test("A block given back while it is owned is caught")
  func earlyRelease() async {
    await #expect(processExitsWith: .failure) {
      var replica = InvariantTests.busyReplica()
      replica.pool.release(1)
      replica.checkInvariants()
    }
  }

  @Test("A block released twice is caught")
  func doubleFree() async {
    await #expect(processExitsWith: .failure) {
      var pool = BlockPool(capacity: 4, blockSize: 16)
      _ = pool.allocate(1)
      pool.release(1)
      pool.release(1)
    }
  }

  @Test("A step that is counted for one sequence too few is caught")
  func lostSequence() async {
    await #expect(processExitsWith: .failure) {
      var replica = InvariantTests.busyReplica()
      replica.completeDecodes(steps: 20, now: 20)
      replica.checkInvariants()
    }
  }

  @Test("With ties swapped, arrivals that coincide with a step's end start a step later")
  func swappedTies() {
    // The tie is told by its result: A's prompt ends at 110, when B arrives. Were the step's end
    // first, B would miss the step that starts at 110.
    let played = Played(
      replay([(0, 10, 3), (110, 10, 1)]), checks: true,
      pricer: SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1))
    #expect(played.requestsById[1].scheduledNs == 110)
    #expect(played.requestsById[1].firstTokenNs == 220)
  }
}
