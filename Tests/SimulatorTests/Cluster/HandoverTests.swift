import CostModel
import Testing

@testable import Simulator

/// Prompts on one replica and decodes on another, every time worked out by hand. A step takes
/// 100 ns; a block of four tokens takes 10 ns to copy, and every copy 5 ns more.
@Suite("Handing over")
struct HandoverTests {
  private static func played(
    _ workload: Workload, exact: Bool, seats: Int = 8, poolBlocks: Int = 64,
    decoders: Int = 1, outages: [Outage] = []
  ) -> Played {
    let roles: [ReplicaRole] = [.prefill] + Array(repeating: .decode, count: decoders)
    return Played(
      workload,
      cluster: Cluster(
        members: roles.map {
          smallMember(
            role: $0, seats: $0 == .decode ? seats : 8,
            poolBlocks: $0 == .decode ? poolBlocks : 64, exact: exact)
        },
        transfer: KVTransfer(
          link: CopyLink(bytesPerSecond: 1_000_000_000, latencyNs: 5), blockBytes: 10),
        outages: outages))
  }

  /// A and B come together, C later; C ends with its first token.
  private static let workload = replay([(0, 8, 3), (0, 4, 2), (150, 4, 1)])

  @Test(
    "Blocks are copied one prompt after the other, and decode behind it", arguments: [false, true])
  func handOver(exact: Bool) {
    let played = HandoverTests.played(HandoverTests.workload, exact: exact)
    let (a, b, c) = (played.requestsById[0], played.requestsById[1], played.requestsById[2])
    // Both prompts in one step, 0–100. A's two blocks are copied 100–125, B's one 125–140.
    #expect([a, b].map(\.firstTokenNs) == [100, 100])
    // A decodes alone 125–225; B, there since 140, with it 225–325.
    #expect([a, b].map(\.finishNs) == [325, 325])
    #expect([a, b].map(\.replica) == [1, 1])
    // C needs no replica that decodes.
    #expect(c.firstTokenNs == 250 && c.finishNs == 250 && c.replica == 0)
    let transfers = played.summary.transfers!
    #expect(transfers.transfers == 2 && transfers.bytes == 30)
    #expect(transfers.waiting.maxNs == 25 && transfers.waiting.meanNs == 12.5)
    #expect(transfers.copying.maxNs == 25 && transfers.copying.meanNs == 20)
    // A: 100 to 225 to 325; B: 100 to 325.
    #expect(played.summary.itl.count == 3 && played.summary.itl.meanNs == 150)
    #expect(played.summary.recomputedTokens == 0)
  }

  @Test(
    "Without a seat where it is to decode a request stays where it is", arguments: [false, true])
  func seats(exact: Bool) {
    let played = HandoverTests.played(HandoverTests.workload, exact: exact, seats: 1)
    // A ends at 325; then B is copied, 325–340, and decodes.
    #expect(played.requestsById[0].finishNs == 325)
    #expect(played.requestsById[1].finishNs == 440)
    #expect(played.summary.transfers!.waiting.maxNs == 225)
  }

  @Test("Without blocks there it stays too", arguments: [false, true])
  func blocks(exact: Bool) {
    // A takes two blocks and finds room for its next token. B, with one block and another for its
    // next token, does not before A has ended.
    let played = HandoverTests.played(HandoverTests.workload, exact: exact, poolBlocks: 3)
    #expect(played.requestsById.map(\.finishNs) == [325, 440, 250])
    #expect(played.summary.preemptions == 0)
  }

  @Test("One that is preempted where it decodes is computed again there", arguments: [false, true])
  func preemptedDecode(exact: Bool) {
    // With a block more B is copied at once. When it is to decode at 225 A has taken the last
    // block, and B yields. At 325 A has ended; B's five tokens give its second at 425.
    let played = HandoverTests.played(HandoverTests.workload, exact: exact, poolBlocks: 4)
    #expect(played.requestsById.map(\.finishNs) == [325, 425, 250])
    #expect(played.requestsById.map(\.preemptions) == [0, 1, 0])
    #expect(played.summary.recomputedTokens == 5)
  }

  @Test(
    "Where the replica that decodes fails, its requests are computed again",
    arguments: [false, true])
  func decoderFails(exact: Bool) {
    let played = HandoverTests.played(
      HandoverTests.workload, exact: exact, decoders: 2,
      outages: [Outage(replica: 1, atNs: 200, recoversAfterNs: nil)])
    let requests = played.requestsById
    // By turns A went to 1 and B to 2: B is copied 125–140 still, as the first replica's link is
    // A's until then, and decodes 140–240.
    #expect(requests[1].finishNs == 240 && requests[1].preemptions == 0)
    // A had one token when its step was lost at 200. Its nine tokens are computed behind C's
    // prompt, 250–350, which gives its second; three blocks are copied 350–385; it decodes 385–485.
    #expect(requests[0].finishNs == 485 && requests[0].preemptions == 1)
    #expect(requests[0].replica == 2 && requests[0].firstTokenNs == 100)
    #expect(played.summary.displacedRequests == 1 && played.summary.recomputedTokens == 9)
    #expect(played.summary.transfers!.transfers == 3)
  }

  @Test("Where the replica that computed it fails, a copy under way is called off")
  func prefillFails() {
    let played = HandoverTests.played(
      HandoverTests.workload, exact: false,
      outages: [Outage(replica: 0, atNs: 110, recoversAfterNs: 100)])
    let requests = played.requestsById
    // Both are lost. At 210 they are computed again, nine and five tokens with C's four in one
    // step, and have their second tokens at 310, with which B ends.
    #expect(requests[1].finishNs == 310 && requests[1].replica == 0)
    #expect(requests[2].finishNs == 310)
    // A's three blocks are copied 310–345.
    #expect(requests[0].finishNs == 445 && requests[0].replica == 1)
    #expect(requests.map(\.preemptions) == [1, 1, 0])
    #expect(played.summary.transfers!.transfers == 1)
  }

  @Test("A four-bit cache is copied in as much less time as it has fewer bytes")
  func formats() {
    let link = CopyLink(bytesPerSecond: 50_000_000_000, latencyNs: 0)
    // 100 blocks of 16 tokens of 32 layers with 8 KV heads of 128: 512 against 136 bytes a token.
    let (wide, narrow) = (32 * 8 * 16 * 512, 32 * 8 * 16 * 136)
    let ratio = Double(link.ns(bytes: 100 * wide)) / Double(link.ns(bytes: 100 * narrow))
    #expect(abs(ratio - 512.0 / 136) < 1e-6)
  }
}

/// A replica of steps of 100 ns and blocks of four tokens.
func smallMember(
  role: ReplicaRole = .whole, seats: Int = 8, poolBlocks: Int = 64, exact: Bool = false
) -> Cluster<SyntheticPricer>.Member {
  Cluster.Member(
    configuration: EngineConfiguration(
      options: EngineOptions(
        maxNumSeqs: seats, maxNumBatchedTokens: 64, blockSize: 4, enablePrefixCaching: false,
        kvCacheMemory: .bytes(0)),
      poolBlocks: poolBlocks, maxPositions: 1000, usesExactSteps: exact, checksInvariants: true),
    pricer: SyntheticPricer(perStepNs: 100), role: role)
}
