import Operators

@testable import CostModel

/// A profile of a made-up device whose times follow known laws, for tests: `linear` takes 10 µs
/// plus 0.1 ns a weight and 1 ps a weight and token; attention 5 µs plus so much a byte or a pair.
enum SyntheticProfile {
  static let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)
  /// The sizes of Qwen3-8B.
  static let model = ModelArchitecture(
    name: "m", hiddenSize: 4096, intermediateSize: 12288, layers: 36, heads: heads,
    vocabSize: 151_936, maxPositions: 40_960, tiesEmbeddings: false)
  static let device = Device(
    name: "made up", kind: "cpu", kernelPath: "none", threads: 1, memoryBytes: 64 << 30,
    lastLevelCacheBytes: 0, layerPlan: DenseLayerPlan(multiprocessors: 64))

  static func time(_ shape: OperatorShape) -> Double {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      let weights = Double(outputs) * Double(inputs)
      return 10_000 + 0.1 * weights + 0.001 * weights * Double(tokens)
    case .append(let tokens, _, _), .gather(let tokens, _, _):
      return 2_000 + 40 * Double(tokens)
    case .decodeAttention(let sequences, let context, let heads, let format):
      return 5_000 + 300 * Double(sequences)
        + 0.03 * Double(sequences * context * heads.kvBytesPerToken(format))
    case .raggedDecode(let batch, let heads, let format):
      // Linear in the sequences, in their mean and in the spread, up to twice the mean.
      let even = OperatorShape.decodeAttention(
        sequences: batch.sequences, context: batch.context, heads: heads, format: format)
      let spread = min(1, Double(batch.longest) / Double(batch.context) - 1)
      return time(even)
        + 50 * Double(batch.sequences - 1) * spread * (1 + Double(batch.context) / 1000)
    case .prefillAttention(let tokens, let prefix, let heads, _):
      return 5_000
        + 0.05 * Double(OperatorShape.attendedPairs(tokens: tokens, prefix: prefix))
        * Double(heads.queryHeads)
    case .mixedAttention(let tokens, let prefix, let sequences, let context, _, _):
      // Linear in each of the four.
      return 6_000 + 20 * Double(tokens) + 0.5 * Double(tokens * prefix)
        + 400 * Double(sequences) + 3 * Double(sequences * context)
    case .experts(let tokens, let active, let layer):
      return 8_000 + 0.1 * Double(active * layer.weights) + 50 * Double(tokens)
    case .elementwise(_, let rows, let width):
      return 1_000 + 0.01 * Double(rows * width)
    }
  }

  private static func raggedShapes(_ format: KVFormat) -> [(OperatorShape, Bool)] {
    func shape(_ sequences: Int, _ context: Int, _ longest: Int) -> OperatorShape {
      .raggedDecode(
        RaggedBatch(sequences: sequences, context: context, longest: longest), heads: heads,
        format: format)
    }
    var shapes: [(OperatorShape, Bool)] = []
    for sequences in [4, 16, 64] {
      for context in [16, 128, 1024, 8192] {
        for (numerator, denominator) in [(3, 2), (2, 1), (3, 1)] {
          shapes.append((shape(sequences, context, context * numerator / denominator), false))
        }
      }
      shapes.append((shape(sequences + 1, 700, 1200), true))
    }
    return shapes
  }

  static func profile(
    formats: [KVFormat] = KVFormat.named, ragged: Bool = false,
    noise: (Int) -> Double = { _ in 1 }
  ) -> Profile {
    var shapes: [(OperatorShape, Bool)] = []
    for (outputs, inputs) in [(1024, 4096), (4096, 4096), (12288, 4096)] {
      for tokens in [1, 4, 16, 64, 256, 1024] {
        shapes.append((.linear(tokens: tokens, outputs: outputs, inputs: inputs), false))
      }
      shapes.append((.linear(tokens: 100, outputs: outputs + 512, inputs: inputs), true))
    }
    for format in formats {
      for tokens in [1, 8, 64, 512] {
        shapes.append(
          (.append(tokens: tokens, heads: heads.withoutGroups, format: format), false))
      }
      for sequences in [1, 4, 16, 64] {
        for context in [16, 128, 1024, 8192] {
          shapes.append(
            (
              .decodeAttention(
                sequences: sequences, context: context, heads: heads, format: format), false
            ))
        }
        shapes.append(
          (
            .decodeAttention(
              sequences: sequences + 1, context: 700, heads: heads, format: format), true
          ))
      }
      if ragged { shapes += raggedShapes(format) }
      for prefix in [0, 512, 4096] {
        for tokens in [16, 64, 256, 1024] {
          shapes.append(
            (
              .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format),
              false
            ))
        }
      }
    }
    let measurements = shapes.enumerated().map { index, point in
      let ns = Int64((time(point.0) * noise(index)).rounded())
      return Measurement(shape: point.0, isHeldOut: point.1, timesNs: [ns, ns + 10, ns - 10])
    }
    return Profile(
      provenance: .measured, device: device, measuredAtUTC: "2026-01-01T00:00:00Z",
      blockSize: 16, readBytesPerSecond: 40_000_000_000, measurements: measurements)
  }
}
