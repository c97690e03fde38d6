/// Which channels of keys stand out, as they are quantised.
enum OutlierChannels {
  /// The share of channels whose largest magnitude over all tokens is more than `ratio` times the
  /// median of the largest magnitudes of their head's channels.
  ///
  /// - Parameters:
  ///   - keys: `[token][head][headDim]`, turned as they are cached.
  static func share(_ keys: [Float], heads: Int, headDim: Int, ratio: Float) -> Double {
    let row = heads * headDim
    var largest = [Float](repeating: 0, count: row)
    for start in stride(from: 0, to: keys.count, by: row) {
      for channel in 0..<row {
        largest[channel] = max(largest[channel], keys[start + channel].magnitude)
      }
    }
    var outliers = 0
    for head in 0..<heads {
      let own = largest[head * headDim..<(head + 1) * headDim].sorted()
      // Head dimensions are even: the median lies between two channels.
      let median = (own[headDim / 2 - 1] + own[headDim / 2]) / 2
      outliers += own.count { $0 > ratio * median }
    }
    return Double(outliers) / Double(row)
  }
}
