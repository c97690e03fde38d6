import Operators

/// The grids of a GPU, whose time has steps where another wave of workgroups begins: points stand
/// on both sides of the first steps, which are the largest.
///
/// A kernel cuts its work into workgroups, and so many of them run at once on each multiprocessor.
/// Where those of one more sequence, tile or token no longer fit, time jumps, and a line across the
/// jump errs by up to half of it. Where that is depends on the bundled kernels; a fit of other
/// kernels' times is worth as much with points there as with points anywhere.
struct GPUGrid {
  /// Multiprocessors of the device.
  let multiprocessors: Int

  /// The largest batch and context of decode attention, and cached tokens of one call.
  private static let (mostSequences, mostContext, mostCached) = (1024, 131_072, 1 << 22)
  /// The most tokens of a step, and of a prefix.
  private static let (mostTokens, mostPrefix) = (8192, 32768)
  /// Tokens below which decode attention leaves a sequence in one piece.
  private static let leastPiece = 256

  /// How many of what each KV head has a workgroup for keep `waves` of them on each multiprocessor.
  private func filling(_ waves: Double, _ heads: HeadGeometry) -> Int {
    Int(waves * Double(multiprocessors)) / heads.kvHeads
  }

  /// 1 to 1,024 sequences of 24 to 131,096 tokens, up to 4,194,304 in all. Batches stand on both
  /// sides of those that fill the multiprocessors once to twelve times, four of which run at once;
  /// contexts of smaller batches where their pieces do.
  func decode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    let odd = DecodeGrid.oddTokens
    let full = [1, 2, 3, 4, 6, 8, 12].map { filling($0, heads) }
    let batches =
      [1, 2, 3, 4, 6, 8, 12, 24, filling(16, heads), filling(32, heads), GPUGrid.mostSequences]
      + full + full.map { $0 + 1 }
    func contexts(_ sequences: Int) -> Set<Int> {
      let common = [0, 1008, 2048, 4096, 8192].map { $0 + odd } + [504, 520]
      guard sequences <= filling(4, heads) else { return Set(common + [16384 + odd]) }
      let cuts = [1, 2, 3].map { filling($0, heads) / sequences }.filter { $0 > 0 }
        .map { ($0 + 1) * GPUGrid.leastPiece }
      return Set(
        common + [32768 + odd, GPUGrid.mostContext + odd] + cuts.flatMap { [$0 - 8, $0 + 8] })
    }
    return DecodeGrid(
      mostSequences: GPUGrid.mostSequences, mostContext: GPUGrid.mostContext,
      mostCached: GPUGrid.mostCached
    ).group(batches, contexts: contexts, heads, format)
  }

  /// 4 to 528 sequences; means of 160 to 24,000 tokens; the longest context from a quarter above
  /// the mean to eight times as much.
  ///
  /// Uneven contexts blur the steps of time, but for those where the first workgroups of all
  /// sequences begin another wave. These are left of 19 numbers of sequences, 11 means and seven
  /// ratios, taken away one by one as long as errors at 1,806 batches between them grew least:
  /// numbers that fill the multiprocessors exactly were among the first.
  func raggedDecode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    RaggedGrid(
      sequences: [4, 6, 9] + [1, 1.5, 2, 3, 5.5, 11, 32].map { filling($0, heads) }
        + [2, 4].map { filling($0, heads) + 1 },
      contexts: [160, 240, 400, 640, 1600, 4400, 8000, 14000, 24000],
      ratios: [1.25, 2, 3.5, 5, 8],
      mostContext: GPUGrid.mostContext, mostCached: GPUGrid.mostCached
    ).group(heads, format)
  }

  /// Rows of queries (tokens, times the query heads of a KV head) that a workgroup takes.
  private static let prefillRows = 128

  /// Chunks of 1 to 8,192 tokens after prefixes of 0 to 32,800: chunks on both sides of those that
  /// fill the multiprocessors once to eight times. In the prefix time is a straight line.
  func prefill(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    let full = [1, 2, 3, 4, 6, 8].map {
      filling($0, heads) * GPUGrid.prefillRows / heads.groupSize
    }
    return PrefillGrid(mostTokens: GPUGrid.mostTokens, mostPrefix: GPUGrid.mostPrefix).group(
      [1, 16, 64, 128, 256, 512, 4096, GPUGrid.mostTokens] + full + full.map { $0 + 1 },
      prefixes: [0, 32, 544, 4128, GPUGrid.mostPrefix + 32], heads, format)
  }
}
