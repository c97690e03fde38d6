import Kernels
import Operators

/// The operators of one cache on one path.
struct AttentionTrial {
  let world: AttentionWorld
  let shape: AttentionShape
  let queries: [Float]

  /// Writes K and V into a pool full of other data: every byte of it must come out as the writer's
  /// did, those of the slots and those of no slot alike.
  /// - Parameter share: how far the writer's own bytes err, as a share of what they may.
  func append(_ backend: any KernelBackend, share: Double) -> Verdict {
    var pages = world.junk
    do throws(DeviceError) {
      try backend.append(
        keys: world.keys, values: world.values, slots: world.slots, to: &pages)
    } catch {
      return Verdict(fault: "refused: \(error)")
    }
    guard pages.bytes != world.pages.bytes else { return Verdict(error: share) }
    let place = zip(pages.bytes, world.pages.bytes).enumerated().first { $1.0 != $1.1 }
    let offset = place?.offset ?? 0
    let layout = world.pages.layout
    return Verdict(
      error: AppendJudge(pages).worstShare(world),
      fault: "byte \(offset % layout.pageBytes) of page \(offset / layout.pageBytes) "
        + "is not what the scalar kernels write")
  }

  /// Reads every sequence back; `expected` is `[sequence][K or V]`.
  func gather(_ backend: any KernelBackend, expected: [[[Double]]]) -> Verdict {
    var verdict = Verdict(error: 0)
    for (sequence, rows) in zip(world.sequences, expected) {
      var keys = GuardedOutput(count: rows[0].count)
      var values = GuardedOutput(count: rows[1].count)
      do throws(DeviceError) {
        try backend.gather(
          sequence, pages: world.pages, keys: &keys.floats, values: &values.floats)
      } catch {
        return Verdict(fault: "refused: \(error)")
      }
      for (output, row) in zip([keys, values], rows) {
        verdict = verdict.joined(
          Verdict(
            error: Statistics.normalisedMeanSquaredError(output.written, row),
            fault: output.sentinelsSurvive ? nil : "wrote behind its output"))
      }
    }
    return verdict
  }

  /// One token of each sequence.
  func decode(_ backend: any KernelBackend, expected: [Double]) -> Verdict {
    Verdict.of(expected: expected, parts: world.sequences.count) { (output) throws(DeviceError) in
      try backend.decodeAttention(
        queries: queries, queryHeads: shape.heads.queryHeads, sequences: world.sequences,
        pages: world.pages, options: shape.options, into: &output)
    }
  }

  /// The chunk at the end of the first sequence.
  func prefill(_ backend: any KernelBackend, expected: [Double]) -> Verdict {
    Verdict.of(expected: expected) { (output) throws(DeviceError) in
      try backend.prefillAttention(
        queries: queries, queryHeads: shape.heads.queryHeads, tokens: shape.chunk,
        sequence: world.sequences[0], pages: world.pages, options: shape.options,
        into: &output)
    }
  }
}
