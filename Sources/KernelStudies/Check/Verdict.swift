import Kernels

/// What an operator came to on some kernels.
enum Outcome {
  /// The kernels refused, or their device failed.
  case refused(DeviceError)
  /// A pool after K and V of a world were written into it.
  case pages(KVPages, world: AttentionWorld)
  /// Outputs of one call or of several.
  case outputs([GuardedOutput])

  /// One output of so many elements, and what writes it.
  static func output(
    count: Int, _ body: (inout [Float]) throws(DeviceError) -> Void
  ) -> Outcome {
    var output = GuardedOutput(count: count)
    do throws(DeviceError) {
      try body(&output.floats)
    } catch {
      return .refused(error)
    }
    return .outputs([output])
  }
}

/// What an operator must come to.
enum Expectation {
  /// Every byte of a pool as a writer left it. `share` is how far these err, as a share of what
  /// they may.
  case pages(KVPages, writer: String, share: Double)
  /// An array for each output. Of several `parts` of one size, the rest belonging to the last, each
  /// is judged by itself and the worst counts: a large one's error would hide that of a small one.
  case numbers([[Double]], parts: Int)

  /// What other kernels made of the same data; nil where these refused.
  /// - Parameter parts: of each of their outputs.
  init?(_ outcome: Outcome, of path: String, parts: Int) {
    switch outcome {
    case .refused: return nil
    case .pages(let pages, _): self = .pages(pages, writer: path, share: 0)
    case .outputs(let outputs):
      self = .numbers(outputs.map { $0.written.map(Double.init) }, parts: parts)
    }
  }

  /// Parts that are judged by themselves.
  var parts: Int {
    switch self {
    case .pages: 1
    case .numbers(_, let parts): parts
    }
  }
}

/// How right one operator was on one path.
struct Verdict {
  /// NMSE, or for append the share of what an element may err by; nil where nothing came out.
  var error: Double?
  /// What is wrong besides the size of the error.
  var fault: String?

  init(error: Double? = nil, fault: String? = nil) {
    self.error = error
    self.fault = fault
  }

  /// Holds what came out against what must.
  init(_ outcome: Outcome, against expectation: Expectation) {
    switch (outcome, expectation) {
    case (.refused(let error), _): self.init(fault: "refused: \(error)")
    case (.pages(let pages, let world), .pages(let expected, let writer, let share)):
      self.init(pages, world, expected, writer: writer, share: share)
    case (.outputs(let outputs), .numbers(let expected, let parts)):
      let verdicts = zip(outputs, expected).map { Verdict($0, expected: $1, parts: parts) }
      self = verdicts.reduce(Verdict(error: 0)) { $0.joined($1) }
    default: preconditionFailure("an operator writes pages or numbers")
    }
  }

  private init(
    _ pages: KVPages, _ world: AttentionWorld, _ expected: KVPages, writer: String, share: Double
  ) {
    guard pages.bytes != expected.bytes else {
      self.init(error: share)
      return
    }
    let offset = zip(pages.bytes, expected.bytes).enumerated().first { $1.0 != $1.1 }?.offset ?? 0
    let pageBytes = pages.layout.pageBytes
    self.init(
      error: AppendJudge(pages).worstShare(world),
      fault: "byte \(offset % pageBytes) of page \(offset / pageBytes) is not what the \(writer) "
        + "kernels write")
  }

  private init(_ output: GuardedOutput, expected: [Double], parts: Int) {
    let size = expected.count / parts
    let verdicts = (0..<parts).map { part in
      let range = part * size..<(part + 1 < parts ? (part + 1) * size : expected.count)
      return Verdict(
        error: Statistics.normalisedMeanSquaredError(output.written[range], expected[range]))
    }
    let fault = output.sentinelsSurvive ? nil : "wrote behind its output"
    self = verdicts.reduce(Verdict(error: 0, fault: fault)) { $0.joined($1) }
  }

  /// Why the verdict is a failure; nil where it is none.
  func reason(limit: Double) -> String? {
    if let fault { return fault }
    guard let error else { return "nothing came out" }
    if error.isNaN { return "an output is NaN or was not written" }
    return error <= limit ? nil : "error \(error) is above \(limit)"
  }

  /// The worse of two.
  func joined(_ other: Verdict) -> Verdict {
    guard let error, let otherError = other.error else {
      return Verdict(fault: fault ?? other.fault)
    }
    let worse = error <= otherError ? otherError : error
    return Verdict(
      error: otherError.isNaN ? otherError : worse, fault: fault ?? other.fault)
  }
}
