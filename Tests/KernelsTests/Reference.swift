import Kernels
import Operators

/// The operators in Double, written from their definitions.
enum Reference {
  /// The normalised Hadamard matrix times each block of `order` elements: row i, column j is
  /// (-1)^popcount(i & j) / sqrt(order).
  static func rotated(_ vector: [Double], order: Int) -> [Double] {
    var result = vector
    let norm = 1 / Double(order).squareRoot()
    for start in stride(from: 0, to: vector.count, by: order) {
      for i in 0..<order {
        var sum = 0.0
        for j in 0..<order {
          let term = vector[start + j]
          sum += (i & j).nonzeroBitCount % 2 == 0 ? term : -term
        }
        result[start + i] = sum * norm
      }
    }
    return result
  }

  /// softmax(q · Kᵀ / sqrt(dim)) · V for one query over `count` rows.
  static func attention(
    query: [Double], keys: [[Double]], values: [[Double]], count: Int
  ) -> [Double] {
    let scale = 1 / Double(query.count).squareRoot()
    var weights = [Double](repeating: 0, count: count)
    var largest = -Double.infinity
    for token in 0..<count {
      weights[token] = dot(query, keys[token]) * scale
      largest = max(largest, weights[token])
    }
    var total = 0.0
    for token in 0..<count {
      weights[token] = exponential(weights[token] - largest)
      total += weights[token]
    }
    var result = [Double](repeating: 0, count: query.count)
    result.withUnsafeMutableBufferPointer { result in
      for token in 0..<count {
        let share = weights[token] / total
        values[token].withUnsafeBufferPointer { value in
          var i = 0
          while i < result.count {
            result[i] += share * value[i]
            i &+= 1
          }
        }
      }
    }
    return result
  }

  private static func dot(_ a: [Double], _ b: [Double]) -> Double {
    a.withUnsafeBufferPointer { a in
      b.withUnsafeBufferPointer { b in
        var sum = 0.0
        var i = 0
        while i < a.count {
          sum += a[i] * b[i]
          i &+= 1
        }
        return sum
      }
    }
  }

  /// e^x by squaring the Taylor polynomial of x / 1024.
  static func exponential(_ x: Double) -> Double {
    if x < -700 { return 0 }
    let r = x / 1024
    var e = 1 + r * (1 + r / 2 * (1 + r / 3 * (1 + r / 4 * (1 + r / 5 * (1 + r / 6)))))
    for _ in 0..<10 { e *= e }
    return e
  }
}

/// Normalised mean squared error: the squared error's sum over the squared reference's sum.
func nmse(_ measured: ArraySlice<Float>, _ expected: [Double]) -> Double {
  precondition(measured.count == expected.count)
  var error = 0.0
  var power = 0.0
  for (m, e) in zip(measured, expected) {
    error += (Double(m) - e) * (Double(m) - e)
    power += e * e
  }
  return power > 0 ? error / power : error
}
