import TestSupport
import Testing

@testable import Kernels

/// These run where there is a Vulkan device, if only llvmpipe; CI installs one.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanContextTests {
  private struct Fill {
    var x: UInt64
    var count: UInt32
  }

  private let work = VulkanWork("test", "of this suite")

  private func fill(_ context: VulkanContext, count: Int) throws -> [Float] {
    let memory = try context.memory(byteCount: 4 * count, isHostVisible: true, for: work)
    let pipeline = try context.pipeline(.fill, [64], for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      recorder.fill(memory, 0x7FC0_0000)
      recorder.dispatch(
        pipeline, Fill(x: memory.address, count: UInt32(count)), (count + 63) / 64)
    }
    var numbers = [Float](repeating: -1, count: count)
    memory.read(into: &numbers, count: count)
    return numbers
  }

  @Test("A shader writes through an address, as often as it is asked, and validation is silent")
  func computing() throws {
    let context = try VulkanContext(.any, validates: true)
    for count in [1, 63, 64, 1000, 100_000] {
      #expect(try fill(context, count: count) == (0..<count).map(Float.init))
    }
    let said = try #require(context.validation)
    #expect(said.count == 0, "\(said.first)")
  }

  @Test("Memory of the device alone is reached by copies, which wait for each other")
  func copies() throws {
    let context = try VulkanContext(.any, validates: true)
    let numbers = (0..<4096).map { Int32($0) }
    let from = try context.memory(of: numbers, for: work)
    let there = try context.memory(byteCount: from.byteCount, for: work)
    let back = try context.memory(byteCount: from.byteCount, isHostVisible: true, for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      recorder.copy(from, to: there, byteCount: from.byteCount)
      recorder.copy(there, to: back, byteCount: from.byteCount)
    }
    var read = [Int32](repeating: 0, count: numbers.count)
    back.read(into: &read, count: numbers.count)
    #expect(read == numbers)
    let said = try #require(context.validation)
    #expect(said.count == 0, "\(said.first)")
  }

  @Test("Stamps rise with the work between them")
  func stamps() throws {
    let context = try VulkanContext(.any)
    let count = 1 << 20
    let memory = try context.memory(byteCount: 4 * count, for: work)
    let pipeline = try context.pipeline(.fill, [64], for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      recorder.stamp(0)
      for stamp in 1...3 {
        recorder.dispatch(pipeline, Fill(x: memory.address, count: UInt32(count)), count / 64)
        recorder.barrier()
        recorder.stamp(stamp)
      }
    }
    let times_ns = try context.stamps_ns(4, for: work)
    #expect(times_ns[0] == 0 && times_ns == times_ns.sorted() && times_ns[3] > 0)
  }

  @Test("Only so many pipelines are kept, but all that one list needs, and those gone come again")
  func pipelines() throws {
    let context = try VulkanContext(.any, validates: true)
    let count = PipelineCache.limit + 10
    let memory = try context.memory(byteCount: 4 * count, isHostVisible: true, for: work)
    for _ in 0..<2 {
      try context.run(work) { (recorder) throws(DeviceError) in
        for threads in 1...count {
          recorder.dispatch(
            try context.pipeline(.fill, [UInt32(threads)], for: work),
            Fill(x: memory.address, count: UInt32(threads)), 1)
          recorder.barrier()
        }
      }
      #expect(context.pipelineCount == count)
      var numbers = [Float](repeating: -1, count: count)
      memory.read(into: &numbers, count: count)
      #expect(numbers == (0..<count).map(Float.init))
      #expect(try fill(context, count: 100).last == 99)
      #expect(context.pipelineCount == PipelineCache.limit)
    }
    let said = try #require(context.validation)
    #expect(said.count == 0, "\(said.first)")
  }

  @Test("Memory that the device has not is an error with operator, shape and device; work goes on")
  func outOfMemory() throws {
    let context = try VulkanContext(.any)
    let error = #expect(throws: DeviceError.self) {
      _ = try context.memory(byteCount: 1 << 52, for: work)
    }
    guard case .failed(let failure) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(failure.operation == "test" && failure.shape == "of this suite")
    #expect(failure.device == context.device.name)
    #expect("\(error!)".contains("\(1 << 52) bytes"))
    #expect(try fill(context, count: 100).last == 99)
  }

  @Test("A device that is not there is an error that names those that are")
  func otherDevice() {
    #expect {
      _ = try VulkanContext(.name("no such device"))
    } throws: { error in
      "\(error)".contains("vulkan:no such device") && "\(error)".contains("vulkan:0 is")
    }
  }

  @Test(
    "Scratch memory grows within a list, keeps what was handed out before, and then the largest")
  func scratch() throws {
    let context = try VulkanContext(.any, validates: true)
    let pipeline = try context.pipeline(.fill, [64], for: work)
    var places: [UInt64] = []
    try context.run(work) { (recorder) throws(DeviceError) in
      places = [
        try context.scratch(byteCount: 64, for: work),
        try context.scratch(byteCount: 16, for: work),
        try context.scratch(byteCount: 16384, for: work),
      ]
      recorder.dispatch(pipeline, Fill(x: places[0], count: 16), 1)
      recorder.dispatch(pipeline, Fill(x: places[2], count: 4096), 64)
    }
    #expect(places[0] == places[1] && places[0] != places[2])
    try context.run(work) { (recorder) throws(DeviceError) in
      let place = try context.scratch(byteCount: 64, for: work)
      #expect(place == places[2])
      recorder.barrier()
    }
    #expect(context.validation?.count == 0)
  }
}
