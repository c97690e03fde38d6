import Kernels
import Operators

/// Judges what the reference path wrote against the vectors that went in, in Double.
struct AppendJudge {
  private let reader: PageReader
  private let format: KVFormat
  private let hadamard: Hadamard?

  init(_ pages: KVPages) {
    reader = PageReader(pages: pages)
    format = pages.layout.format
    hadamard = format.rotationOrder(headDim: pages.layout.headDim).map(Hadamard.init)
  }

  /// The largest error of a stored element as a share of what it may be; above 1 is wrong.
  func worstShare(_ world: AttentionWorld) -> Double {
    let layout = world.pages.layout
    var worst = 0.0
    for (token, slot) in world.slots.enumerated() {
      for kvHead in 0..<layout.kvHeads {
        let start = (token * layout.kvHeads + kvHead) * layout.headDim
        let row = start..<start + layout.headDim
        worst = max(
          worst, share(of: world.keys[row], slot: slot, kvHead: kvHead, isValue: false),
          share(of: world.values[row], slot: slot, kvHead: kvHead, isValue: true))
      }
    }
    return worst
  }

  /// The largest error of one stored vector as a share of what it may be.
  func share(
    of vector: ArraySlice<Float>, slot: Int, kvHead: Int, isValue: Bool
  ) -> Double {
    var exact = vector.map(Double.init)
    let turns = !isValue || format.rotation?.includesValues ?? false
    if turns, let hadamard { exact = hadamard.rotated(exact) }
    let low = exact.min() ?? 0, high = exact.max() ?? 0
    // What rotating in FP32 may take: a rounding of 2^-24 at each of at most eight stages.
    let slack = max(-low, high, 0) * (turns && hadamard != nil ? 1e-6 : 1e-7)
    let stored = reader.vector(slot: slot, kvHead: kvHead, isValue: isValue)
    var worst = 0.0
    if format.bitsPerElement == 16 {
      for (x, y) in zip(exact, stored) {
        worst = max(worst, abs(x - y) / (AppendJudge.halfRounding(x) + slack))
      }
      return worst
    }
    let (scale, zero) = reader.metadata(slot: slot, kvHead: kvHead, isValue: isValue)
    let step = (high - low) / 15
    worst = max(
      abs(scale - step) / (AppendJudge.halfRounding(step) + slack),
      abs(zero - low) / (AppendJudge.halfRounding(low) + slack))
    // Half a step, and what rounding scale and zero to halves takes at the ends.
    let bound =
      scale / 2 + 15 * AppendJudge.halfRounding(scale) + AppendJudge.halfRounding(zero)
      + slack + 1e-5 * scale
    for (x, y) in zip(exact, stored) { worst = max(worst, abs(x - y) / bound) }
    return worst
  }

  /// Half a unit in the last place of an IEEE half: 11 significant bits, none below 2^-24.
  private static func halfRounding(_ x: Double) -> Double {
    max(abs(x) / 2048, 0x1p-25)
  }
}
