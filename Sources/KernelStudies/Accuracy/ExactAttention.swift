import Glibc
import Kernels

/// Vectors in FP64, one behind the other, sixteen elements at a time.
struct HeadVectors {
  /// Groups of sixteen per vector; `head_dim` is a multiple of 16.
  let groups: Int
  fileprivate let lanes: [SIMD16<Double>]

  /// The vectors of `rows`, which are `[vector][headDim]`.
  init(_ rows: [Float], headDim: Int) {
    groups = headDim / 16
    lanes = [SIMD16<Double>](unsafeUninitializedCapacity: rows.count / 16) { lanes, filled in
      for index in 0..<rows.count / 16 {
        var group = SIMD16<Double>()
        for lane in 0..<16 { group[lane] = Double(rows[16 * index + lane]) }
        lanes.initializeElement(at: index, to: group)
      }
      filled = rows.count / 16
    }
  }
}

/// Who asks the keys of one KV head: every query head of its group, at each query token.
///
/// Ask `a` is of query token `a / groupSize`, which sees the keys up to its own.
struct Asks {
  let vectors: HeadVectors
  let count: Int
  private let groupSize: Int
  private let hidden: Int

  /// The asks of a KV head of `sample`.
  init(_ sample: KVSample, head: Int) {
    let heads = sample.heads
    groupSize = heads.groupSize
    count = sample.queryTokens * groupSize
    hidden = sample.tokens - sample.queryTokens + 1
    vectors = HeadVectors(
      sample.vectors(
        sample.queries, of: heads.queryHeads, heads: head * groupSize..<(head + 1) * groupSize),
      headDim: heads.headDim)
  }

  /// Keys that an ask sees.
  func visible(_ ask: Int) -> Int { hidden + ask / groupSize }
}

/// Attention of one KV head in FP64: what every format is held against.
///
/// Several asks go over the keys and values together, a tile at a time, which then comes from the
/// cache for all but the first. The order of every sum is that of the tokens, whatever the tiles.
struct ExactAttention {
  let keys: HeadVectors
  let values: HeadVectors
  let rule: LogitRule

  /// Tokens of a tile: 32 KiB of a head of 128 elements.
  private static let tile = 32

  /// The logits of each ask of `block`, over the keys that it sees.
  func logits(_ asks: Asks, _ block: Range<Int>) -> [[Double]] {
    let groups = keys.groups
    var rows = block.map { [Double](repeating: 0, count: asks.visible($0)) }
    let longest = rows.map(\.count).max() ?? 0
    for start in stride(from: 0, to: longest, by: ExactAttention.tile) {
      for (index, ask) in block.enumerated() {
        let end = min(start + ExactAttention.tile, rows[index].count)
        guard start < end else { continue }
        rows[index].withUnsafeMutableBufferPointer { row in
          asks.vectors.lanes.withUnsafeBufferPointer { queries in
            keys.lanes.withUnsafeBufferPointer { keys in
              for token in start..<end {
                var sum = SIMD16<Double>()
                for group in 0..<groups {
                  sum += queries[ask &* groups &+ group] * keys[token &* groups &+ group]
                }
                row[token] = rule.logit(sum.sum())
              }
            }
          }
        }
      }
    }
    return rows
  }

  /// For each row of logits, the values weighted with its softmax.
  func outputs(_ logits: [[Double]]) -> [[SIMD16<Double>]] {
    let groups = values.groups
    var totals: [Double] = []
    let weights = logits.map { row in
      let largest = row.max() ?? 0
      let weights = row.map { exp($0 - largest) }
      totals.append(weights.reduce(0, +))
      return weights
    }
    var sums = logits.map { _ in [SIMD16<Double>](repeating: SIMD16(), count: groups) }
    let longest = logits.map(\.count).max() ?? 0
    for start in stride(from: 0, to: longest, by: ExactAttention.tile) {
      for (index, weights) in weights.enumerated() {
        let end = min(start + ExactAttention.tile, weights.count)
        guard start < end else { continue }
        sums[index].withUnsafeMutableBufferPointer { sums in
          values.lanes.withUnsafeBufferPointer { values in
            weights.withUnsafeBufferPointer { weights in
              for group in 0..<groups {
                var sum = sums[group]
                for token in start..<end {
                  sum += weights[token] * values[token &* groups &+ group]
                }
                sums[group] = sum
              }
            }
          }
        }
      }
    }
    return zip(sums, totals).map { sums, total in sums.map { $0 / total } }
  }
}

extension WorkerPool {
  /// `body` of each item, in the order of the items; threads share them out.
  func map<Result>(_ count: Int, _ body: (_ item: Int) -> Result) -> [Result] {
    [Result](unsafeUninitializedCapacity: count) { results, filled in
      let slots = results
      run(count) { item, _ in slots.initializeElement(at: item, to: body(item)) }
      filled = count
    }
  }
}
