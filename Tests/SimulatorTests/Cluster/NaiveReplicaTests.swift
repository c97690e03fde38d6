import CostModel
import TestSupport
import Testing

@testable import Simulator

/// A replica that swaps, written as plainly as can be: blocks have numbers, and each is free or in
/// one request's list, in the pool or in the host's memory.
private struct NaiveReplica {
  struct Request {
    var id: Int64
    var prompt: Int
    var outputs: Int
    var emitted = 0
    /// Tokens to compute before it decodes, and those in its blocks.
    var target: Int
    var tokens = 0
    var blocks: [Int] = []
    var decodes: Bool { tokens >= target }
  }

  let blockSize: Int
  let seats: Int
  let budget: Int
  var free: [Int]
  var hostFree: [Int]
  /// In the order of admission.
  var running: [Request] = []
  var swapped: [Request] = []
  var waiting: [Request] = []
  /// Requests swapped, computed again, brought back and finished.
  var (out, again, back, finished) = (0, 0, 0, 0)
  private var chunks: [(index: Int, tokens: Int)] = []
  private var decoding: [Int] = []

  init(blockSize: Int, seats: Int, budget: Int, blocks: Int, hostBlocks: Int) {
    self.blockSize = blockSize
    self.seats = seats
    self.budget = budget
    free = Array(0..<blocks)
    hostFree = Array(0..<hostBlocks)
  }

  /// Numbers of blocks for so many tokens, beside those that a request has; nil if there are too
  /// few.
  private func taken(_ tokens: Int, _ request: Request, from numbers: [Int]) -> [Int]? {
    let wanted = (tokens + blockSize - 1) / blockSize - request.blocks.count
    return wanted <= numbers.count ? Array(numbers.suffix(wanted)) : nil
  }

  mutating func plan() {
    let before = out + again
    func needed() -> Int {
      running.count { $0.decodes && $0.tokens % blockSize == 0 }
    }
    while needed() > free.count { preempt() }
    var left = budget
    for index in running.indices where running[index].decodes {
      let new = taken(running[index].tokens + 1, running[index], from: free)!
      running[index].blocks += new
      free.removeLast(new.count)
      decoding.append(index)
      left -= 1
    }
    for index in running.indices where !running[index].decodes { chunk(index, &left) }
    guard out + again == before else { return }
    while left > 0, running.count < seats, var request = swapped.first {
      let inHost = request.blocks
      request.blocks = []
      let decodes = request.decodes
      let tokens = decodes ? request.tokens + 1 : request.target
      guard let new = taken(tokens, request, from: free) else { return }
      request.blocks = new
      free.removeLast(new.count)
      hostFree += inHost
      swapped.removeFirst()
      running.append(request)
      back += 1
      if decodes {
        decoding.append(running.count - 1)
        left -= 1
      } else {
        chunk(running.count - 1, &left)
      }
    }
    guard swapped.isEmpty else { return }
    while left > 0, running.count < seats, var request = waiting.first,
      let new = taken(request.target, request, from: free)
    {
      request.blocks = new
      free.removeLast(new.count)
      waiting.removeFirst()
      running.append(request)
      chunk(running.count - 1, &left)
    }
  }

  private mutating func chunk(_ index: Int, _ left: inout Int) {
    let tokens = min(left, running[index].target - running[index].tokens)
    guard tokens > 0 else { return }
    left -= tokens
    chunks.append((index, tokens))
  }

  private mutating func preempt() {
    var request = running.removeLast()
    free += request.blocks
    request.blocks = []
    if request.tokens > 0, let copies = taken(request.tokens, request, from: hostFree) {
      request.blocks = copies
      hostFree.removeLast(copies.count)
      // What it had computed is all that it needs to go on.
      if request.decodes { request.target = request.tokens }
      swapped.insert(request, at: 0)
      out += 1
    } else {
      request.target = request.prompt + request.emitted
      request.tokens = 0
      waiting.insert(request, at: 0)
      again += 1
    }
  }

  mutating func complete() {
    for index in decoding {
      running[index].tokens += 1
      running[index].emitted += 1
    }
    for chunk in chunks {
      running[chunk.index].tokens += chunk.tokens
      if running[chunk.index].decodes { running[chunk.index].emitted += 1 }
    }
    (decoding, chunks) = ([], [])
    for request in running where request.emitted == request.outputs {
      free += request.blocks
      finished += 1
    }
    running.removeAll { $0.emitted == $0.outputs }
  }
}

@Suite("Naive replica")
struct NaiveReplicaTests {
  @Test(
    "Pool, host memory and queues are those of a replica of numbered blocks, over 20,000 steps",
    arguments: [(4, 24, 12), (1, 60, 100), (5, 16, 3), (16, 12, 6)])
  func agrees(_ blockSize: Int, _ poolBlocks: Int, _ hostBlocks: Int) {
    let options = EngineOptions(
      maxNumSeqs: 7, maxNumBatchedTokens: 11, blockSize: blockSize, enablePrefixCaching: false,
      kvCacheMemory: .bytes(0))
    var replica = Replica(options: options, poolBlocks: poolBlocks, hostBlocks: hostBlocks)
    var naive = NaiveReplica(
      blockSize: blockSize, seats: 7, budget: 11, blocks: poolBlocks, hostBlocks: hostBlocks)
    var scheduler = ContinuousBatching()
    var random = SeededRandom(UInt64(blockSize))
    var arrived: Int64 = 0
    for step in 0..<(5_000 * testDepth) {
      while naive.waiting.count < 3, Int.random(in: 0..<3, using: &random) > 0 {
        let prompt = Int.random(in: 1...poolBlocks * blockSize / 3, using: &random)
        let outputs = Int.random(in: 1...poolBlocks * blockSize / 3, using: &random)
        replica.enqueue(
          Sequence(
            ArrivingRequest(id: arrived, promptTokens: prompt, outputTokens: outputs), arrivalNs: 0)
        )
        naive.waiting.append(
          NaiveReplica.Request(id: arrived, prompt: prompt, outputs: outputs, target: prompt))
        arrived += 1
      }
      guard !replica.isDrained else { continue }
      scheduler.plan(&replica, now: 0)
      naive.plan()
      guard agree(replica, naive, step) else { return }
      let batch = replica.batch
      if batch.decodeSequences > 0 { replica.completeDecodes(steps: 1, now: 0) }
      while replica.popFinished() != nil {}
      for (index, chunk) in batch.chunks.enumerated() {
        _ = replica.completeChunk(chunk, of: replica.chunkSlots[index], now: 0) { _ in }
      }
      naive.complete()
      guard agree(replica, naive, step) else { return }
    }
    #expect(naive.out > 50 && naive.back > 50 && naive.finished > 200)
    #expect(hostBlocks > poolBlocks || naive.again > 5)
  }

  private func agree(_ replica: Replica, _ naive: NaiveReplica, _ step: Int) -> Bool {
    func ids(_ slots: some Swift.Sequence<Int>) -> [Int64] {
      slots.map { replica.sequences[$0].id }
    }
    let isAlike =
      replica.pool.free == naive.free.count && replica.hostPool.free == naive.hostFree.count
      && replica.runningCount == naive.running.count
      && ids(replica.waiting.slots) == naive.waiting.map(\.id)
      && ids(replica.swapped) == naive.swapped.map(\.id)
      && replica.decodes.contextTokens
        == naive.running.filter(\.decodes).reduce(0) { $0 + $1.tokens }
    #expect(isAlike, "step \(step)")
    return isAlike
  }
}
