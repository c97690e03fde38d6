/// The normalised Hadamard matrix of an order in Double: row i, column j is
/// (-1)^popcount(i & j) / sqrt(order). Symmetric and its own inverse.
struct Hadamard {
  let order: Int

  /// - Precondition: `order` is a power of two.
  init(order: Int) {
    precondition(order > 0 && order & (order - 1) == 0)
    self.order = order
  }

  /// The matrix times each block of `order` elements, by butterflies: log2(`order`) additions an
  /// element. HadamardTests holds them against the definition.
  func rotated(_ vector: [Double]) -> [Double] {
    var result = vector
    let norm = 1 / Double(order).squareRoot()
    result.withUnsafeMutableBufferPointer { x in
      var stride = 1
      while stride < order {
        var i = 0
        while i < x.count {
          if i & stride == 0 {
            let a = x[i], b = x[i &+ stride]
            x[i] = a + b
            x[i &+ stride] = a - b
          }
          i &+= 1
        }
        stride *= 2
      }
      for i in 0..<x.count { x[i] *= norm }
    }
    return result
  }
}
