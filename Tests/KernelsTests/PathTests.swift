import CAttention
import Glibc
import Kernels
import Operators
import Testing

@testable import KernelStudies

@Suite struct PathTests {
  @Test func pathsThatThisCPULacksAreSkippedAloud() throws {
    let missing = CPUPath.allCases.filter { !CPUPath.available.contains($0) }
    print("kernel paths: ran \(CPUPath.available.map(\.name)), skipped \(missing.map(\.name))")
    #expect(CPUPath.available.first == .scalar)
    for path in CPUPath.available { #expect(try CPUPath.select(forced: path.name) == path) }
    for path in missing {
      #expect(throws: DeviceError.self) { try CPUPath.select(forced: path.name) }
    }
  }

  /// Pages and weights that end where the process's memory ends: one byte further is a crash.
  @Test(arguments: KVFormat.named)
  func noKernelReadsBehindItsInput(_ format: KVFormat) throws {
    var random = CheckRandom(seed: 71)
    for headDim in CheckPlan.headDims {
      let heads = HeadGeometry(queryHeads: 3, kvHeads: 1, headDim: headDim)
      let world = try AttentionWorld(
        format, heads, blockSize: 3, contexts: [17],
        writer: CPUBackend(path: .scalar, threads: 1), random: &random)
      let edge = EdgeOfMemory(world.pages.bytes)
      defer { edge.free() }
      let queries = EdgeOfMemory(random.normals(3 * headDim))
      defer { queries.free() }
      let order = Int64(format.rotationOrder(headDim: headDim) ?? 0)
      // The page that ends at the edge is the sequence's only one.
      let table = [Int32](repeating: Int32(world.pages.pageCount - 1), count: 6)
      let output = UnsafeMutablePointer<Float>.allocate(capacity: 3 * headDim)
      defer { output.deallocate() }
      for path in CPUPath.available {
        table.withUnsafeBufferPointer { table in
          var call = kv_prefill(
            shape: kv_shape(
              bits: Int64(format.bitsPerElement), key_rotation: order, value_rotation: 0,
              block_size: 3, kv_heads: 1, group_size: 3, head_dim: Int64(headDim)),
            soft_cap: 0, window: 0, pages: edge.start.assumingMemoryBound(to: UInt8.self),
            table: table.baseAddress,
            prefix: 16, tokens: 1, queries: queries.start.assumingMemoryBound(to: Float.self),
            outputs: output, tokens_per_item: 1)
          runOnce(code(of: path), &call)
        }
        #expect((0..<3 * headDim).allSatisfy { output[$0].isFinite }, "\(path) \(headDim)")
      }
    }
  }

  /// Both kinds of attention of the last token, which then agree.
  private func runOnce(_ path: kv_path, _ call: inout kv_prefill) {
    var scratch = [Float](repeating: 0, count: Int(kv_prefill_scratch_count(&call)))
    kv_prefill_items(path, &call, 0, kv_prefill_item_count(&call), &scratch)
    let count = Int(call.shape.group_size * call.shape.head_dim)
    let first = (0..<count).map { call.outputs[$0] }
    var span = kv_span(
      sequence: 0, kv_head: 0, kv_heads: 1, first_token: 0, last_token: 17, first_partial: 0)
    var starts: [Int64] = [0, 1]
    var partials = [Float](repeating: 0, count: count + 2 * Int(call.shape.group_size))
    var turnedQueries = [Float](repeating: 0, count: count)
    withUnsafePointer(to: &span) { span in
      starts.withUnsafeMutableBufferPointer { starts in
        withMutablePointers(&partials, &turnedQueries) { partials, turned in
          var decode = kv_decode(
            shape: call.shape, soft_cap: 0, pages: call.pages, tables: call.table, table_stride: 6,
            queries: call.queries, turned: turned, spans: span, partials: partials,
            span_starts: starts.baseAddress, outputs: call.outputs)
          var room = [Float](
            repeating: 0, count: Int(kv_decode_scratch_count(&call.shape, 1)))
          kv_decode_turn(path, &decode, 0, 1)
          kv_decode_spans(path, &decode, 0, 1, &room)
          kv_decode_merge(path, &decode, 0, 1)
        }
      }
    }
    let second = (0..<count).map { Double(call.outputs[$0]) }
    // What 15 bits leave of queries and weights where decode runs in whole numbers.
    #expect(
      Statistics.normalisedMeanSquaredError(first[...], second) <= 1e-8,
      "decode and prefill agree on one token")
  }

  @Test func linearReadsNothingBehindItsWeights() {
    var random = CheckRandom(seed: 72)
    for (tokens, outputs, inputs) in [(1, 5, 33), (3, 7, 15), (2, 4, 64), (50, 65, 19)] {
      let weights = EdgeOfMemory(random.normals(outputs * inputs).map { Float16($0) })
      defer { weights.free() }
      let activations = EdgeOfMemory(random.normals(tokens * inputs))
      defer { activations.free() }
      var output = [Float](repeating: .nan, count: tokens * outputs)
      var packed = [Float](repeating: 0, count: tokens * inputs)
      var scratch = [Float](repeating: 0, count: Int(KV_LINEAR_SCRATCH_COUNT))
      for path in CPUPath.available {
        output.withUnsafeMutableBufferPointer { output in
          packed.withUnsafeMutableBufferPointer { packed in
            var call = kv_linear(
              tokens: Int64(tokens), outputs: Int64(outputs), inputs: Int64(inputs),
              x: activations.start.assumingMemoryBound(to: Float.self),
              w: weights.start.assumingMemoryBound(to: UInt16.self), y: output.baseAddress,
              packed_x: packed.baseAddress)
            kv_linear_rows(code(of: path), &call, 0, call.outputs)
            kv_linear_pack(&call, 0, call.tokens)
            kv_linear_panels(code(of: path), &call, 0, (call.outputs + 63) / 64, &scratch)
          }
        }
        #expect(output.allSatisfy { $0.isFinite })
      }
    }
  }
}

/// Lends two arrays to C for the length of one call.
private func withMutablePointers(
  _ a: inout [Float], _ b: inout [Float],
  _ body: (UnsafeMutablePointer<Float>?, UnsafeMutablePointer<Float>?) -> Void
) {
  a.withUnsafeMutableBufferPointer { a in
    b.withUnsafeMutableBufferPointer { b in body(a.baseAddress, b.baseAddress) }
  }
}

/// A copy of an array whose last byte is the last before a page that no one may read.
struct EdgeOfMemory {
  let start: UnsafeMutableRawPointer
  private let mapping: UnsafeMutableRawPointer
  private let mappedBytes: Int

  init<Element>(_ array: [Element]) {
    let bytes = array.count * MemoryLayout<Element>.stride
    let body = (bytes + 4095) / 4096 * 4096
    mappedBytes = body + 4096
    mapping = mmap(
      nil, mappedBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)!
    start = mapping + body - bytes
    array.withUnsafeBytes { start.copyMemory(from: $0.baseAddress!, byteCount: bytes) }
    mprotect(mapping + body, 4096, PROT_NONE)
  }

  func free() { munmap(mapping, mappedBytes) }
}
