import CVulkan
import Testing

@testable import Kernels

@Suite struct PipelineCacheTests {
  private func key(_ number: Int) -> PipelineCache.Key {
    PipelineCache.Key(shader: .fill, constants: [UInt32(number)])
  }
  private func pipeline(_ number: Int) -> VkPipeline { VkPipeline(bitPattern: number + 1)! }

  @Test("The least recently used go, and only when they are asked to")
  func oldest() {
    var cache = PipelineCache()
    let limit = PipelineCache.limit
    for number in 0..<limit + 3 { cache.keep(pipeline(number), key(number)) }
    #expect(cache.pipelines.count == limit + 3)
    #expect(cache.find(key(1)) == pipeline(1))
    #expect(cache.removeOldest() == [0, 2, 3].map(pipeline))
    #expect(cache.removeOldest().isEmpty)
    #expect(cache.find(key(0)) == nil && cache.find(key(1)) == pipeline(1))
    #expect(cache.pipelines.count == limit)
  }
}
