import Testing

@testable import Kernels

@Suite("Which elements of matrices a lane holds")
struct VulkanFragmentsTests {
  /// What fragments.comp found on an NVIDIA H200 (driver 580.159.04) in lanes 0, 1, 4 and 31.
  private static let found: [Int: [Float]] = [
    0: [0, 1, 8, 9, 128, 129, 136, 137, 0, 8, 64, 72, 0, 1, 64, 65],
    1: [2, 3, 10, 11, 130, 131, 138, 139, 16, 24, 80, 88, 2, 3, 66, 67],
    4: [16, 17, 24, 25, 144, 145, 152, 153, 1, 9, 65, 73, 8, 9, 72, 73],
    31: [118, 119, 126, 127, 246, 247, 254, 255, 55, 63, 119, 127, 62, 63, 126, 127],
  ]

  /// All lanes of that device: elements rise by rows of four lanes, and by columns within them.
  private static var all: [Float] {
    (0..<32).flatMap { lane in
      let (row, column) = (Float(lane / 4), Float(lane % 4))
      let left = found[0]![..<8].map { $0 + 16 * row + 2 * column }
      let right = found[0]![8..<12].map { $0 + row + 16 * column }
      let result = found[0]![12...].map { $0 + 8 * row + 2 * column }
      return left + right + result
    }
  }

  @Test("An H200's are those that shaders count on")
  func known() {
    for (lane, elements) in VulkanFragmentsTests.found {
      #expect(Array(VulkanFragmentsTests.all[16 * lane..<16 * (lane + 1)]) == elements)
    }
    #expect(VulkanContext.areExpected(VulkanFragmentsTests.all))
  }

  @Test("A device that differs in two elements of one lane goes without matrices")
  func unknown() {
    var other = VulkanFragmentsTests.all
    other.swapAt(16 * 9 + 2, 16 * 9 + 4)
    #expect(!VulkanContext.areExpected(other))
    #expect(!VulkanContext.areExpected([]))
  }
}
