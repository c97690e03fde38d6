import Kernels
import Operators

/// Kernels that are right but for one mistake.
final class WrongBackend: KernelBackend {
  enum Mistake: CaseIterable {
    case perturbsDecode
    case ignoresWindow
    case ignoresSoftCap
    case ignoresTable
    case leavesOutputsUnwritten
    case writesBehindOutputs
    case perturbsGather
    case perturbsLinear
    case zeroesAnOutputOfPrompts
    case writesOneByteMore
    case refuses
  }

  let right: CPUBackend
  /// A mistake in a small operator.
  var smallMistake: SmallMistake?
  private let mistake: Mistake?
  /// What perturbed attention and dense layers are multiplied with.
  private let factor: Float
  var facts: DeviceFacts { right.facts }

  init(_ mistake: Mistake?, factor: Float = 1.03) throws(DeviceError) {
    self.mistake = mistake
    self.factor = factor
    right = try CPUBackend(path: .scalar, threads: 2)
  }

  private func bent(_ options: AttentionOptions) -> AttentionOptions {
    AttentionOptions(
      softCap: mistake == .ignoresSoftCap ? nil : options.softCap,
      slidingWindow: mistake == .ignoresWindow ? nil : options.slidingWindow)
  }

  private func read(_ sequence: CachedSequence) -> CachedSequence {
    guard mistake == .ignoresTable else { return sequence }
    return CachedSequence(blocks: sequence.blocks.sorted(), context: sequence.context)
  }

  func append(
    keys: [Float], values: [Float], slots: [Int], to pages: inout KVPages
  ) throws(DeviceError) {
    guard mistake != .refuses else { throw .outOfMemory(bytes: 1) }
    try right.append(keys: keys, values: values, slots: slots, to: &pages)
    let free = (0..<pages.slotCount).first { !slots.contains($0) }
    if mistake == .writesOneByteMore, let free {
      let row = [Float](repeating: 1, count: pages.layout.kvHeads * pages.layout.headDim)
      try right.append(keys: row, values: row, slots: [free], to: &pages)
    }
  }

  func gather(
    _ sequence: CachedSequence, pages: KVPages, keys: inout [Float], values: inout [Float]
  ) throws(DeviceError) {
    try right.gather(sequence, pages: pages, keys: &keys, values: &values)
    if mistake == .perturbsGather { values[0] += 3 }
  }

  func decodeAttention(
    queries: [Float], queryHeads: Int, sequences: [CachedSequence], pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    if mistake == .leavesOutputsUnwritten { return }
    try right.decodeAttention(
      queries: queries, queryHeads: queryHeads, sequences: sequences.map(read), pages: pages,
      options: bent(options), into: &output)
    if mistake == .perturbsDecode {
      for i in 0..<sequences.count * queryHeads * pages.layout.headDim { output[i] *= factor }
    }
    if mistake == .writesBehindOutputs { output[output.count - 1] = 0 }
  }

  func prefillAttention(
    queries: [Float], queryHeads: Int, tokens: Int, sequence: CachedSequence, pages: KVPages,
    options: AttentionOptions, into output: inout [Float]
  ) throws(DeviceError) {
    try right.prefillAttention(
      queries: queries, queryHeads: queryHeads, tokens: tokens, sequence: read(sequence),
      pages: pages, options: bent(options), into: &output)
  }

  func linear(
    _ activations: [Float], weights: [UInt16], tokens: Int, outputs: Int, inputs: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    try right.linear(
      activations, weights: weights, tokens: tokens, outputs: outputs, inputs: inputs,
      into: &output)
    if mistake == .zeroesAnOutputOfPrompts && tokens > 100 { output[0] = 0 }
    if mistake == .perturbsLinear { for i in 0..<tokens * outputs { output[i] *= factor } }
  }

  func time(
    _ shape: OperatorShape, blockSize: Int, repeats: Int
  ) throws(DeviceError) -> [Int64] {
    try right.time(shape, blockSize: blockSize, repeats: repeats)
  }

  func measureReadBandwidth(repeats: Int) throws(DeviceError) -> Double {
    try right.measureReadBandwidth(repeats: repeats)
  }
}
