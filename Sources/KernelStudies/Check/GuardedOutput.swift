/// An output that starts as NaN, with 1,024 sentinels behind it that no kernel may touch.
struct GuardedOutput {
  static let sentinel: Float = 12_345.5
  static let sentinelCount = 1024
  let count: Int
  var floats: [Float]

  init(count: Int) {
    self.count = count
    floats = [Float](repeating: .nan, count: count + GuardedOutput.sentinelCount)
    for i in count..<floats.count { floats[i] = GuardedOutput.sentinel }
  }

  var sentinelsSurvive: Bool { floats[count...].allSatisfy { $0 == GuardedOutput.sentinel } }
  var written: ArraySlice<Float> { floats[..<count] }
}

/// Normalised mean squared error: the squared error's sum over the squared reference's sum.
/// NaN where an output was left unwritten.
func nmse(_ measured: ArraySlice<Float>, _ expected: [Double]) -> Double {
  precondition(measured.count == expected.count)
  var error = 0.0
  var power = 0.0
  measured.withUnsafeBufferPointer { measured in
    expected.withUnsafeBufferPointer { expected in
      for i in 0..<expected.count {
        let difference = Double(measured[i]) - expected[i]
        error += difference * difference
        power += expected[i] * expected[i]
      }
    }
  }
  return power > 0 ? error / power : error
}
