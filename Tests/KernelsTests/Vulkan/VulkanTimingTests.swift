import Operators
import TestSupport
import Testing

@testable import Kernels

/// These run where there is a Vulkan device, if only llvmpipe; CI installs one.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct VulkanTimingTests {
  private let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)

  @Test("Every operator is timed as often as asked, without a word of the validation layer")
  func everything() throws {
    let backend = try VulkanBackend(.any, validates: true)
    var shapes: [OperatorShape] = [
      .linear(tokens: 1, outputs: 8, inputs: 16), .linear(tokens: 64, outputs: 8, inputs: 16),
    ]
    for format in KVFormat.named {
      shapes.append(.append(tokens: 3, heads: heads, format: format))
      shapes.append(.gather(tokens: 3, heads: heads, format: format))
      shapes.append(.decodeAttention(sequences: 2, context: 17, heads: heads, format: format))
      shapes.append(
        .raggedDecode(
          RaggedBatch(sequences: 3, context: 200, longest: 520), heads: heads, format: format))
      shapes.append(.prefillAttention(tokens: 5, prefix: 3, heads: heads, format: format))
    }
    for kind in [ElementwiseOperator.norm, .finalNorm, .rotary, .activation] {
      shapes.append(.elementwise(kind, rows: 3, width: 192))
    }
    for shape in shapes {
      let samples_ns = try backend.time(shape, blockSize: 16, repeats: 3)
      #expect(samples_ns.count == 3 && samples_ns.allSatisfy { $0 > 0 }, "\(shape)")
    }
    #expect(try backend.time(shapes[0], blockSize: 16, repeats: 0).isEmpty)
    #expect(try backend.measureReadBandwidth(repeats: 1) > 0)
    #expect(try backend.measureRead(ofBytes: 1 << 20, repeats: 2) > 0)
    // More than a workgroup for each 32 KiB, which go round twice.
    #expect(try backend.measureRead(ofBytes: 300 << 20, repeats: 1) > 0)
    let said = try #require(backend.validation)
    #expect(said.count == 0, "\(said.first)")
  }

  @Test("Cores are multiprocessors where the driver says, else 1; caches are assumed")
  func facts() throws {
    let backend = try VulkanBackend(.any)
    let known = Int(backend.context.features.multiprocessors)
    #expect(backend.facts.coreCount == max(1, known))
    #expect(backend.facts.lastLevelCacheBytes == VulkanBackend.assumedCacheBytes)
    #expect(backend.facts.isGPU == (backend.context.device.kind != .cpu))
  }

  @Test("Sizes that overflow or that no memory holds are errors that name the size")
  func refusals() throws {
    let backend = try VulkanBackend(.any)
    let vast = HeadGeometry(queryHeads: 1 << 28, kvHeads: 1 << 28, headDim: 64)
    let shapes: [(String, OperatorShape)] = [
      ("tokens", .linear(tokens: .max, outputs: 8, inputs: 8)),
      ("outputs", .linear(tokens: 8, outputs: .max, inputs: 8)),
      ("inputs", .linear(tokens: 8, outputs: 8, inputs: .max)),
      ("inputs", .linear(tokens: 8, outputs: 8, inputs: -1)),
      ("activation_bytes", .linear(tokens: 1 << 32, outputs: 8, inputs: 8)),
      ("weight_bytes", .linear(tokens: 1, outputs: 1 << 24, inputs: 1 << 20)),
      ("result_bytes", .linear(tokens: 1 << 20, outputs: 1 << 18, inputs: 1)),
      ("rows", .elementwise(.norm, rows: .max, width: 8)),
      ("row_bytes", .elementwise(.norm, rows: 1 << 20, width: 1 << 16)),
      ("row_bytes", .elementwise(.rotary, rows: 1 << 20, width: 1 << 16)),
      ("row_bytes", .elementwise(.activation, rows: 1 << 20, width: 1 << 16)),
      ("width", .elementwise(.rotary, rows: 1, width: 40)),
      ("tokens", .append(tokens: .max, heads: heads, format: .int4)),
      ("tokens", .append(tokens: 0, heads: heads, format: .int4)),
      ("row_bytes", .append(tokens: 1 << 36, heads: heads, format: .int4)),
      ("tokens", .gather(tokens: .max, heads: heads, format: .int4)),
      ("row_bytes", .gather(tokens: 1 << 36, heads: heads, format: .fp16)),
      ("tokens", .decodeAttention(sequences: 1, context: .max, heads: heads, format: .int4)),
      ("tokens", .decodeAttention(sequences: 1, context: 1 << 32, heads: heads, format: .int4)),
      ("pages", .decodeAttention(sequences: 8, context: 1 << 31, heads: heads, format: .int4)),
      ("sequences", .decodeAttention(sequences: .max, context: 1, heads: heads, format: .int4)),
      ("sequences", .decodeAttention(sequences: 0, context: 1, heads: heads, format: .int4)),
      ("context", .decodeAttention(sequences: 1, context: 0, heads: heads, format: .int4)),
      ("tokens", .prefillAttention(tokens: .max, prefix: 1, heads: heads, format: .int4)),
      ("query_bytes", .prefillAttention(tokens: 1 << 36, prefix: 1, heads: heads, format: .int4)),
      ("prefix", .prefillAttention(tokens: 1, prefix: .max, heads: heads, format: .int4)),
      ("prefix", .prefillAttention(tokens: 1, prefix: -1, heads: heads, format: .int4)),
      ("page_bytes", .append(tokens: 1, heads: vast, format: .fp16)),
      ("page_bytes", .decodeAttention(sequences: 1, context: 1, heads: vast, format: .int4)),
    ]
    for (field, shape) in shapes {
      let error = #expect(throws: DeviceError.self) {
        _ = try backend.time(shape, blockSize: 16, repeats: 1)
      }
      guard case .unsupportedShape(field, _, _) = error else {
        Issue.record("\(field), \(shape): \(String(describing: error))")
        continue
      }
    }
    #expect(throws: DeviceError.self) {
      _ = try backend.time(
        .gather(tokens: 1, heads: heads, format: .int4), blockSize: 0, repeats: 1)
    }
    // The device goes on.
    #expect(
      try backend.time(.gather(tokens: 1, heads: heads, format: .int4), blockSize: 16, repeats: 1)
        .count == 1)
  }

  @Test("Calls in turn get pages of their own, through more than any cache, and all of the pool")
  func pages() throws {
    let context = try VulkanContext(.any)
    let arena = try VulkanArena(context)
    for format in [KVFormat.fp16, .int4] {
      let layout = PageLayout(format: format, blockSize: 16, kvHeads: 8, headDim: 128)
      let held = try arena.pool(layout).memory.byteCount / layout.pageBytes
      let (first, turns) = try arena.nextPages(3, of: layout)
      #expect(first.count == 3 * turns && Set(first).count == first.count)
      #expect(first.allSatisfy { (0..<Int32(held)).contains($0) })
      #expect(3 * turns * layout.pageBytes >= 4 * VulkanBackend.assumedCacheBytes)
      let (second, _) = try arena.nextPages(3, of: layout)
      #expect(second.count == first.count && second != first)
      // More than the pool holds: from its start again.
      let (all, twice) = try arena.nextPages(held + 1, of: layout)
      #expect(twice == 2 && all.count == 2 * held + 2 && Set(all).count == held)
    }
  }

  @Test("What timings run on is random and finite: numbers within 2, plausible scales and zeros")
  func contents() throws {
    let context = try VulkanContext(.any)
    let floats = try filled(context, .floats, of: Float.self)
    #expect(floats.allSatisfy { (-2..<2).contains($0) })
    #expect(Set(floats).count > floats.count / 2)
    #expect(abs(floats.reduce(0, +) / Float(floats.count)) < 0.1)
    let halves = try filled(context, .halves, of: Float16.self).map(Float.init)
    #expect(halves.allSatisfy { (-2...2).contains($0) } && Set(halves).count > 1000)
    #expect(abs(halves.reduce(0, +) / Float(halves.count)) < 0.1)
  }

  @Test(
    "Four-bit pages: uniform codes, scales from 1/8 to 1/4, zeros from -2 to -1",
    arguments: [1, 16])
  func fourBits(blockSize: Int) throws {
    let context = try VulkanContext(.any)
    let layout = PageLayout(format: .int4, blockSize: blockSize, kvHeads: 2, headDim: 80)
    let bytes = try filled(
      context, .pages(PageConstants(layout: layout, groupSize: 1)), of: UInt8.self)
    var codes = [Int](repeating: 0, count: 16)
    for slab in 0..<bytes.count / layout.slabBytes {
      let slab = bytes[slab * layout.slabBytes..<(slab + 1) * layout.slabBytes]
      for byte in slab.prefix(layout.metadataOffset) {
        codes[Int(byte & 15)] += 1
        codes[Int(byte >> 4)] += 1
      }
      let metadata = Array(slab.dropFirst(layout.metadataOffset))
      for index in 0..<4 * blockSize {
        let bits = UInt16(metadata[2 * index]) | UInt16(metadata[2 * index + 1]) << 8
        let value = Float(Float16(bitPattern: bits))
        let isScale = index / blockSize % 2 == 0
        #expect(isScale ? (0.125..<0.25).contains(value) : value > -2 && value <= -1)
      }
    }
    let mean = codes.reduce(0, +) / 16
    #expect(codes.allSatisfy { $0 > mean / 2 && $0 < 2 * mean }, "\(codes)")
  }

  private func filled<Element: BitwiseCopyable>(
    _ context: VulkanContext, _ content: VulkanContent, of _: Element.Type
  ) throws -> [Element] {
    let work = VulkanWork("test", "of fills"), byteCount = 1 << 16
    let memory = try context.memory(byteCount: byteCount, isHostVisible: true, for: work)
    try context.run(work) { (recorder) throws(DeviceError) in
      try memory.fill(content, context, work, recorder)
      recorder.barrier()
    }
    let zero = [UInt8](repeating: 0, count: byteCount)
    var elements = zero.withUnsafeBytes { Array($0.bindMemory(to: Element.self)) }
    memory.read(into: &elements, count: elements.count)
    return elements
  }
}
