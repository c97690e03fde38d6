import Testing

@testable import Simulator

/// What runs worked out by hand assert of a request.
struct Times: Equatable {
  var start: Int64
  var firstToken: Int64
  var finish: Int64
  /// When it lost its blocks.
  var preempted: [Int64] = []
}

extension Played {
  /// By number.
  var times: [Times] {
    let losses = events.filter { $0.kind == .preempted || $0.kind == .swappedOut }
    return requestsById.map { request in
      Times(
        start: request.scheduledNs, firstToken: request.firstTokenNs, finish: request.finishNs,
        preempted: losses.filter { $0.request == request.id }.map(\.timeNs))
    }
  }
}

/// A run to work out by hand: a step takes 100 ns, plus 1 ns a prompt token. It is played in jumps
/// and step by step, which have to agree, under all invariants.
struct SmallRun {
  var scheduler: EngineOptions.Scheduler
  var maxNumSeqs = 16
  var maxNumBatchedTokens = 2048
  var blockSize = 4
  var poolBlocks = 1 << 20
  var longPrefillTokenThreshold = 0
  var watermark: Double?
  var maxQueuedRequests: Int?

  /// Rows are (arrival, prompt, output).
  func play(_ rows: [(Int64, Int32, Int32)], urgencies: [RequestUrgency]? = nil) -> Played {
    let runs = [false, true].map { exact in
      Played(
        replay(rows, urgencies: urgencies), maxNumSeqs: maxNumSeqs,
        maxNumBatchedTokens: maxNumBatchedTokens, blockSize: blockSize, poolBlocks: poolBlocks,
        scheduler: scheduler, longPrefillTokenThreshold: longPrefillTokenThreshold,
        watermark: watermark, maxQueuedRequests: maxQueuedRequests, exact: exact, checks: true,
        pricer: SyntheticPricer(perStepNs: 100, perPromptTokenNs: 1))
    }
    #expect(runs[0].requests == runs[1].requests && runs[0].summary == runs[1].summary)
    #expect(runs[0].events == runs[1].events)
    return runs[0]
  }
}
