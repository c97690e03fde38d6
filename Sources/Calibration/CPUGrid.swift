import Operators

/// The grids of a CPU, whose kernels share work items out among threads: points stand on both sides
/// of where a call gets a second item and wakes them, of where another kernel takes over, and of
/// where a round of items, one for each thread, is full.
///
/// Where that is follows the bundled kernels' plans (`CPUDispatch.swift`, `DecodePlan.swift`); a
/// fit of other kernels' times is worth as much with points there as with points anywhere.
struct CPUGrid {
  /// Threads that the kernels use.
  let threads: Int

  /// The most tokens of a step, and of a prefix.
  private static let (mostTokens, mostPrefix) = (1024, 4096)
  /// The largest batch and context of decode attention, and cached tokens of one call.
  private static let (mostSequences, mostContext, mostCached) = (256, 32768, 1 << 17)

  /// 1 to 1,024 tokens: one alone wakes no other thread, and from eight for each thread on an item
  /// has several.
  func append(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ tokens: Int) -> OperatorShape {
      .append(tokens: tokens, heads: heads, format: format)
    }
    let most = CPUGrid.mostTokens
    let single = [8 * threads - 1, 8 * threads].filter { $0 <= most }
    let tokens = Set([1, 2, 4, 8, 16, 32, 64, 128, 256, 384, 512, 768, most] + single).sorted()
    return ExperimentGroup(
      fit: tokens.map(shape), start: 1, heldOut: { shape(spread($0.u, from: 1, to: most)) })
  }

  /// 1 to 256 sequences of 24 to 32,792 tokens, up to 131,072 in all. Batches stand on both sides
  /// of one, two, four and eight sequences for each thread, of which one more begins another round
  /// of spans; contexts of small batches on both sides of where they are cut in two.
  func decode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    let full = [1, 2, 4, 8].map { $0 * threads }
    let batches =
      [1, 2, 4, 8, 16, 64, CPUGrid.mostSequences] + full + full.map { $0 + 1 }
      + [3, 6].map { $0 * threads }
    func contexts(_ sequences: Int) -> Set<Int> {
      let common =
        [0, 128, 1008, 2048, 8192, CPUGrid.mostContext].map { $0 + DecodeGrid.oddTokens } + [520]
      return Set(sequences <= 2 * threads ? common + [504] : common)
    }
    return DecodeGrid(
      mostSequences: CPUGrid.mostSequences, mostContext: CPUGrid.mostContext,
      mostCached: CPUGrid.mostCached
    ).group(batches, contexts: contexts, heads, format)
  }

  /// 4 to 64 sequences of 200 to 2,500 tokens on average, the longest a quarter longer to 3.5 times
  /// as long.
  func raggedDecode(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    RaggedGrid(
      sequences: [4, 12, 32, 64], contexts: [200, 700, 2500], ratios: [1.25, 2, 3.5],
      mostContext: 1 << 14, mostCached: CPUGrid.mostCached
    ).group(heads, format)
  }

  /// Rows of queries (tokens, times the query heads of a KV head) that an item takes at most.
  private static let prefillRows = 192

  /// Chunks of 1 to 1,024 tokens after prefixes of 0 to 4,128, among them the one that fills four
  /// items for each thread, beyond which there are more. In the prefix time is a straight line.
  func prefill(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    let most = CPUGrid.mostTokens
    let blocks = max(1, 4 * threads / heads.kvHeads)
    let full = blocks * CPUGrid.prefillRows / heads.groupSize
    // Tiles have 64 keys: on both sides of where a short chunk's prefix begins a second one, and in
    // the middle of others.
    return PrefillGrid(mostTokens: most, mostPrefix: CPUGrid.mostPrefix).group(
      [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, full, most],
      prefixes: [0, 32, 64, 288, CPUGrid.mostPrefix + 32], heads, format)
  }
}
