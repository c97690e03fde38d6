import Operators
import TestSupport
import Testing

@testable import KernelStudies
@testable import Kernels

/// What prefill attention by matrices reads, whose own shader runs where there are matrices alone.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanGatherHalvesTests {
  @Test(
    "Keys and values as halves, in the order of matrices, and zeros behind them",
    arguments: [KVFormat.fp16, .int4, .int4Rotated], [64, 128])
  func order(_ format: KVFormat, dim: Int) throws {
    let (heads, tokens, tiles) = (3, 75, 4)
    let layout = PageLayout(format: format, blockSize: 16, kvHeads: heads, headDim: dim)
    var random = CheckRandom(seed: 5)
    var pages = try KVPages(layout: layout, pageCount: 6)
    let table: [Int32] = [4, 1, 5, 0, 2]
    let slots = (0..<tokens).map { Int(table[$0 / 16]) * 16 + $0 % 16 }
    try CPUBackend().append(
      keys: random.normals(tokens * heads * dim), values: random.normals(tokens * heads * dim),
      slots: slots, to: &pages)
    let gathered = try gather(pages, table, tokens: tokens, tiles: tiles)
    let reader = PageReader(pages: pages)
    for head in 0..<heads {
      for token in 0..<tiles * 32 {
        for isValue in [false, true] {
          let expected =
            token < tokens
            ? reader.vector(slot: slots[token], kvHead: head, isValue: isValue)
            : [Double](repeating: 0, count: dim)
          let start =
            (isValue ? heads * tiles * 32 * dim : 0) + (head * tiles + token / 32) * 32 * dim
          for d in 0..<dim {
            let place =
              isValue ? d * 32 + token % 32 : (d / 32 * 32 + token % 32) * 32 + d % 32
            let got = Double(Float16(bitPattern: gathered[start + place]))
            try #require(
              abs(got - expected[d]) <= 0x1p-10 * abs(expected[d]) + 1e-6,
              "head \(head), token \(token), \(isValue), \(d): \(got), not \(expected[d])")
          }
        }
      }
    }
  }

  /// Keys, then values.
  private func gather(
    _ pages: KVPages, _ table: [Int32], tokens: Int, tiles: Int
  ) throws -> [UInt16] {
    let context = try VulkanContext(.any)
    let work = VulkanWork("test")
    let layout = pages.layout
    let count = layout.kvHeads * tiles * 32 * layout.headDim
    let pool = try context.memory(of: pages.bytes, for: work)
    let places = try context.memory(of: table, for: work)
    let made = try context.memory(byteCount: 4 * count, isHostVisible: true, for: work)
    let operators = VulkanOperators(context: context, work: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      recorder.fill(made, 0x7E00_7E00)
      recorder.barrier()
      try operators.gatherHalves(
        PageConstants(layout: layout, groupSize: 1), pages: pool.address, table: places.address,
        keys: made.address, values: made.address + UInt64(2 * count), tokens: tokens,
        tiles: tiles, recorder)
      recorder.barrier()
    }
    var halves = [UInt16](repeating: 0, count: 2 * count)
    made.read(into: &halves, count: halves.count)
    return halves
  }
}
