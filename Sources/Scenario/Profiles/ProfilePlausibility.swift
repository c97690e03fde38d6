import CostModel
import Operators

/// Whether a profile's times can be what they claim to be: with more of the same work a call never
/// takes much less.
///
/// Somewhat less is common: kernels change with their sizes, and repeats of short calls differ. The
/// fit levels that (`CostModel.Curve`). Less than a quarter is a mistake in the file.
struct ProfilePlausibility {
  private static let mostOfFall: Int64 = 4

  /// A point that takes too little, by its index, and why.
  struct Finding {
    let index: Int
    let message: String
  }

  /// At most one a curve, in the order of the points.
  let findings: [Finding]

  init(_ measurements: [Measurement]) {
    var curves: [OperatorShape: [(index: Int, size: Int, ns: Int64)]] = [:]
    for (index, point) in measurements.enumerated() {
      let (curve, size) = ProfilePlausibility.place(point.shape)
      curves[curve, default: []].append((index, size, point.medianNs))
    }
    var findings: [Finding] = []
    for points in curves.values {
      var longest: (size: Int, ns: Int64) = (0, 0)
      for point in points.sorted(by: { ($0.size, $0.index) < ($1.size, $1.index) }) {
        if point.ns < longest.ns / ProfilePlausibility.mostOfFall, point.size > longest.size {
          findings.append(
            Finding(
              index: point.index,
              message: """
                takes \(point.ns) ns with \(point.size), but \(longest.ns) ns with \
                \(longest.size) of the same operator: with more work a call never takes less than \
                a quarter; measure again, or mend the times
                """))
          break
        }
        if point.ns > longest.ns { longest = (point.size, point.ns) }
      }
    }
    self.findings = findings.sorted { $0.index < $1.index }
  }

  /// The curve that a point lies on, named by its shape of size 1, and the size along it.
  private static func place(_ shape: OperatorShape) -> (curve: OperatorShape, size: Int) {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      (.linear(tokens: 1, outputs: outputs, inputs: inputs), tokens)
    case .append(let tokens, let heads, let format):
      (.append(tokens: 1, heads: heads, format: format), tokens)
    case .gather(let tokens, let heads, let format):
      (.gather(tokens: 1, heads: heads, format: format), tokens)
    case .decodeAttention(let sequences, let context, let heads, let format):
      (
        .decodeAttention(sequences: sequences, context: 1, heads: heads, format: format), context
      )
    case .raggedDecode(let batch, let heads, let format):
      // Batches as long on average do not take less where one of them is longer, within bounds.
      (
        .raggedDecode(
          RaggedBatch(sequences: batch.sequences, context: batch.context, longest: batch.context),
          heads: heads, format: format), batch.longest
      )
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      (.prefillAttention(tokens: 1, prefix: prefix, heads: heads, format: format), tokens)
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, let format):
      (
        .mixedAttention(
          tokens: tokens, prefix: prefix, sequences: sequences, context: 1, heads: heads,
          format: format), context
      )
    case .experts(let tokens, let active, let layer):
      (.experts(tokens: 1, active: active, layer: layer), tokens)
    case .elementwise(let kind, let rows, let width):
      (.elementwise(kind, rows: 1, width: width), rows)
    }
  }
}
