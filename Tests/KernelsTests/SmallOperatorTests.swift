import Foundation
import Kernels
import Testing

@testable import KernelStudies

/// The small operators on the CPU: known values, and what must be refused before anything runs.
@Suite struct SmallOperatorTests {
  private let ones = [Float](repeating: 1, count: 64)

  private func expect(_ field: String, _ error: DeviceError?, _ place: SourceLocation) {
    switch error {
    case .unsupportedShape(field, _, _), .notRepresentable(field, _, _, _),
      .bufferTooSmall(field, _, _):
      break
    default: Issue.record("\(field): \(String(describing: error))", sourceLocation: place)
    }
  }

  private func normalise(
    _ x: [Float], rows: Int, width: Int, weight: [Float]? = nil, epsilon: Float = 1e-6,
    room: Int = 64
  ) throws(DeviceError) -> [Float] {
    var output = [Float](repeating: 7, count: room)
    try CPUBackend(threads: 2).rmsNorm(
      x, weight: weight ?? ones, epsilon: epsilon, rows: rows, width: width, into: &output)
    return output
  }

  @Test func aRowOfEqualElementsBecomesItsWeights() throws {
    let weight = (0..<8).map(Float.init)
    let made = try normalise(
      [Float](repeating: -3, count: 16), rows: 2, width: 8, weight: weight, epsilon: 1e-12)
    for i in 0..<16 { #expect(abs(made[i] + weight[i % 8]) < 1e-5) }
    #expect(made[16...].allSatisfy { $0 == 7 }, "nothing is written behind the rows")
  }

  @Test("What RMS norm cannot take is refused by name")
  func normRefusals() {
    func refused(
      _ field: String, _ place: SourceLocation = #_sourceLocation,
      _ body: () throws -> [Float]
    ) {
      expect(field, #expect(throws: DeviceError.self) { _ = try body() }, place)
    }
    for bad in [0, -1, Int.min] {
      refused("rows") { try normalise(ones, rows: bad, width: 8) }
      refused("width") { try normalise(ones, rows: 8, width: bad) }
    }
    refused("width") { try normalise(ones, rows: 8, width: .max) }
    refused("rows") { try normalise(ones, rows: .max, width: 1) }
    refused("x") { try normalise(ones, rows: 5, width: 16) }
    refused("weight") { try normalise(ones, rows: 1, width: 9, weight: Array(ones[..<8])) }
    refused("output") { try normalise(ones, rows: 8, width: 8, room: 63) }
    for epsilon in [0, -1e-6, Float.nan, .infinity, .leastNonzeroMagnitude] {
      refused("epsilon") { try normalise(ones, rows: 1, width: 8, epsilon: epsilon) }
    }
    for bad in [Float.nan, .infinity, -.infinity] {
      refused("x") { try normalise(ones.dropLast() + [bad], rows: 1, width: 64) }
      refused("weight") { try normalise(ones, rows: 1, width: 2, weight: [1, bad]) }
    }
  }

  @Test("The largest elements whose squares add up pass; the next is refused")
  func normLimit() throws {
    let limit = (Float.greatestFiniteMagnitude / 2 / 64).squareRoot()
    for path in CPUPath.available {
      var output = ones
      let backend = try CPUBackend(path: path, threads: 1)
      func run(_ magnitude: Float) throws(DeviceError) {
        try backend.rmsNorm(
          [Float](repeating: -magnitude, count: 64), weight: ones, epsilon: 1e-6, rows: 1,
          width: 64, into: &output)
      }
      try run(limit)
      #expect(output.allSatisfy { abs($0 + 1) < 1e-6 })
      #expect(throws: DeviceError.self) { try run(limit.nextUp) }
    }
  }

  @Test("Rotary embedding at position 0 changes nothing, and turning on and on adds up")
  func turning() throws {
    var random = CheckRandom(seed: 81)
    let original = random.normals(3 * 2 * 80)
    let frequencies = try RotaryFrequencies(headDim: 80, theta: 10_000)
    for path in CPUPath.available {
      let backend = try CPUBackend(path: path, threads: 2)
      func turned(_ x: [Float], by positions: [Int]) throws(DeviceError) -> [Float] {
        var x = x
        try backend.rotaryEmbedding(&x, positions: positions, heads: 2, frequencies: frequencies)
        return x
      }
      #expect(try turned(original, by: [0, 0, 0]) == original)
      let steps = try turned(turned(original, by: [1, 131_000, 9]), by: [41, 71, 0])
      let once = try turned(original, by: [42, 131_071, 9])
      #expect(
        Statistics.normalisedMeanSquaredError(steps, once.map(Double.init)) < 1e-13, "\(path)")
      #expect(try turned(original, by: []) == original)
    }
  }

  @Test("What rotary embedding cannot take is refused by name")
  func rotaryRefusals() throws {
    for headDim in [-16, 0, 8, 24, 528, Int.max] {
      let error = #expect(throws: DeviceError.self) {
        try RotaryFrequencies(headDim: headDim, theta: 10_000)
      }
      expect("head_dim", error, #_sourceLocation)
    }
    for theta in [0.5, 0, -1, .nan, .infinity] {
      let error = #expect(throws: DeviceError.self) {
        try RotaryFrequencies(headDim: 64, theta: theta)
      }
      expect("rope_theta", error, #_sourceLocation)
    }
    for radians in [-1e-9, 3.2, .nan, .infinity] {
      let error = #expect(throws: DeviceError.self) {
        try RotaryFrequencies(radiansPerPosition: [0, 1, 2, 3, 0, 1, 2, radians])
      }
      expect("radians_per_position", error, #_sourceLocation)
    }
    let frequencies = try RotaryFrequencies(headDim: 16, theta: 10_000)
    let most = RotaryFrequencies.largestPosition
    let cases: [(String, [Int], Int, [Float])] = [
      ("position", [0, -1], 1, ones), ("position", [most + 1], 1, ones),
      ("position", [.max], 1, ones), ("heads", [1], 0, ones), ("heads", [1], .max, ones),
      ("vectors", [1, 2, 3], 2, ones), ("vectors", [1], 1, [Float](repeating: .nan, count: 16)),
      ("vectors", [1], 1, [Float](repeating: .greatestFiniteMagnitude, count: 16)),
    ]
    for (field, positions, heads, vectors) in cases {
      var vectors = vectors
      let error = #expect(throws: DeviceError.self) {
        try CPUBackend(threads: 1).rotaryEmbedding(
          &vectors, positions: positions, heads: heads, frequencies: frequencies)
      }
      expect(field, error, #_sourceLocation)
    }
    var vectors = ones
    try CPUBackend(threads: 1).rotaryEmbedding(
      &vectors, positions: [most, 0, 1, 2], heads: 1, frequencies: frequencies)
  }

  @Test("Frequencies given one by one are those that theta gives")
  func radians() throws {
    let given = try RotaryFrequencies(
      radiansPerPosition: (0..<64).map { pow(500_000, -Double($0) / 64) })
    #expect(try RotaryFrequencies(headDim: 128, theta: 500_000) == given)
    #expect(given.headDim == 128)
  }

  @Test("Counts, short arrays and numbers that are none are refused by name")
  func pairwiseRefusals() throws {
    let backend = try CPUBackend(threads: 1)
    let short = Array(ones[..<8]), bad = [Float](repeating: .infinity, count: 8)
    let cases: [(String, String, [Float], [Float], [Float], Int)] = [
      ("count", "count", ones, ones, ones, 0), ("count", "count", ones, ones, ones, .min),
      ("gate", "sum", short, ones, ones, 9), ("up", "addend", ones, short, ones, 9),
      ("output", "sum", ones, ones, short, 9), ("gate", "sum", bad, ones, ones, 8),
      ("up", "addend", ones, bad, ones, 8), ("gate", "sum", ones, ones, ones, .max),
    ]
    for (ofGate, ofAdd, a, b, output, count) in cases {
      var made = output
      let gated = #expect(throws: DeviceError.self) {
        try backend.siluMultiply(gate: a, up: b, count: count, into: &made)
      }
      expect(ofGate, gated, #_sourceLocation)
      var sum = ofGate == "output" ? output : a
      let added = #expect(throws: DeviceError.self) {
        try backend.add(b, count: count, to: &sum)
      }
      expect(ofAdd, added, #_sourceLocation)
    }
    var sum = ones
    try backend.add(ones, count: 63, to: &sum)
    #expect(sum[..<63].allSatisfy { $0 == 2 } && sum[63] == 1)
  }
}
