import CostModel
import Operators

extension LLMServingSimFolder {
  /// The farthest that times of even batches may lie from those of `attention.csv`, as a share.
  private static let mostBetweenTables = 0.1

  /// The rows of `skew.csv` that are of decodes alone: `n` sequences whose contexts differ,
  /// `kv_mean` tokens on average and `kv_big` at most.
  ///
  /// A time there is the sum of the profiler's calls, which the table does not say. Each row also
  /// has the time of an even batch, of `n` contexts of `kv_big`, and `attention.csv` has that of
  /// one call: where the two do not agree, the times are not what they are read as.
  ///
  /// - Parameter iterations: calls that a time is the sum of; nil where the meta file is refused.
  mutating func readRaggedBatches(iterations: Int?) {
    guard let file = file("\(tables)skew.csv", .csv),
      let table = CSVTable(
        file.source, columns: ["regime", "n", "kv_big", "kv_mean", "t_max_us", "t_skew_us"],
        into: file.log),
      let iterations
    else { return }
    let even = Dictionary(
      points.measurements.filter { $0.shape.kind == .decodeAttention }
        .map { ($0.shape, $0.medianNs) }, uniquingKeysWith: { first, _ in first })
    var ratios: [Double] = []
    for row in table.rows {
      let regime = table.word(row, "regime")
      guard regime == "pure" else {
        if regime == "mixed" {
          skewedLaunches += 1
        } else {
          table.refuse(row, "regime", "`pure`, or `mixed`, which is passed over")
        }
        continue
      }
      guard let (batch, ns, evenNs) = raggedBatch(row, of: table) else { continue }
      points.add(
        .raggedDecode(batch, heads: model.heads, format: .fp16),
        ns: Int64((Double(ns) / Double(iterations)).rounded()), at: file.place(of: row))
      let shape = OperatorShape.decodeAttention(
        sequences: batch.sequences, context: batch.longest, heads: model.heads, format: .fp16)
      if let known = even[shape] {
        ratios.append(Double(evenNs) / Double(iterations) / Double(known))
      }
    }
    guard isValid else { return }
    checkRatios(ratios, iterations: iterations, at: file.place)
  }

  /// A batch, its time and that of as many contexts of the longest, or nil with an error.
  private func raggedBatch(
    _ row: CSVTable.Row, of table: CSVTable
  ) -> (batch: RaggedBatch, ns: Int64, evenNs: Int64)? {
    let sizes = (
      table.integer(row, "n", in: 2...Limits.tokens),
      table.integer(row, "kv_mean", in: 1...Limits.tokens),
      table.integer(row, "kv_big", in: 1...Limits.tokens)
    )
    let times = (
      table.nanoseconds(row, microseconds: "t_skew_us"),
      table.nanoseconds(row, microseconds: "t_max_us")
    )
    guard let sequences = sizes.0, let context = sizes.1, let longest = sizes.2,
      let ns = times.0, let evenNs = times.1
    else { return nil }
    guard RaggedBatch.exists(sequences: sequences, context: context, longest: longest) else {
      table.refuse(
        row, "kv_big", "the longest of \(sequences) contexts that have \(context) on average")
      return nil
    }
    return (
      RaggedBatch(sequences: sequences, context: context, longest: longest), ns, evenNs
    )
  }

  /// Refuses times that are not sums of so many calls.
  private func checkRatios(_ ratios: [Double], iterations: Int, at place: ImportedPoints.Place) {
    guard !ratios.isEmpty else {
      place.refuse(
        "no row of regime `pure` has a batch of `n` contexts of `kv_big` that attention.csv has "
          + "too: nothing tells how many calls a time is the sum of")
      return
    }
    let median = ratios.sorted()[(ratios.count - 1) / 2]
    guard abs(median - 1) > LLMServingSimFolder.mostBetweenTables else { return }
    place.refuse(
      "`t_max_us` over the \(iterations) of `measurement_iterations` is "
        + "\((median * 1000).rounded() / 1000) times what attention.csv has for the same batch, in "
        + "the median of \(ratios.count): times are no sums of so many calls; accepted: within a "
        + "tenth of 1")
  }
}
