/// What a replica can hold of one request.
struct RequestLimits: Sendable {
  /// The positions that the model has for prompt and output together.
  let modelPositions: Int
  /// Those that the scheduler has.
  let stepPositions: Int
  /// The tokens that the whole pool holds.
  let poolTokens: Int
  /// Tokens of a block.
  let blockSize: Int
  /// Tokens that are drafted beside each that a decode step gives.
  let draftTokens: Int
  /// Seats.
  let seats: Int
  /// Whether a request has its room from the start, so that none is preempted.
  let keepsRoomToTheEnd: Bool
  /// What samples behind the first have to produce.
  let samples: SampleOutputs

  /// Whether a request can be played.
  func allow(_ request: ArrivingRequest) -> Bool { refusal(of: request) == nil }

  /// Why a request cannot be played: the first limit that it exceeds, in the order of the causes;
  /// nil where it can. Of several samples the longest must fit by itself: the others can be
  /// preempted for it. Where nobody is, all of them must together.
  func refusal(of request: ArrivingRequest) -> EventRecord.Cause? {
    let outputTokens = samples.longest(of: request)
    let cached = RequestLimits.tokensAtEnd(of: request, outputTokens: outputTokens)
    // A decode step has room for what it verifies, also behind the end.
    let drafted = outputTokens > 1 ? draftTokens : 0
    if cached >= modelPositions { return .context }
    if cached >= stepPositions { return .step }
    if cached + drafted > poolTokens { return .pool }
    guard request.samples > 1 else { return nil }
    if request.samples > seats { return .seats }
    return keepsRoomToTheEnd && !fitTogether(request) ? .pool : nil
  }

  /// Why none of these servers can play a request: of several causes the one that comes last, which
  /// is of the server that lacks least. Nil where one can, or there are none.
  static func refusal<Pricer, Policy>(
    of request: ArrivingRequest, by members: [Int], of servers: [Server<Pricer, Policy>]
  ) -> EventRecord.Cause? {
    refusal(of: request, by: members.lazy.map { servers[$0].limits })
  }

  /// The same of replicas with such limits.
  static func refusal(
    of request: ArrivingRequest, by limits: some Swift.Sequence<RequestLimits>
  ) -> EventRecord.Cause? {
    var last: EventRecord.Cause?
    for own in limits {
      guard let cause = own.refusal(of: request) else { return nil }
      if cause.rawValue >= last?.rawValue ?? 0 { last = cause }
    }
    return last
  }

  /// What happened to a request that is rejected at `now`.
  func rejection(
    of request: ArrivingRequest, for cause: EventRecord.Cause, now: Int64
  ) -> EventRecord {
    let tokens = RequestLimits.tokensAtEnd(
      of: request, outputTokens: samples.longest(of: request))
    return EventRecord(
      kind: .rejected, timeNs: now, replica: -1, request: request.id, cause: cause,
      tokens: Int64(tokens))
  }

  /// The last token produced is never written to the cache.
  private static func tokensAtEnd(of request: ArrivingRequest, outputTokens: Int) -> Int {
    request.promptTokens + outputTokens - 1
  }

  private func fitTogether(_ request: ArrivingRequest) -> Bool {
    SampleGroups.mostBlocks(
      promptTokens: request.promptTokens, outputTokens: request.outputTokens,
      furtherOutputs: samples.furtherOutputs(of: request), blockSize: blockSize)
      <= poolTokens / blockSize
  }
}
