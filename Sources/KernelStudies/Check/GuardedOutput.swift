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
