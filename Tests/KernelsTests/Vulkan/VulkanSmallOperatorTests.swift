import TestSupport
import Testing

@testable import Kernels

/// What the check cannot see of the small operators: memory behind an output on the device.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanSmallOperatorTests {
  private let work = VulkanWork("test", "of small operators")
  private let room = 400

  /// Twos, and what an operator makes of some of them.
  private func made(
    _ context: VulkanContext,
    _ record: (VulkanOperators, UInt64, VulkanRecorder) throws(DeviceError) -> Void
  ) throws -> [Float] {
    var numbers = [Float](repeating: 2, count: room)
    let memory = try context.memory(of: numbers, for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      try record(VulkanOperators(context: context, work: work), memory.address, recorder)
      recorder.barrier()
    }
    memory.read(into: &numbers, count: room)
    return numbers
  }

  @Test("Nothing is written behind an output of any length, and validation is silent")
  func ends() throws {
    let context = try VulkanContext(.any, validates: true)
    let ones = try context.memory(of: [Float](repeating: 1, count: room), for: work)
    let positions = try context.memory(of: [UInt32(0), 0, 0], for: work)
    // Half a turn for each position from 0: of position 0 none.
    let turns = try context.memory(of: [UInt64](repeating: 1 << 63, count: 64), for: work)
    for count in [1, 2, 3, 4, 5, 7, 127, 128, 129, 255] {
      let added = try made(context) { (operators, x, recorder) throws(DeviceError) in
        try operators.add(x, ones.address, to: x, count: count, recorder)
      }
      #expect(added == (0..<room).map { $0 < count ? 3 : 2 })
      let gated = try made(context) { (operators, x, recorder) throws(DeviceError) in
        try operators.siluMultiply(gate: ones.address, up: x, to: x, count: count, recorder)
      }
      #expect(gated[..<count].allSatisfy { abs($0 - 1.462_117_2) < 1e-5 })
      #expect(gated[count...].allSatisfy { $0 == 2 })
      let normalised = try made(context) { (operators, x, recorder) throws(DeviceError) in
        try operators.rmsNorm(
          x: x, weight: ones.address, to: x, rows: 1, width: count, epsilon: 1e-6, recorder)
      }
      #expect(normalised[..<count].allSatisfy { abs($0 - 1) < 1e-5 })
      #expect(normalised[count...].allSatisfy { $0 == 2 })
    }
    let turned = try made(context) { (operators, x, recorder) throws(DeviceError) in
      try operators.rotary(
        x: x, positions: positions.address, frequencies: turns.address, tokens: 3, heads: 2,
        headDim: 64, recorder)
    }
    #expect(turned.allSatisfy { $0 == 2 })
    let said = try #require(context.validation)
    #expect(said.count == 0, "\(said.first)")
  }
}
