/// Samples of a request behind its first, and what their outputs are drawn from: the stream of the
/// request's other draws and its number there.
struct FurtherSamples: Hashable, Sendable {
  let draws: RandomStream
  let number: Int
  @Narrow var count: Int
}

/// Output tokens of the samples behind a request's first. They are drawn when somebody asks: few
/// requests have any, and one that carried a list of them would be no plain bytes.
struct SampleOutputs: Sendable {
  /// By class.
  private let lengths: [Workload.Lengths]

  init(_ classes: [RequestClass]) { lengths = classes.map(\.outputTokens) }

  /// Each sample has a draw of its own behind the first one's; where a trace says how many tokens
  /// there are, it says so of all.
  @inline(__always)
  private func tokens(
    ofSample sample: Int, _ further: FurtherSamples, of request: ArrivingRequest
  ) -> Int {
    lengths[request.requestClass].drawn(
      .outputTokens, from: further.draws, entity: Int64(further.number), draw: UInt32(sample))
      ?? request.outputTokens
  }

  /// Those of all samples behind the first, in their order.
  func furtherOutputs(of request: ArrivingRequest) -> [Int32] {
    guard let further = request.furtherSamples else { return [] }
    return (1...further.count).map { Int32(tokens(ofSample: $0, further, of: request)) }
  }

  /// Output tokens of the sample that has most of them.
  func longest(of request: ArrivingRequest) -> Int {
    guard let further = request.furtherSamples else { return request.outputTokens }
    return (1...further.count).reduce(request.outputTokens) {
      max($0, tokens(ofSample: $1, further, of: request))
    }
  }
}

extension Workload.Lengths {
  /// A number of tokens, drawn for an entity where they differ; nil where a trace says it.
  @inline(__always)
  func drawn(
    _ purpose: RandomStream.Purpose, from draws: RandomStream, entity: Int64, draw: UInt32 = 0
  ) -> Int? {
    switch self {
    case .fixed(let tokens): tokens
    case .uniform(let range): draws.uniform(range, purpose, entity: entity, draw: draw)
    case .logNormal(let lengths):
      lengths.tokens(draws.openUnit(purpose, entity: entity, draw: draw))
    case .empirical(let lengths):
      lengths.tokens(draws.openUnit(purpose, entity: entity, draw: draw))
    case .fromTrace: nil
    }
  }
}
