/// How a sequence's context is cut for decode attention, on every device.
enum ContextCut {
  /// Below this many tokens a split costs more (query set-up, merging) than it saves.
  static let leastTokens = 256
  /// Above this many tokens a span's sums in single precision lose digits.
  private static let mostTokens = 16384

  /// The last `seen` of `context` tokens, one at least, in pieces of some `wanted` tokens, within
  /// the bounds above. Pieces end at multiples of `tile`, counted from the sequence's first token,
  /// so that a window leaves one tile odd and not all.
  static func pieces(context: Int, seen: Int, wanted: Int, tile: Int) -> [Range<Int>] {
    let count = max(1, seen / max(leastTokens, wanted), (seen + mostTokens - 1) / mostTokens)
    let length = (seen + count - 1) / count
    let step = (length + tile - 1) / tile * tile
    var pieces: [Range<Int>] = []
    var first = context - seen
    while first < context {
      let last = min(first / tile * tile + step, context)
      pieces.append(first..<last)
      first = last
    }
    return pieces
  }
}
