import CAttention
import Operators

/// Cuts operators into work items and runs the C kernels on all threads.
///
/// It takes C call records with raw pointers, which its callers keep alive; nothing is checked
/// here any more.
final class CPUDispatch {
  /// The kernels that run.
  let path: CPUPath
  /// The threads.
  let workers: WorkerPool
  private var scratch: AlignedBuffer
  private var scratchCount = 0

  /// Tokens from which the blocked linear kernel beats the one that streams weights.
  private static let blockedTokens = 48
  /// Query rows (tokens × heads of a group) of one prefill item.
  private static let prefillRows = 192
  /// Rows of the kernels' register tile, below which an item leaves a part of it idle.
  private static let tileRows = 6
  /// Weights of an item that streams them: some 1 MiB.
  private static let streamedWeights = 512 << 10

  init(path: CPUPath, threads: Int?) throws(DeviceError) {
    self.path = path
    workers = WorkerPool(workerCount: threads ?? WorkerPool.onlineCores)
    scratch = try AlignedBuffer(byteCount: 0)
  }

  /// The C kernels' view of a layout.
  static func shape(_ layout: PageLayout, groupSize: Int) -> kv_shape {
    func order(isValue: Bool) -> Int64 {
      Int64(layout.format.rotationOrder(headDim: layout.headDim, isValue: isValue) ?? 0)
    }
    return kv_shape(
      bits: Int64(layout.format.bitsPerElement), key_rotation: order(isValue: false),
      value_rotation: order(isValue: true), block_size: Int64(layout.blockSize),
      kv_heads: Int64(layout.kvHeads), group_size: Int64(groupSize),
      head_dim: Int64(layout.headDim))
  }

  /// Each thread's own scratch of `count` floats, page-aligned.
  private func scratch(count: Int) throws(DeviceError) -> (Int) -> UnsafeMutablePointer<Float> {
    // Whole small pages plus one cache line, so that two threads' scratch shares neither a line
    // nor every cache set.
    let pitch = (count + 1023) / 1024 * 1024 + 16
    let needed = pitch * workers.workerCount
    if needed > scratchCount {
      scratch = try AlignedBuffer(byteCount: needed * MemoryLayout<Float>.stride)
      scratchCount = needed
    }
    let base = scratch.elements(Float.self)
    return { base + $0 * pitch }
  }

  func append(_ call: kv_append, tokens: Int) {
    let step = max(1, min(64, tokens / (workers.workerCount * 4)))
    let path = path.code
    withUnsafePointer(to: call) { call in
      workers.run((tokens + step - 1) / step) { item, _ in
        let first = item * step
        kv_append_tokens(path, call, Int64(first), Int64(min(first + step, tokens)))
      }
    }
  }

  func gather(_ call: kv_gather, tokens: Int) {
    let path = path.code
    // Whole pages, so that no two threads walk the same one.
    let size = Int(call.shape.block_size)
    let share = tokens / (workers.workerCount * 4) / size * size
    let step = max(size, min(max(size, 64), share))
    withUnsafePointer(to: call) { call in
      workers.run((tokens + step - 1) / step) { item, _ in
        let first = item * step
        kv_gather_tokens(path, call, Int64(first), Int64(min(first + step, tokens)))
      }
    }
  }

  /// The three parts of a decode call whose spans are those of `plan`.
  func decode(_ call: kv_decode, plan: DecodePlan) throws(DeviceError) {
    let path = path.code
    var shape = call.shape
    let scratch = try scratch(
      count: Int(kv_decode_scratch_count(&shape, Int64(plan.headsPerSpan))))
    let step = max(1, plan.pairCount / (workers.workerCount * 4))
    let steps = (plan.pairCount + step - 1) / step
    func pairs(_ item: Int) -> (Int64, Int64) {
      (Int64(item * step), Int64(min((item + 1) * step, plan.pairCount)))
    }
    withUnsafePointer(to: call) { call in
      workers.run(steps) { item, _ in
        let (first, last) = pairs(item)
        kv_decode_turn(path, call, first, last)
      }
      workers.run(plan.spans.count) { item, worker in
        kv_decode_spans(path, call, Int64(item), Int64(item) + 1, scratch(worker))
      }
      workers.run(steps) { item, _ in
        let (first, last) = pairs(item)
        kv_decode_merge(path, call, first, last)
      }
    }
  }

  /// Query tokens of one prefill item, the last of a chunk excepted: few enough that all threads
  /// end together, even where one KV head is all there is. Rounded up, or what is left of the chunk
  /// would be one more item for each KV head and begin a round of its own.
  static func prefillTokens(_ tokens: Int, group: Int, kvHeads: Int, workers: Int) -> Int {
    let blocks = max(1, workers * 4 / kvHeads)
    let share = max(tileRows / group, (tokens + blocks - 1) / blocks)
    return max(1, min(tokens, share, prefillRows / group))
  }

  func prefill(_ call: kv_prefill) throws(DeviceError) {
    let path = path.code
    var call = call
    let group = Int(call.shape.group_size), tokens = Int(call.tokens)
    call.tokens_per_item = Int64(
      CPUDispatch.prefillTokens(
        tokens, group: group, kvHeads: Int(call.shape.kv_heads), workers: workers.workerCount))
    let scratch = try scratch(count: Int(kv_prefill_scratch_count(&call)))
    withUnsafePointer(to: call) { call in
      workers.run(Int(kv_prefill_item_count(call))) { item, worker in
        kv_prefill_items(path, call, Int64(item), Int64(item) + 1, scratch(worker))
      }
    }
  }

  /// Whether `linear` reads `packed_x`.
  static func packsActivations(tokens: Int) -> Bool { tokens >= blockedTokens }

  func linear(_ call: kv_linear) throws(DeviceError) {
    if CPUDispatch.packsActivations(tokens: Int(call.tokens)) {
      try linearBlocked(call)
    } else {
      linearStreamed(call)
    }
  }

  /// Outputs of one item that streams weights, by fours: long streams, yet four items for each
  /// thread. Rounded up, or what is left would be one item more and begin a round of its own.
  static func streamedOutputs(_ outputs: Int, inputs: Int, workers: Int) -> Int {
    let most = max(4, streamedWeights / max(1, inputs) / 4 * 4)
    return min(most, (outputs + workers * 16 - 1) / (workers * 16) * 4)
  }

  private func linearStreamed(_ call: kv_linear) {
    let path = path.code
    let outputs = Int(call.outputs)
    let step = CPUDispatch.streamedOutputs(
      outputs, inputs: Int(call.inputs), workers: workers.workerCount)
    withUnsafePointer(to: call) { call in
      workers.run((outputs + step - 1) / step) { item, _ in
        let first = item * step
        kv_linear_rows(path, call, Int64(first), Int64(min(first + step, outputs)))
      }
    }
  }

  private func linearBlocked(_ call: kv_linear) throws(DeviceError) {
    let path = path.code
    let tokens = Int(call.tokens)
    let panel = Int(KV_LINEAR_PANEL)
    let scratch = try scratch(count: Int(KV_LINEAR_SCRATCH_COUNT))
    withUnsafePointer(to: call) { call in
      let step = 16
      workers.run((tokens + step - 1) / step) { item, _ in
        let first = item * step
        kv_linear_pack(call, Int64(first), Int64(min(first + step, tokens)))
      }
      workers.run((Int(call.pointee.outputs) + panel - 1) / panel) { item, worker in
        kv_linear_panels(path, call, Int64(item), Int64(item) + 1, scratch(worker))
      }
    }
  }

  /// Reads the first `readBytes` bytes of each of `pages`, `perItem` of them at a time.
  func read(
    _ pages: [Int32], perItem: Int, pageBytes: Int, readBytes: Int,
    of memory: UnsafeRawPointer
  ) {
    let path = path.code
    workers.run(pages.count / perItem) { item, _ in
      for page in pages[item * perItem..<(item + 1) * perItem] {
        _ = kv_read(path, memory + Int(page) * pageBytes, Int64(readBytes))
      }
    }
  }

  /// Reads `byteCount` bytes on all threads.
  func read(_ memory: UnsafeRawPointer, byteCount: Int) {
    let path = path.code
    let step = 1 << 20
    workers.run(byteCount / step) { item, _ in
      _ = kv_read(path, memory + item * step, Int64(step))
    }
  }
}
