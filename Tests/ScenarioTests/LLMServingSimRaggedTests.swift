import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite("Ragged batches of LLMServingSim's operator times")
struct LLMServingSimRaggedTests {
  private let fixture: LLMServingSimFixture
  private var folder: String { fixture.path }

  /// A call takes 10 µs for 2 contexts of 64, 30 for 4 of 160; times of `skew.csv` are of three.
  static let files = [
    "profile-meta.yaml": LLMServingSimFixture.files["profile-meta.yaml"]!
      + "measurement_iterations: 3\n",
    "attention.csv": LLMServingSimFixture.files["attention.csv"]!
      + "0,0,2,64,10\n0,0,4,64,20\n0,0,4,160,30\n",
    "skew.csv": """
    regime,n,nb,ratio,skew,pc,kp,kvs,kv_big,kv_mean,t_mean_us,t_max_us,t_skew_us,alpha
    pure,2,1,0.5,4.0,0,0,16,64,40,24,30.3,27.001,0.5
    mixed,2,1,0.5,4.0,16,0,16,64,40,40,60,50,0.5
    pure,4,1,0.25,5.0,0,0,32,160,64,60,90,87.2,0.2

    """,
  ]

  init() throws {
    fixture = try LLMServingSimFixture(with: LLMServingSimRaggedTests.files)
  }

  private func result(readsRagged: Bool = true) throws(ScenarioError) -> LLMServingSimImport {
    try LLMServingSimImport(
      folder: folder, model: LLMServingSimFixture.model, readsRagged: readsRagged)
  }

  @Test("Rows of decodes alone become ragged batches of one call's time, behind all other points")
  func rows() throws {
    let heads = LLMServingSimFixture.model.heads
    let plain = try result(readsRagged: false)
    let result = try result()
    let count = plain.profile.measurements.count
    #expect(plain.profile.measurements == Array(result.profile.measurements.prefix(count)))
    #expect(plain.notes.isEmpty)
    let ragged = result.profile.measurements.dropFirst(count)
    #expect(
      ragged.map(\.shape) == [
        .raggedDecode(
          RaggedBatch(sequences: 2, context: 40, longest: 64), heads: heads, format: .fp16),
        .raggedDecode(
          RaggedBatch(sequences: 4, context: 64, longest: 160), heads: heads, format: .fp16),
      ])
    // 27.001 and 87.2 µs over 3, to the nanosecond.
    #expect(ragged.map(\.timesNs) == [[9_000], [29_067]])
    #expect(result.notes.count == 1)
    #expect(result.notes[0].hasPrefix("skew.csv: 1 row of regime `mixed` left out"))
  }

  @Test("A step of uneven contexts takes what its ragged batch took")
  func price() throws {
    func price(readsRagged: Bool) throws -> Double {
      let profile = try result(readsRagged: readsRagged).profile
      let pricer = try StepPricer(
        model: LLMServingSimFixture.model, format: .fp16, profile: profile, maxSequences: 4,
        maxTokens: 32)
      let batch = BatchShape(decodeSequences: 4, contextTokens: 4 * 64, longestContext: 160)
      return Double(pricer.cost(of: batch).decodeAttentionNs)
    }
    // In each of two layers; a step is a line between mean contexts on either side of the batch's.
    let measured = 2 * 29_067.0
    #expect(try abs(price(readsRagged: true) - measured) < 0.02 * measured)
    #expect(try price(readsRagged: false) < 0.8 * measured)
  }

  @Test("Times that are sums of another number of calls are refused with the ratio")
  func otherNumberOfCalls() throws {
    for (calls, ratio) in [(1, "3.0"), (2, "1.5"), (4, "0.75")] {
      try fixture.change("profile-meta.yaml", "iterations: 3", "iterations: \(calls)")
      let errors = fixture.errors(readsRagged: true)
      #expect(
        errors.count == 1
          && errors[0].hasPrefix(
            "skew.csv:1:1: error: `t_max_us` over the \(calls) of `measurement_iterations` is "
              + "\(ratio) times what attention.csv has"),
        "\(errors)")
    }
    // The first row's own ratio is 1.01, and a tenth is allowed.
    try fixture.write("profile-meta.yaml", Self.files["profile-meta.yaml"]!)
    try fixture.change("skew.csv", "30.3", "32.9")
    try fixture.write(
      "attention.csv",
      Self.files["attention.csv"]!.replacingOccurrences(
        of: "0,0,4,160,30\n", with: ""))
    #expect(fixture.errors(readsRagged: true).isEmpty)
    try fixture.change("skew.csv", "30.3", "33.1")
    #expect(
      fixture.errors(readsRagged: true).count == 1
        && fixture.errors(readsRagged: true)[0].contains(" is 1.103 times "))
  }

  @Test("Times that attention.csv cannot be asked about are refused")
  func noEvenBatch() throws {
    try fixture.write("attention.csv", LLMServingSimFixture.files["attention.csv"]!)
    #expect(fixture.errors(readsRagged: true).count == 1)
    #expect(
      fixture.errors(readsRagged: true)[0].hasPrefix(
        "skew.csv:1:1: error: no row of regime `pure` has a batch"))
  }

  @Test("Neither the table nor the number of calls is needed where nobody asks for it")
  func absent() throws {
    try FileManager.default.removeItem(atPath: folder + "skew.csv")
    try fixture.change("profile-meta.yaml", "measurement_iterations: 3", "x: 1")
    #expect(throws: Never.self) { try result(readsRagged: false) }
    let errors = fixture.errors(readsRagged: true)
    #expect(errors.count == 2)
    #expect(
      errors[0].hasPrefix("profile-meta.yaml:") && errors[0].contains("measurement_iterations"))
    #expect(errors[1].hasPrefix("skew.csv: error: cannot be read"))
  }

  @Test(
    "A malformed row is refused at its place",
    arguments: [
      ("pure,2,", "prefill,2,", "2:1: error: regime: `prefill` is not accepted here"),
      ("pure,2,", "pure,1,", "2:6: error: n: `1` is not accepted here"),
      (",64,40,24,", ",64,2,24,", "2:25: error: kv_big: `64` is not accepted here"),
      (",64,40,24,", ",64,70,24,", "2:25: error: kv_big: `64` is not accepted here"),
      ("27.001", "0", "2:39: error: t_skew_us: `0` is not accepted here"),
      (
        "pure,4,1,0.25,5.0,0,0,32,160,64", "pure,2,1,0.25,4.0,0,0,16,64,40",
        "4:1: error: the same operator and sizes stand in line 2"
      ),
    ])
  func malformed(old: String, new: String, error: String) throws {
    try fixture.change("skew.csv", old, new)
    let errors = fixture.errors(readsRagged: true)
    #expect(errors.contains { $0.hasPrefix("skew.csv:" + error) }, "\(errors)")
  }
}
