import Kernels

/// What a small operator can get wrong.
enum SmallMistake: CaseIterable {
  /// Takes the mean for the root mean square's, as LayerNorm does.
  case normTakesTheMeanOff
  /// Adds epsilon behind the root.
  case normAddsEpsilonLate
  /// Pairs elements 2i and 2i + 1, as GPT-J does.
  case rotaryPairsNeighbours
  /// Is off by one position from 65,536 on.
  case rotaryLosesAPosition
  /// Counts positions from the first token of the call.
  case rotaryCountsTokens
  case siluSwapsItsOperands
  case addOverwrites
  case addForgetsTheLast
  case addWritesBehind
}

extension WrongBackend {
  func rmsNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int,
    into output: inout [Float]
  ) throws(DeviceError) {
    var x = x
    for start in stride(from: 0, to: rows * width, by: width)
    where smallMistake == .normTakesTheMeanOff {
      let mean = x[start..<start + width].reduce(0, +) / Float(width)
      for i in start..<start + width { x[i] -= mean }
    }
    let within: Float = smallMistake == .normAddsEpsilonLate ? .leastNormalMagnitude : epsilon
    try right.rmsNorm(x, weight: weight, epsilon: within, rows: rows, width: width, into: &output)
  }

  func rotaryEmbedding(
    _ vectors: inout [Float], positions: [Int], heads: Int, frequencies: RotaryFrequencies
  ) throws(DeviceError) {
    let half = frequencies.headDim / 2
    var order = Array(vectors.indices)
    if smallMistake == .rotaryPairsNeighbours {
      for start in stride(from: 0, to: positions.count * heads * 2 * half, by: 2 * half) {
        for i in 0..<half {
          order[start + i] = start + 2 * i
          order[start + half + i] = start + 2 * i + 1
        }
      }
    }
    var moved = order.map { vectors[$0] }
    var asked = positions
    if smallMistake == .rotaryCountsTokens { asked = Array(positions.indices) }
    if smallMistake == .rotaryLosesAPosition {
      asked = positions.map { $0 < 65_536 ? $0 : $0 - 1 }
    }
    try right.rotaryEmbedding(&moved, positions: asked, heads: heads, frequencies: frequencies)
    for (place, from) in zip(order, moved.indices) { vectors[place] = moved[from] }
  }

  func siluMultiply(
    gate: [Float], up: [Float], count: Int, into output: inout [Float]
  ) throws(DeviceError) {
    let swaps = smallMistake == .siluSwapsItsOperands
    try right.siluMultiply(
      gate: swaps ? up : gate, up: swaps ? gate : up, count: count, into: &output)
  }

  func add(_ addend: [Float], count: Int, to sum: inout [Float]) throws(DeviceError) {
    let last = sum[count - 1]
    if smallMistake == .addOverwrites { for i in 0..<count { sum[i] = 0 } }
    try right.add(addend, count: count, to: &sum)
    if smallMistake == .addForgetsTheLast { sum[count - 1] = last }
    if smallMistake == .addWritesBehind { sum[count] = 0 }
  }
}
