import Kernels
import Operators

/// A cache and the operators on it.
struct AttentionTrial: Trial {
  let world: AttentionWorld
  let shape: AttentionShape
  private let queries: [Float]
  private let writer: any KernelBackend
  var format: KVFormat? { shape.format }

  /// - Throws: what the writer refuses.
  init(
    _ shape: AttentionShape, writer: any KernelBackend, random: inout CheckRandom
  ) throws(DeviceError) {
    self.shape = shape
    self.writer = writer
    world = try AttentionWorld(shape, writer: writer, random: &random)
    let heads = shape.heads
    var queries = random.normals(
      max(shape.contexts.count, shape.chunk) * heads.queryHeads * heads.headDim)
    for (channel, scale) in shape.channelScales {
      for i in stride(from: channel, to: queries.count, by: heads.headDim) { queries[i] /= scale }
    }
    self.queries = queries
  }

  /// Floats of one token's query heads.
  private var row: Int { shape.heads.queryHeads * shape.heads.headDim }

  func outcome(of kind: CheckOperator, on backend: any KernelBackend) -> Outcome {
    switch kind {
    case .append: append(backend)
    case .gather: gather(backend)
    case .decode: decode(backend)
    case .prefill: prefill(backend)
    case .linear, .rmsNorm, .rotary, .siluMultiply, .add:
      preconditionFailure("a cache has no dense layer and no small operator")
    }
  }

  func expectation(of kind: CheckOperator) -> Expectation {
    switch kind {
    case .append:
      return .pages(
        world.pages, writer: writer.kernelPath, share: AppendJudge(world.pages).worstShare(world))
    case .gather:
      let stored = world.sequences.flatMap { sequence in
        [false, true].map { Reference.gathered(world.pages, sequence, isValue: $0) }
      }
      return .numbers(stored, parts: 1)
    case .decode:
      let decoded = world.sequences.indices.flatMap { sequence in
        world.expected(
          sequence, tokens: 1, queries: queries[sequence * row..<(sequence + 1) * row],
          options: shape.options)
      }
      return .numbers([decoded], parts: world.sequences.count)
    case .prefill:
      let prefilled = world.expected(
        0, tokens: shape.chunk, queries: queries[..<(shape.chunk * row)], options: shape.options)
      return .numbers([prefilled], parts: 1)
    case .linear, .rmsNorm, .rotary, .siluMultiply, .add:
      preconditionFailure("a cache has no dense layer and no small operator")
    }
  }

  /// Writes K and V into a pool full of other data: every byte of it must come out as the writer's
  /// did, those of the slots and those of no slot alike.
  private func append(_ backend: any KernelBackend) -> Outcome {
    var pages = world.junk
    do throws(DeviceError) {
      try backend.append(
        keys: world.keys, values: world.values, slots: world.slots, to: &pages)
    } catch {
      return .refused(error)
    }
    return .pages(pages, world: world)
  }

  /// Reads every sequence back: keys and values of the first, of the second, and so on.
  private func gather(_ backend: any KernelBackend) -> Outcome {
    var outputs: [GuardedOutput] = []
    for sequence in world.sequences {
      let count = sequence.context * world.heads.kvHeads * world.heads.headDim
      var keys = GuardedOutput(count: count)
      var values = GuardedOutput(count: count)
      do throws(DeviceError) {
        try backend.gather(
          sequence, pages: world.pages, keys: &keys.floats, values: &values.floats)
      } catch {
        return .refused(error)
      }
      outputs += [keys, values]
    }
    return .outputs(outputs)
  }

  /// One token of each sequence.
  private func decode(_ backend: any KernelBackend) -> Outcome {
    .output(count: world.sequences.count * row) { (output) throws(DeviceError) in
      try backend.decodeAttention(
        queries: queries, queryHeads: shape.heads.queryHeads, sequences: world.sequences,
        pages: world.pages, options: shape.options, into: &output)
    }
  }

  /// The chunk at the end of the first sequence.
  private func prefill(_ backend: any KernelBackend) -> Outcome {
    .output(count: shape.chunk * row) { (output) throws(DeviceError) in
      try backend.prefillAttention(
        queries: queries, queryHeads: shape.heads.queryHeads, tokens: shape.chunk,
        sequence: world.sequences[0], pages: world.pages, options: shape.options,
        into: &output)
    }
  }
}
