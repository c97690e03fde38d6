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
      (.linearRows, []),
    ] as [(VulkanShader, Set<Int>)])
  func used(_ shader: VulkanShader, _ numbers: Set<Int>) {
    #expect(ShaderConstants(shader.words).used.intersection(1...6) == numbers)
  }

  @Test("All shaders have defaults, and the workgroup's size always counts")
  func defaults() {
    for shader in VulkanShader.allCases {
      let constants = ShaderConstants(shader.words)
      #expect(constants.defaults[2] == 128 && constants.defaults[3] == 16, "\(shader)")
      #expect(constants.used.contains(0), "\(shader)")
    }
  }

  @Test("What nothing reads makes no other pipeline")
  func relevant() {
    let constants = ShaderConstants(VulkanShader.merge.words)
    #expect(constants.relevant([64, 4, 80, 8, 16, 16, 5]) == [64, 16, 80, 16, 0, 0, 5])
  }
}
