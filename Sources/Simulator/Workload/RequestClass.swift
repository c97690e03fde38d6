/// What the requests of a workload that are alike have in common.
public struct RequestClass: Hashable, Sendable {
  /// What the sender of a request wants of its latencies, in nanoseconds; nil where nothing is
  /// stated.
  public struct Objectives: Hashable, Sendable {
    /// Of the time to first token.
    public let ttftNs: Int64?
    /// Of the mean time per output token after the first.
    public let tpotNs: Int64?
    /// Of the end-to-end latency.
    public let e2eNs: Int64?

    /// Nothing is wanted.
    public static let unstated = Objectives()

    /// - Precondition: none is negative or beyond ``simulationHorizonNs``.
    public init(ttftNs: Int64? = nil, tpotNs: Int64? = nil, e2eNs: Int64? = nil) {
      for objective in [ttftNs, tpotNs, e2eNs] {
        precondition((0...simulationHorizonNs).contains(objective ?? 0))
      }
      self.ttftNs = ttftNs
      self.tpotNs = tpotNs
      self.e2eNs = e2eNs
    }

    /// Whether a request finished and took no longer than is wanted. With one output token there
    /// is no time per token to be missed.
    public func areMet(by request: RequestRecord) -> Bool {
      guard let ttft = request.ttftNs, let e2e = request.e2eNs else { return false }
      return ttft <= ttftNs ?? .max && request.tpotNs ?? 0 <= tpotNs ?? .max
        && e2e <= e2eNs ?? .max
    }
  }

  /// The most samples that a request can have.
  public static let mostSamples = 128

  /// The name of the only class of a workload that names none.
  public static let onlyName = "all"

  /// What results call it; unique within the workload.
  public let name: String
  /// How many of the requests that arrive together with other classes' are of this one: its weight
  /// beside theirs.
  public let share: Double
  /// Tokens of each prompt behind the system prompt.
  public let promptTokens: Workload.Lengths
  /// Tokens of each output.
  public let outputTokens: Workload.Lengths
  /// Lower is handled first by schedulers that go by it, as in vLLM.
  public let priority: Int
  /// What is wanted of each request.
  public let objectives: Objectives
  /// Tokens, before those of ``promptTokens``, with which every prompt of the class begins.
  public let systemPromptTokens: Int
  /// Where its requests come in sessions, how. Then ``promptTokens`` are those that a turn adds to
  /// its session, and the system prompt stands once at its beginning.
  public let sessions: Sessions?
  /// `n`: outputs that each request wants of its prompt, of lengths drawn by themselves.
  public let samples: Int

  /// - Precondition: `share` is positive and finite, `systemPromptTokens` is not negative;
  ///   there is a sample, ``mostSamples`` at most, and only one of turns of sessions.
  public init(
    name: String = RequestClass.onlyName, share: Double = 1, promptTokens: Workload.Lengths,
    outputTokens: Workload.Lengths, priority: Int = 0, objectives: Objectives = .unstated,
    systemPromptTokens: Int = 0, sessions: Sessions? = nil, samples: Int = 1
  ) {
    precondition(share > 0 && share.isFinite && systemPromptTokens >= 0)
    precondition((1...RequestClass.mostSamples).contains(samples))
    precondition(samples == 1 || sessions == nil)
    self.name = name
    self.share = share
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.priority = priority
    self.objectives = objectives
    self.systemPromptTokens = systemPromptTokens
    self.sessions = sessions
    self.samples = samples
  }

  /// Whether a trace says how long its requests are.
  var isTraced: Bool { promptTokens == .fromTrace || outputTokens == .fromTrace }

  /// Tokens that the shortest of its requests puts into the cache: all but the last that it
  /// produces. Linear in the trace's `requests` where one says.
  func shortestCachedTokens(in trace: RequestTrace?, requests: Int) -> Int {
    func tokens(_ lengths: Workload.Lengths, _ traced: (RequestTrace) -> Int32) -> Int {
      if let shortest = lengths.shortest { return shortest }
      guard let trace else { preconditionFailure("lengths from a trace stand with its replay") }
      return Int(traced(trace))
    }
    return (0..<(isTraced ? requests : 1)).reduce(.max) { least, index in
      min(
        least,
        systemPromptTokens + tokens(promptTokens) { $0.promptTokens[index] }
          + tokens(outputTokens) { $0.outputTokens[index] } - 1)
    }
  }
}
