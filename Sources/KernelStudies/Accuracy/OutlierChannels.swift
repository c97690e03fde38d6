/// Which channels of keys stand out, as they are quantised.
enum OutlierChannels {
  /// The channels of one head whose largest magnitude over all tokens is more than `ratio` times
  /// the median of that of all its channels.
  ///
  /// - Parameter keys: `[token][headDim]`, turned as they are cached.
  static func count(_ keys: [Float], headDim: Int, ratio: Float) -> Int {
    var largest = [Float](repeating: 0, count: headDim)
    for start in stride(from: 0, to: keys.count, by: headDim) {
      for channel in 0..<headDim {
        largest[channel] = max(largest[channel], keys[start + channel].magnitude)
      }
    }
    let ordered = largest.sorted()
    // Head dimensions are even: the median lies between two channels.
    let median = (ordered[headDim / 2 - 1] + ordered[headDim / 2]) / 2
    return largest.count { $0 > ratio * median }
  }
}
