import Foundation
import TestSupport
import Testing

@testable import Simulator

@Suite("Random streams")
struct RandomStreamTests {
  @Test("Philox4x32-10 gives the published test vectors")
  func publishedVectors() {
    // Random123, kat_vectors.
    let ones = UInt32.max
    #expect(
      Philox.block(counter: SIMD4(repeating: 0), key: SIMD2(repeating: 0))
        == SIMD4(0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8))
    #expect(
      Philox.block(counter: SIMD4(repeating: ones), key: SIMD2(repeating: ones))
        == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    #expect(
      Philox.block(
        counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
        key: SIMD2(0xA409_3822, 0x299F_31D0))
        == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test("The logarithm is the library's to one part in 10^15")
  func logarithm() {
    var random = SeededRandom(7)
    for _ in 0..<200_000 {
      let x = Double((random.next() >> 11) + 1) * 0x1p-53
      let (own, library) = (naturalLog(x), Foundation.log(x))
      #expect(abs(own - library) <= 1e-15 * max(abs(library), 0x1p-53))
    }
    #expect(naturalLog(1) == 0)
  }

  @Test("Exponential draws follow their law: mean, variance and a chi-square over 50 bins")
  func exponentialLaw() {
    let count = 1_000_000
    var chiSquares = 0.0
    for seed in UInt64(1)...5 {
      let stream = RandomStream(seed: seed)
      var (sum, squares) = (0.0, 0.0)
      var bins = Array(repeating: 0, count: 50)
      for entity in 0..<count {
        let x = stream.exponential(.arrivalGap, entity: Int64(entity))
        sum += x
        squares += x * x
        // F(x) = 1 − exp(−x) is uniform.
        bins[min(49, Int((1 - Foundation.exp(-x)) * 50))] += 1
      }
      let mean = sum / Double(count)
      let variance = squares / Double(count) - mean * mean
      // Five standard errors: sd of the mean is 1/√n, of the variance √(8/n).
      #expect(abs(mean - 1) < 5 / Double(count).squareRoot())
      #expect(abs(variance - 1) < 5 * (8 / Double(count)).squareRoot())
      let expected = Double(count) / 50
      let chiSquare = bins.reduce(0.0) {
        $0 + (Double($1) - expected) * (Double($1) - expected) / expected
      }
      // 49 degrees of freedom: the quantiles of 10⁻⁵ and 1 − 10⁻⁵.
      #expect(chiSquare > 17.58 && chiSquare < 103.1, "chi-square \(chiSquare), seed \(seed)")
      chiSquares += chiSquare
    }
    // 245 degrees of freedom: 0.1 % and 99.9 %.
    #expect(chiSquares > 182.2 && chiSquares < 319.1, "sum \(chiSquares)")
  }

  @Test("Uniform draws reach every number of their range, and none outside")
  func uniformRange() {
    let stream = RandomStream(seed: 3)
    var counts = [Int: Int]()
    for entity in 0..<60_000 {
      counts[stream.uniform(5...10, .promptTokens, entity: Int64(entity)), default: 0] += 1
    }
    #expect(counts.keys.sorted() == Array(5...10))
    // Six equally likely numbers: sd of a count is √(n·p·q) = 91.
    #expect(counts.values.allSatisfy { abs($0 - 10_000) < 5 * 92 })
    #expect(stream.uniform(7...7, .promptTokens, entity: 0) == 7)
  }

  @Test("The first draws of a seed stay what they were")
  func firstDraws() {
    let stream = RandomStream(seed: 1)
    let purposes: [RandomStream.Purpose] = [.arrivalGap, .promptTokens, .outputTokens]
    #expect(
      purposes.map { stream.bits($0, entity: 7) } == [
        0xC698_1892_01A0_6045, 0x814A_5F48_7B6C_1806, 0x21EB_0634_51FC_D424,
      ])
  }

  @Test("Units are above 0, and below 1 or at most 1")
  func units() {
    let stream = RandomStream(seed: 4)
    var (sum, isWithin) = (0.0, true)
    for entity in Int64(0)..<100_000 {
      let (closed, open) = (
        stream.unit(.thinkTime, entity: entity), stream.openUnit(.thinkTime, entity: entity)
      )
      isWithin = isWithin && closed > 0 && closed <= 1 && open > 0 && open < 1
      isWithin = isWithin && abs(closed - open) <= 0x1p-52
      sum += open
    }
    #expect(isWithin)
    // The sd of a mean of uniform draws is 1/√(12n).
    #expect(abs(sum / 100_000 - 0.5) < 4 / (12 * 100_000).squareRoot())
  }

  @Test("Streams of different names share no bits with one another or with the run's own")
  func namedStreams() {
    let run = RandomStream(seed: 1)
    let streams =
      [run] + ["", "a", "b", "ab", "a/b", "ba"].map { run.stream(named: $0) }
      + [RandomStream(seed: 2).stream(named: "a")]
    var seen = Set<UInt64>()
    for stream in streams {
      for entity in Int64(0)..<1000 { seen.insert(stream.bits(.arrivalGap, entity: entity)) }
    }
    #expect(seen.count == 8 * 1000)
    // What is drawn by a name stays what it was.
    #expect(run.stream(named: "a").bits(.arrivalGap, entity: 7) == 0xA7B7_7CCC_ED88_3C2C)
  }

  @Test("Purposes, entities, draws and seeds do not share bits")
  func independence() {
    var seen = Set<UInt64>()
    for seed in UInt64(1)...3 {
      let stream = RandomStream(seed: seed)
      for purpose in RandomStream.Purpose.allCases {
        for entity in Int64(0)..<1000 {
          for draw in UInt32(0)..<3 {
            seen.insert(stream.bits(purpose, entity: entity, draw: draw))
          }
        }
      }
    }
    #expect(seen.count == 3 * RandomStream.Purpose.allCases.count * 1000 * 3)
  }
}
