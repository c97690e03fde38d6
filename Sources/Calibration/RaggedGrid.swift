import Operators

/// A grid of decode batches whose contexts differ: sequences, mean contexts, and ratios of the
/// longest context to the mean.
struct RaggedGrid {
  let sequences: [Int]
  let contexts: [Int]
  let ratios: [Double]
  /// The longest context, and cached tokens of one call.
  let mostContext, mostCached: Int

  /// The points, and as many held out between them as the rule wants.
  func group(_ heads: HeadGeometry, _ format: KVFormat) -> ExperimentGroup {
    func shape(_ sequences: Int, _ context: Int, _ ratio: Double) -> OperatorShape? {
      let longest = Int((Double(context) * ratio).rounded())
      guard longest > context, longest <= mostContext, sequences * context <= mostCached,
        RaggedBatch.exists(sequences: sequences, context: context, longest: longest)
      else { return nil }
      return .raggedDecode(
        RaggedBatch(sequences: sequences, context: context, longest: longest), heads: heads,
        format: format)
    }
    let fit = Set(sequences).sorted().flatMap { count in
      contexts.flatMap { context in ratios.compactMap { shape(count, context, $0) } }
    }
    return ExperimentGroup(fit: fit, start: heads.queryHeads) { place in
      // A ratio of 1 to the largest: 256 steps are finer than what rounding to tokens leaves.
      let ratio = Double(spread(place.w, from: 256, to: Int(256 * ratios.max()!))) / 256
      return shape(
        spread(place.u, from: sequences.min()!, to: sequences.max()!),
        spread(place.v, from: contexts.min()!, to: contexts.max()!), ratio)
    }
  }
}
