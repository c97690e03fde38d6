import Testing

@testable import Kernels

@Suite struct ShaderConstantsTests {
  /// Sizes of pages by their numbers in common.glsl: bits, head size, page size, orders of keys and
  /// values, query heads per KV head.
  @Test(
    "A shader depends on the sizes of pages that its code reads, also through others",
    arguments: [
      (.append, [1, 2, 3, 4, 5]), (.gather, [1, 2, 3, 4, 5]), (.rotate, [2]),
      (.decode, [1, 2, 3, 6]), (.prefill, [1, 2, 3, 6]), (.merge, [2, 6]), (.linearTiles, []),
      (.linearRows, []), (.gatherHalves, [1, 2, 3]), (.prefillMatrix, [2, 4, 6]), (.halves, []),
      (.linearMatrix, []), (.decodeMatrix, [1, 2, 3, 6]), (.linearFew, []), (.linearStream, []),
      (.fill, [1, 2, 3]),
    ] as [(VulkanShader, Set<Int>)])
  func used(_ shader: VulkanShader, _ numbers: Set<Int>) {
    #expect(ShaderConstants(shader.words).used.intersection(1...6) == numbers)
  }

  @Test("Defaults are those of common.glsl, and the workgroup's size counts")
  func defaults() {
    let constants = ShaderConstants(VulkanShader.gather.words)
    #expect(constants.defaults == [0: 1, 1: 16, 2: 128, 3: 16, 4: 0, 5: 0, 6: 1])
    #expect(constants.used.contains(0))
  }

  @Test("What nothing reads makes no other pipeline")
  func relevant() {
    let constants = ShaderConstants(VulkanShader.merge.words)
    #expect(constants.relevant([64, 4, 80, 8, 16, 16, 5]) == [64, 16, 80, 16, 0, 0, 5])
  }
}
