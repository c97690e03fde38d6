import CVulkan
import FaultyVulkan
import Operators
import TestSupport
import Testing

@testable import Kernels

/// Vulkan fails at every call that can fail, on purpose; see FaultyVulkan.h.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanFaultTests {
  private func open() throws -> VulkanBackend {
    try VulkanBackend(
      VulkanContext(.any, validates: false, vulkan: faulty_get_instance_proc_addr))
  }

  /// Three tokens of a dense layer, right ones.
  private func expectWorks(_ backend: VulkanBackend) throws {
    var y = [Float](repeating: .nan, count: 6)
    let half = Float16(0.5).bitPattern
    try backend.linear(
      [1, 2, 3, 4, 5, 6], weights: [half, half, half, 0], tokens: 3, outputs: 2, inputs: 2,
      into: &y)
    #expect(y == [1.5, 0.5, 3.5, 1.5, 5.5, 2.5])
  }

  /// One token of attention, of four-bit pages.
  private func decode(_ backend: VulkanBackend) throws {
    let layout = PageLayout(format: .int4Rotated, blockSize: 16, kvHeads: 1, headDim: 64)
    let pages = try KVPages(layout: layout, pageCount: 1)
    var output = [Float](repeating: 0, count: 128)
    try backend.decodeAttention(
      queries: [Float](repeating: 1, count: 128), queryHeads: 2,
      sequences: [CachedSequence(blocks: [0], context: 5)], pages: pages, into: &output)
  }

  private func failure(_ error: (any Error)?) throws -> DeviceFailure {
    let error = try #require(error as? DeviceError)
    guard case .failed(let failure) = error else { throw error }
    return failure
  }

  @Test("A pool that is not to be had is asked for at half its size, and timing goes on")
  func halvedPool() throws {
    let whole = try open()
    _ = try whole.measureReadBandwidth(repeats: 1)
    let cramped = try open()
    faulty_arm("vkAllocateMemory", 1, VK_ERROR_OUT_OF_DEVICE_MEMORY)
    defer { faulty_arm(nil, 0, VK_SUCCESS) }
    #expect(try cramped.measureReadBandwidth(repeats: 1) > 0)
    let bytes = [whole, cramped].map { $0.arena!.halves.memory.byteCount }
    #expect(bytes[1] == bytes[0] / 2)
  }

  @Test(
    "Each call fails once: an error of its kind with operator, shape and device, and work goes on",
    arguments: [
      (VK_ERROR_OUT_OF_DEVICE_MEMORY, DeviceFailure.Kind.outOfMemory),
      (VK_ERROR_DEVICE_LOST, .lost),
    ])
  func everyCall(result: VkResult, kind: DeviceFailure.Kind) throws {
    var call: UInt64 = 1
    var failedAt: Set<String> = []
    while true {
      faulty_arm(nil, call, result)
      defer { faulty_arm(nil, 0, VK_SUCCESS) }
      var backend: VulkanBackend?
      do {
        backend = try open()
        try expectWorks(backend!)
        break
      } catch DeviceError.noVulkan {
        #expect(backend == nil)
      } catch {
        let failure = try failure(error)
        #expect(failure.kind == kind && !failure.device.isEmpty, "\(error)")
        // A device with matrices is asked for its fragments on the way.
        let opening = ["open", "asking for fragments of matrices"]
        let isNamed =
          backend == nil ? opening.contains(failure.operation) : failure.operation == "linear"
        #expect(isNamed, "\(error)")
        #expect(backend == nil || failure.shape == "3 tokens, 2 outputs, 2 inputs")
      }
      failedAt.insert(String(cString: faulty_failed()))
      if let backend, kind == .outOfMemory {
        try expectWorks(backend)
      } else if let backend {
        let again = try failure(#expect(throws: DeviceError.self) { try expectWorks(backend) })
        #expect(again.kind == .lost && again.operation == "linear")
      }
      try expectWorks(try open())
      call += 1
    }
    print("Vulkan failed at \(call - 1) calls of \(failedAt.count) functions")
    #expect(failedAt.count >= 20)
    for name in ["vkCreateDevice", "vkMapMemory", "vkCreateComputePipelines", "vkQueueSubmit"] {
      #expect(failedAt.contains(name))
    }
  }

  @Test("A lost device says of what operator, and a device that is opened anew works")
  func lost() throws {
    let backend = try open()
    faulty_arm("vkQueueSubmit", 1, VK_ERROR_DEVICE_LOST)
    let error = #expect(throws: DeviceError.self) { try decode(backend) }
    faulty_arm(nil, 0, VK_SUCCESS)
    #expect(
      "\(error!)" == "decode attention (1 sequences, int4-rotated, 1 KV heads of 64, 2 query heads "
        + "each, pages of 16) on \(backend.name): device lost: running the commands: the device "
        + "stopped answering")
    try decode(try open())
  }

  @Test("What does not end in time is an error, and a device that is opened anew works")
  func timeOut() throws {
    let context = try VulkanContext(
      .any, validates: false, vulkan: faulty_get_instance_proc_addr)
    context.timeout_ns = 1
    let work = VulkanWork("filling", "64 MiB")
    do {
      let memory = try context.memory(byteCount: 64 << 20, for: work)
      let failure = try failure(
        #expect(throws: DeviceError.self) {
          try context.run(work) { (recorder) throws(DeviceError) in
            for word in 0..<4 {
              recorder.fill(memory, UInt32(word))
              recorder.barrier()
            }
          }
        })
      #expect(failure.kind == .timedOut && failure.device == context.device.name)
      #expect(failure.operation == "filling" && failure.shape == "64 MiB")
    }
    // What still runs keeps its memory; the device is of no use any more.
    let next = try failure(
      #expect(throws: DeviceError.self) { try context.run(work) { _ in } })
    #expect(next.kind == .timedOut)
    try expectWorks(try open())
  }

  @Test(
    "A device without what kernels need is refused by the feature's name",
    arguments: [
      (FAULTY_BUFFER_ADDRESS, "bufferDeviceAddress"), (FAULTY_INT64, "shaderInt64"),
      (FAULTY_16BIT_STORAGE, "storageBuffer16BitAccess"),
      (FAULTY_SUBGROUP_ARITHMETIC, "subgroup arithmetic"),
    ])
  func missingFeature(feature: faulty_feature, name: String) throws {
    faulty_hide(feature)
    defer { faulty_hide(FAULTY_NONE) }
    let error = #expect(throws: DeviceError.self) { _ = try open() }
    let failure = try failure(error)
    #expect(failure.kind == .missingFeature && failure.operation == "open")
    #expect(failure.reason.contains(name) && !failure.device.isEmpty)
    faulty_hide(FAULTY_NONE)
    try expectWorks(try open())
  }
}
