/// The normalised Hadamard matrix of an order in Double, by its definition: row i, column j is
/// (-1)^popcount(i & j) / sqrt(order). Symmetric and its own inverse.
struct Hadamard {
  let order: Int
  private let matrix: [Double]

  /// - Precondition: `order` is a power of two.
  init(order: Int) {
    precondition(order > 0 && order & (order - 1) == 0)
    self.order = order
    let norm = 1 / Double(order).squareRoot()
    matrix = (0..<order * order).map { index in
      (index / order & index % order).nonzeroBitCount % 2 == 0 ? norm : -norm
    }
  }

  /// The matrix times each block of `order` elements: `order` multiplications an element.
  func rotated(_ vector: [Double]) -> [Double] {
    var result = [Double](repeating: 0, count: vector.count)
    result.withUnsafeMutableBufferPointer { result in
      matrix.withUnsafeBufferPointer { matrix in
        for start in stride(from: 0, to: vector.count, by: order) {
          for j in 0..<order {
            let element = vector[start + j]
            let row = j &* order
            var i = 0
            while i < order {
              result[start &+ i] += element * matrix[row &+ i]
              i &+= 1
            }
          }
        }
      }
    }
    return result
  }
}
