/// Requests as they were recorded somewhere: arrival times, lengths and, where the recording knows
/// them, the blocks of their prompts.
public struct RequestTrace: Hashable, Sendable {
  /// Nanoseconds since the trace's start; not negative, never falling.
  public let arrivalNs: [Int64]
  /// Tokens of each prompt; at least 1.
  public let promptTokens: [Int32]
  /// Tokens of each output; at least 1.
  public let outputTokens: [Int32]
  /// Which blocks each prompt is made of; nil where the trace does not say.
  public let promptBlocks: PromptBlocks?
  /// How urgent each request is; nil where the trace does not say.
  public let urgencies: [RequestUrgency]?
  /// Rows of the file that are no requests here, because they failed when they were recorded.
  public let failedRows: Int

  /// - Precondition: the arrays are as long as one another, times are not negative and do not
  ///   fall, each prompt has as many blocks as its tokens fill or begin, and one that continues
  ///   another request is as long as that one's prompt and output.
  public init(
    arrivalNs: [Int64], promptTokens: [Int32], outputTokens: [Int32],
    promptBlocks: PromptBlocks? = nil, urgencies: [RequestUrgency]? = nil, failedRows: Int = 0
  ) {
    precondition(urgencies?.count ?? arrivalNs.count == arrivalNs.count)
    precondition(arrivalNs.count == promptTokens.count)
    precondition(arrivalNs.count == outputTokens.count)
    precondition(arrivalNs.first ?? 0 >= 0)
    precondition(zip(arrivalNs, arrivalNs.dropFirst()).allSatisfy { $0 <= $1 })
    if let promptBlocks {
      precondition(promptBlocks.count == promptTokens.count)
      precondition(
        promptTokens.indices.allSatisfy {
          promptBlocks.blocks(of: $0).count == promptBlocks.blocks(for: Int(promptTokens[$0]))
        })
      precondition(
        promptTokens.indices.allSatisfy { request in
          promptBlocks.continuation(of: request).map {
            Int(promptTokens[$0]) >= Int(promptTokens[request]) + Int(outputTokens[request])
          } ?? true
        })
    }
    self.arrivalNs = arrivalNs
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.promptBlocks = promptBlocks
    self.urgencies = urgencies
    self.failedRows = failedRows
  }

  /// How many requests.
  public var count: Int { arrivalNs.count }

  /// The requests that arrive at `startNs` or later, whose times count from it; they may be none.
  /// Linear in the trace's size.
  /// - Precondition: `startNs` is not negative.
  public func starting(atNs startNs: Int64) -> RequestTrace {
    precondition(startNs >= 0)
    guard startNs > 0 else { return self }
    let first = arrivalNs.firstIndex { $0 >= startNs } ?? count
    return picking(Array(first..<count), arrivalNs: arrivalNs[first...].map { $0 - startNs })
  }

  /// The requests that arrive before `endNs`; they may be none. Linear in the trace's size.
  public func ending(atNs endNs: Int64) -> RequestTrace {
    guard let last = arrivalNs.last, last >= endNs else { return self }
    let kept = arrivalNs.prefix { $0 < endNs }
    return picking(Array(kept.indices), arrivalNs: Array(kept))
  }

  /// The requests so many times, each time `periodNs` later. Blocks of prompts are others each
  /// time, and so are requests that continue one another: other people ask the like.
  /// - Precondition: `times` is positive, no request comes behind `periodNs`, and no number of a
  ///   request or block comes to more than 32 bits, no time to more than 64.
  public func repeated(_ times: Int, periodNs: Int64) -> RequestTrace {
    precondition(times > 0 && arrivalNs.last ?? 0 <= periodNs)
    guard times > 1 else { return self }
    func again<Element>(_ elements: [Element]) -> [Element] {
      Array((0..<times).lazy.map { _ in elements }.joined())
    }
    return RequestTrace(
      arrivalNs: (0..<times).flatMap { time in arrivalNs.map { $0 + Int64(time) * periodNs } },
      promptTokens: again(promptTokens), outputTokens: again(outputTokens),
      promptBlocks: promptBlocks?.repeated(times), urgencies: urgencies.map(again),
      failedRows: failedRows)
  }

  /// Every request at a time of its own in `jitterNs` nanoseconds from its time in the trace, each
  /// equally likely. A request keeps its lengths and its blocks; those that come at the same time
  /// stay in their order. Many traces have one time for all requests of some seconds.
  ///
  /// O(n log n).
  /// - Precondition: `jitterNs` is not negative, and no time comes to more than 64 bits.
  public func jittered(byNs jitterNs: Int64, seed: UInt64) -> RequestTrace {
    precondition(jitterNs >= 0)
    guard jitterNs > 0 else { return self }
    let stream = RandomStream(seed: seed)
    let moved = arrivalNs.enumerated().map { index, time in
      time
        + Int64(stream.uniform(0...Int(jitterNs) - 1, .replayJitter, entity: Int64(index)))
    }
    // By time and then by number: the library does not promise a stable sort.
    let order = moved.indices.sorted { (moved[$0], $0) < (moved[$1], $1) }
    return picking(order, arrivalNs: order.map { moved[$0] })
  }

  private func picking(_ order: [Int], arrivalNs: [Int64]) -> RequestTrace {
    RequestTrace(
      arrivalNs: arrivalNs, promptTokens: order.map { promptTokens[$0] },
      outputTokens: order.map { outputTokens[$0] }, promptBlocks: promptBlocks?.picking(order),
      urgencies: urgencies.map { urgencies in order.map { urgencies[$0] } },
      failedRows: failedRows)
  }
}
