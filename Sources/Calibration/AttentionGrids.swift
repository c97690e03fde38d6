import Operators

/// A grid of decode batches whose contexts are alike.
struct DecodeGrid {
  /// Contexts are no multiples of pages or of tiles of them, but so much longer: few are in
  /// service.
  static let oddTokens = 24

  /// The largest batch and context, and cached tokens of one call.
  let mostSequences, mostContext, mostCached: Int

  /// Batches with the contexts that each is to have, and as many held out between them as the rule
  /// wants.
  func group(
    _ batches: some Sequence<Int>, contexts: (_ sequences: Int) -> Set<Int>,
    _ heads: HeadGeometry, _ format: KVFormat
  ) -> ExperimentGroup {
    func shape(_ sequences: Int, _ context: Int) -> OperatorShape? {
      guard sequences * (context - DecodeGrid.oddTokens) <= mostCached else { return nil }
      return .decodeAttention(
        sequences: sequences, context: context, heads: heads, format: format)
    }
    let fit = Set(batches).filter { (1...mostSequences).contains($0) }.sorted()
      .flatMap { sequences in
        contexts(sequences).sorted().compactMap { shape(sequences, $0) }
      }
    return ExperimentGroup(fit: fit, start: heads.queryHeads) { place in
      shape(
        spread(place.u, from: 1, to: mostSequences),
        spread(place.v, from: DecodeGrid.oddTokens, to: mostContext))
    }
  }
}

/// A grid of prompts' chunks after prefixes, in which the time is a straight line.
struct PrefillGrid {
  /// The most tokens of a chunk, and of a prefix that is held out.
  let mostTokens, mostPrefix: Int

  /// Chunks after each of the prefixes, and as many held out between them as the rule wants; a
  /// quarter of those have no prefix, as a prompt's first chunk, others one of 16 tokens at least.
  func group(
    _ chunks: some Sequence<Int>, prefixes: [Int], _ heads: HeadGeometry, _ format: KVFormat
  ) -> ExperimentGroup {
    func shape(_ tokens: Int, _ prefix: Int) -> OperatorShape {
      .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
    }
    let held = Set(chunks).filter { (1...mostTokens).contains($0) }.sorted()
    return ExperimentGroup(
      fit: prefixes.flatMap { prefix in held.map { shape($0, prefix) } }, start: heads.queryHeads
    ) { place in
      let prefix = place.v < 0.25 ? 0 : spread((place.v - 0.25) / 0.75, from: 16, to: mostPrefix)
      return shape(spread(place.u, from: 1, to: mostTokens), prefix)
    }
  }
}
