import Simulator
import Testing

@testable import Planning

@Suite("Steady states of runs")
struct SteadyStateTests {
  /// Noise about one, the same every time.
  private func noise(_ count: Int, seed: UInt64 = 1) -> [Double] {
    let draws = RandomStream(seed: seed)
    return (0..<count).map {
      Double(draws.uniform(0...1000, .promptTokens, entity: Int64($0))) / 1000 - 0.5
    }
  }

  private func start(_ verdict: SteadyState.Verdict) -> Int? {
    if case .steady(let range) = verdict { range.lowerBound } else { nil }
  }

  @Test(
    "A level series is steady from near its start, up to those who saw the end", arguments: 1...9)
  func level(_ seed: UInt64) throws {
    let values = noise(2000, seed: seed).map { 10 + $0 }
    let verdict = SteadyState.verdict(on: values, leavingOut: 50)
    #expect(try #require(start(verdict)) < 1000)
    guard case .steady(let range) = verdict else { return }
    #expect(range.upperBound == 1950)
  }

  @Test("A beginning that rises to a level is left out")
  func beginning() throws {
    let values = noise(3000).enumerated().map { place, noise in
      min(Double(place) / 40, 10) + noise
    }
    let found = try #require(start(SteadyState.verdict(on: values, leavingOut: 0)))
    #expect((350..<800).contains(found), "\(found)")
  }

  @Test("A series that rises to its end, or past its middle, is not steady", arguments: 1...9)
  func rising(_ seed: UInt64) {
    let noise = noise(3000, seed: seed)
    let slow = noise.enumerated().map { 10 + Double($0) / 1000 + $1 }
    let late = noise.enumerated().map { min(Double($0), 2000) / 100 + $1 }
    for values in [slow, late] {
      #expect(SteadyState.verdict(on: values, leavingOut: 0) == .unsettled)
    }
  }

  @Test("A growth that is less than a tenth does not matter, however sure it is")
  func slight() {
    for (growth, isSteady) in [(3.0, true), (30, false)] {
      let values = noise(3000).enumerated().map { 100 + growth * Double($0) / 3000 + 10 * $1 }
      #expect((start(SteadyState.verdict(on: values, leavingOut: 0)) != nil) == isSteady)
    }
  }

  @Test("A run of few requests says nothing")
  func short() {
    #expect(SteadyState.verdict(on: noise(60), leavingOut: 0) == .unsettled)
    #expect(SteadyState.verdict(on: noise(500), leavingOut: 480) == .unsettled)
    #expect(SteadyState.verdict(on: [], leavingOut: 0) == .unsettled)
  }

  @Test("Each request finds those that came before it and have not left")
  func found() {
    let draws = RandomStream(seed: 5)
    var now: Int64 = 0
    let records = (0..<300).map { id -> RequestRecord in
      now += Int64(draws.uniform(0...20, .promptTokens, entity: Int64(id)))
      let stay = Int64(draws.uniform(0...200, .outputTokens, entity: Int64(id)))
      return RequestRecord(
        id: Int64(id), arrivalNs: now, scheduledNs: now, firstTokenNs: now,
        finishNs: now + stay, promptTokens: 1, cachedTokens: 0, outputTokens: 1, preemptions: 0,
        outcome: .finished)
    }
    let counts = records.enumerated().map { place, own in
      Double(records[..<place].count { $0.finishNs >= own.arrivalNs })
    }
    #expect(SteadyState.found(by: records) == counts)
  }

  @Test("Half the width of an interval is Student's quantile of the standard error")
  func estimate() throws {
    // Mean 2, deviation 1; 4.303 is the 97.5th percentile with two degrees of freedom.
    let three = Estimate([1, 2, 3])
    #expect(three.mean == 2)
    #expect(abs(try #require(three.halfWidth) - 4.303 / 3.0.squareRoot()) < 1e-12)
    #expect(Estimate([7]).halfWidth == nil && Estimate([7]).lower == 7)
    #expect(Estimate([4, 4, 4]).halfWidth == 0)
    // With 60 degrees of freedom the quantile is 2.0003, with 120 it is 1.9799.
    for (count, quantile) in [(61, 2.0003), (121, 1.9799)] {
      let values = (0..<count).map { $0 % 2 == 0 ? 1.0 : -1.0 }
      let mean = values.reduce(0, +) / Double(count)
      let squares = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
      let error = (squares / Double(count - 1) / Double(count)).squareRoot()
      #expect(abs(try #require(Estimate(values).halfWidth) / error - quantile) < 1e-3)
    }
  }
}
