import Testing

@testable import KernelStudies

@Suite struct HadamardTests {
  @Test(arguments: [1, 2, 4, 8, 16, 32, 64, 128, 256])
  func butterfliesMultiplyByTheMatrix(_ order: Int) {
    var random = CheckRandom(seed: 9)
    let vector = random.normals(3 * order).map(Double.init)
    let turned = Hadamard(order: order).rotated(vector)
    for block in 0..<3 {
      for i in 0..<order {
        var sum = 0.0
        for j in 0..<order {
          let sign = (i & j).nonzeroBitCount % 2 == 0 ? 1.0 : -1.0
          sum += sign * vector[block * order + j]
        }
        let error = abs(turned[block * order + i] - sum / Double(order).squareRoot())
        #expect(error <= 1e-13)
      }
    }
  }
}
