import CVulkan
import Operators

// Dense layers by products of matrices of halves. For more than 16 tokens another shader first
// brings activations into the order that lanes fill matrices in, in scratch memory.

extension VulkanOperators {
  // MARK: Many tokens

  private struct HalvesPush {
    var rows, halves, factors, zeros: UInt64
    var rowCount, columns, zeroCount: UInt32
  }

  private struct LinearMatrixPush {
    var x, factors, w, y: UInt64
    var tokens, outputs, inputs: UInt32
  }

  /// How products are cut on this device.
  var plan: DenseLayerPlan { DenseLayerPlan(multiprocessors: context.multiprocessors) }

  /// Whether a product for many tokens goes by products of matrices: whole slices of inputs, rows
  /// of results at multiples of eight bytes, and offsets of 32 bits.
  func takesMatricesInLinear(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    context.fragmentsAreKnown && inputs % 32 == 0 && outputs % 2 == 0
      && max(tokens + 15, outputs) * inputs * 2 <= Int(UInt32.max)
  }

  /// `y = x * w^T` by products of matrices.
  func linearByMatrices(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let padded = (tokens + 15) / 16 * 16
    let byteCount = padded * inputs * 2
    let scratch = try context.scratch(byteCount: byteCount + 4 * padded, for: work)
    let factors = scratch + UInt64(byteCount)
    let tile = plan.tile(tokens: tokens, outputs: outputs) {
      $0.sharedBytes <= Int(context.features.max_shared_bytes)
        && $0.threads <= Int(context.features.max_workgroup_invocations)
    }
    let multiply = try context.pipeline(
      .linearMatrix,
      PageConstants.none(
        workgroup: tile.threads, [tile.tokens, tile.outputs, tile.ownTokens, tile.ownOutputs]),
      for: work)
    try halves(of: x, tokens: tokens, inputs: inputs, to: scratch, factors: factors, recorder)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearMatrixPush(
        x: scratch, factors: factors, w: w, y: y, tokens: UInt32(tokens),
        outputs: UInt32(outputs), inputs: UInt32(inputs)),
      tile.groups(tokens: tokens, outputs: outputs))
  }

  /// Activations as halves in the order of left matrices, what products of each token are to be
  /// multiplied by for that, and zeros for whoever counts in the next shader.
  func halves(
    of x: UInt64, tokens: Int, inputs: Int, to halves: UInt64, factors: UInt64, zeros: UInt64 = 0,
    zeroCount: Int = 0, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let convert = try context.pipeline(.halves, [256], for: work)
    recorder.dispatch(
      convert,
      HalvesPush(
        rows: x, halves: halves, factors: factors, zeros: zeros, rowCount: UInt32(tokens),
        columns: UInt32(inputs), zeroCount: UInt32(zeroCount)), (tokens + 15) / 16 * 8)
  }

  // MARK: Weights that stream by

  private typealias Stream = DenseLayerPlan.Stream

  private struct LinearStreamPush {
    var x, factors, w, y, partials, counters: UInt64
    var tokens, outputs, inputs: UInt32
  }

  /// Whether a product goes by streamed weights: where it is to, and the device can.
  func streamsWeights(tokens: Int, outputs: Int, inputs: Int) -> Bool {
    plan.streamsWeights(tokens: tokens, outputs: outputs, inputs: inputs)
      && Stream.of(tokens: tokens).sharedBytes <= context.features.max_shared_bytes
      && Stream.threads <= context.features.max_workgroup_invocations
      && takesMatricesInLinear(tokens: tokens, outputs: outputs, inputs: inputs)
  }

  /// `y = x * w^T` by products of matrices, with as many workgroups as the device holds.
  func linearByStreaming(
    x: UInt64, w: UInt64, y: UInt64, tokens: Int, outputs: Int, inputs: Int,
    _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let stream = Stream.of(tokens: tokens)
    let tiles = stream.tiles(tokens: tokens, outputs: outputs)
    let groups = plan.groups(stream, tiles: tiles, slices: inputs / stream.slice)
    let padded = (tokens + 15) / 16 * 16
    let halvesBytes = padded * inputs * 2, partialBytes = groups * 2 * stream.tileBytes
    let scratch = try context.scratch(
      byteCount: halvesBytes + partialBytes + 4 * (padded + tiles), for: work)
    let partials = scratch + UInt64(halvesBytes), factors = partials + UInt64(partialBytes)
    let counters = factors + UInt64(4 * padded)
    let multiply = try context.pipeline(
      .linearStream,
      PageConstants.none(
        workgroup: Stream.threads, [stream.tokens, stream.ownOutputs, stream.pieces]), for: work)
    try halves(
      of: x, tokens: tokens, inputs: inputs, to: scratch, factors: factors, zeros: counters,
      zeroCount: tiles, recorder)
    recorder.barrier()
    recorder.dispatch(
      multiply,
      LinearStreamPush(
        x: scratch, factors: factors, w: w, y: y, partials: partials, counters: counters,
        tokens: UInt32(tokens), outputs: UInt32(outputs), inputs: UInt32(inputs)), groups)
  }

  // MARK: Few tokens

  private typealias Few = DenseLayerPlan.Few

  /// Whether a product for up to 16 tokens goes by products of matrices: for more than one, where a
  /// subgroup has all of its inputs.
  func takesMatricesInLinearOfFew(tokens: Int, inputs: Int) -> Bool {
    let few = Few(tokens: tokens, inputs: inputs)
    return context.fragmentsAreKnown && tokens > 1 && inputs % 8 == 0 && inputs >= 64 * few.chunks
      && few.sharedBytes <= context.features.max_shared_bytes
      && Few.threads <= context.features.max_workgroup_invocations
  }

  /// `y = x * w^T` for 2 to 16 tokens, by products of matrices.
  func linearOfFew(
    _ push: LinearPush, tokens: Int, outputs: Int, inputs: Int, _ recorder: VulkanRecorder
  ) throws(DeviceError) {
    let few = Few(tokens: tokens, inputs: inputs)
    let pipeline = try context.pipeline(
      .linearFew, PageConstants.none(workgroup: Few.threads, [few.groups, few.chunks]), for: work)
    recorder.dispatch(pipeline, push, min((outputs + 15) / 16, context.multiprocessors))
  }
}
