import CostModel
import Operators
import TestSupport
import Testing

@testable import Simulator

@Suite("Block pool")
struct BlockPoolTests {
  @Test("200,000 random operations agree with a set of block numbers")
  func agreesWithNaivePool() {
    var random = SeededRandom(9)
    var pool = BlockPool(capacity: 100, blockSize: 16)
    var free = Set(0..<100)
    var owned: [[Int]] = []
    for _ in 0..<200_000 {
      if owned.isEmpty || Bool.random(using: &random) {
        let wanted = Int.random(in: 0...30, using: &random)
        #expect(pool.allocate(wanted) == (wanted <= free.count))
        if wanted <= free.count {
          let taken = Array(free.prefix(wanted))
          free.subtract(taken)
          owned.append(taken)
        }
      } else {
        let given = owned.remove(at: Int.random(in: 0..<owned.count, using: &random))
        free.formUnion(given)
        pool.release(given.count)
      }
      #expect(pool.free == free.count && pool.free + pool.used == pool.capacity)
    }
  }

  @Test("Owners find again the first blocks that nobody took, as in a queue of single blocks")
  func agreesWithNaiveQueue() {
    var random = SeededRandom(4)
    var pool = BlockPool(capacity: 60, blockSize: 16)
    // The naive queue: each block's owner and number, the longest free first.
    var queue = [(owner: Int, number: Int)](repeating: (-1, 0), count: 60)
    var held: [Int] = []
    var retired = Set<Int>()
    var found = 0
    for turn in 0..<100_000 {
      switch Int.random(in: 0..<4, using: &random) {
      case 0, 1:
        let wanted = Int.random(in: 0...12, using: &random)
        #expect(pool.allocate(wanted) == (wanted <= queue.count))
        guard wanted <= queue.count else { continue }
        queue.removeFirst(wanted)
        held.append(wanted)
      case 2:
        guard let blocks = held.popLast() else { continue }
        if Bool.random(using: &random) {
          pool.release(blocks)
          queue += Array(repeating: (-1, 0), count: blocks)
        } else {
          pool.release(blocks, of: .sequence(turn))
          queue += (0..<blocks).reversed().map { (turn, $0) }
          retired.insert(turn)
        }
      default:
        guard let owner = retired.min() else { continue }
        retired.remove(owner)
        let limit = Int.random(in: 0...8, using: &random)
        let left = queue.filter { $0.owner == owner && $0.number < limit }.count
        #expect(pool.reclaim(for: .sequence(owner), limit: limit) == left)
        queue.removeAll { $0.owner == owner && $0.number < limit }
        queue = queue.map { $0.owner == owner ? (-1, 0) : $0 }
        held.append(left)
        found += left
      }
      #expect(pool.free == queue.count && pool.queuedBlocks == queue.count)
    }
    #expect(found > 1_000)
  }

  @Test("Blocks for tokens are rounded up")
  func rounding() {
    let pool = BlockPool(capacity: 1, blockSize: 16)
    #expect([0, 1, 15, 16, 17, 32].map(pool.blocks(forTokens:)) == [0, 1, 1, 1, 2, 2])
  }

  @Test("An empty request takes nothing and exact capacity passes")
  func exactCapacity() {
    var pool = BlockPool(capacity: 3, blockSize: 1)
    let all = pool.allocate(3)
    let more = pool.allocate(1)
    #expect(all && !more && pool.peakUsed == 3)
  }

  @Test("Weights, activations and pool add up to what the engine may use, within a block")
  func planAddsUp() {
    let model = ModelArchitecture(
      name: "m", hiddenSize: 1024, intermediateSize: 3072, layers: 28,
      heads: HeadGeometry(queryHeads: 16, kvHeads: 8, headDim: 128), vocabSize: 151_936,
      maxPositions: 40_960, tiesEmbeddings: true)
    let device = Device(
      name: "d", kind: "cpu", kernelPath: "scalar", threads: 1, memoryBytes: 16 << 30,
      lastLevelCacheBytes: 0)
    let options = EngineOptions(
      maxNumSeqs: 64, maxNumBatchedTokens: 512, blockSize: 16,
      enablePrefixCaching: true, kvCacheMemory: .utilization(0.5))
    for format in KVFormat.named {
      let plan = PoolPlan(model: model, device: device, format: format, options: options)
      #expect(plan.usableBytes == 8 << 30)
      #expect(plan.weightBytes + plan.activationBytes + plan.poolBytes == plan.usableBytes)
      let left = plan.poolBytes - plan.tokens * plan.kvBytesPerToken
      #expect(left >= 0 && left < 16 * plan.kvBytesPerToken)
      #expect(plan.shortfallBytes == 0)
      // The engine leaves half of the memory.
      #expect(plan.unusedBytes == 8 << 30)
      // A page of codes, scales and zeros in each layer.
      let pageBytes = plan.pageCodeBytes + plan.pageMetadataBytes
      #expect(plan.blockBytes == plan.layers * pageBytes)
      #expect(plan.blockBytes == 16 * plan.kvBytesPerToken)
    }
    // 28 layers × 8 KV heads × 2 × 128 × 2 bytes, and 136 bytes instead of 512 per head.
    let plans = KVFormat.named.map {
      PoolPlan(model: model, device: device, format: $0, options: options)
    }
    #expect(plans.map(\.kvBytesPerToken) == [114_688, 30_464, 30_464])
    // 16 tokens × 8 heads × 2 × 128 elements of 2 bytes or a half, and 4 bytes a vector.
    #expect(plans.map(\.pageCodeBytes) == [65_536, 16_384, 16_384])
    #expect(plans.map(\.pageMetadataBytes) == [0, 1024, 1024])
  }

  @Test("Activations are those of the widest layer, experts' rows and outputs included")
  func activations() {
    let heads = HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16)
    func bytes(_ layers: [FeedForward]) -> Int {
      let model = ModelArchitecture(
        name: "m", hiddenSize: 64,
        layerGroups: layers.map { LayerGroup(count: 1, feedForward: $0) },
        heads: heads, vocabSize: 1000, maxPositions: 512, tiesEmbeddings: true)
      let device = Device(
        name: "d", kind: "cpu", kernelPath: "scalar", threads: 1, memoryBytes: 1 << 30,
        lastLevelCacheBytes: 0)
      let options = EngineOptions(
        maxNumSeqs: 2, maxNumBatchedTokens: 10, blockSize: 16, enablePrefixCaching: true,
        kvCacheMemory: .utilization(0.5))
      return PoolPlan(model: model, device: device, format: .fp16, options: options)
        .activationBytes
    }
    func rows(_ width: Int) -> Int { 4 * (10 * (2 * 64 + width) + 2 * 1000) }
    let narrow = FeedForward.dense(intermediateSize: 10, isGated: true)
    let noGate = FeedForward.dense(intermediateSize: 200, isGated: false)
    let experts = FeedForward.experts(
      count: 8, perToken: 2, intermediateSize: 100, sharedIntermediateSize: 10)
    // Attention: Q, K, V and its output, 2 · (4 + 2) · 16.
    #expect(bytes([narrow]) == rows(192))
    #expect(bytes([narrow, noGate]) == rows(400))
    // Two experts' rows of 3 · 100 and outputs of 64, the shared one's, and the router's 8.
    #expect(bytes([experts, narrow, noGate]) == rows(2 * 364 + 30 + 8))
  }
}
