import Simulator
import Testing

@testable import Trace

@Suite struct RowDigestTests {
  private func digest(_ records: [AnyRecord]) -> String {
    var digest = RowDigest()
    for record in records { digest.record(record) }
    return digest.hex
  }

  @Test("Words give the digests worked out by hand")
  func words() {
    #expect(RowDigest().hex == "cbf29ce484222325")
    // Chosen so that state ^ word = 1: the product is the multiplier itself, and
    // 9e3779b97f4a7c15 ^ 9e3779b9 = 9e3779b9e17d05ac.
    var one = RowDigest()
    one.mix(Int64(bitPattern: 0xcbf2_9ce4_8422_2325 ^ 1))
    #expect(one.hex == "9e3779b9e17d05ac")
    // state ^ word = 0 leaves nothing, and leading zeros are written.
    var zero = RowDigest()
    zero.mix(Int64(bitPattern: 0xcbf2_9ce4_8422_2325))
    #expect(zero.hex == "0000000000000000")
    var minusOne = RowDigest()
    minusOne.mix(-1)
    #expect(minusOne.hex == "690cf37cf43c469e")
  }

  @Test("Records give the digests that a program of a few lines of Python gives")
  func records() {
    #expect(digest([.request(finishedRequest)]) == "65b40c62b63adc6c")
    #expect(digest([.request(rejectedRequest)]) == "447a50a94b79a080")
    #expect(digest([.request(sampledRequest)]) == "fee8200e1e808503")
    #expect(digest([.step(sampleStep)]) == "0fa308afc9c17e2d")
    #expect(digest([.event(sampleEvent)]) == "a221ef7d0761b5db")
    let handover = EventRecord(
      kind: .handedOver, timeNs: 40, startNs: 30, replica: 0, toReplica: 1, request: 5, tokens: 8,
      blocks: 2)
    #expect(digest([.event(handover)]) == "68e8a834df0c494d")
    let all: [AnyRecord] = [
      .request(finishedRequest), .step(sampleStep), .request(rejectedRequest),
    ]
    #expect(digest(all) == "94d488133dd8b40e")
  }

  @Test("The order of records matters, across the kinds too")
  func order() {
    let swapped: [AnyRecord] = [
      .step(sampleStep), .request(finishedRequest), .request(rejectedRequest),
    ]
    #expect(digest(swapped) == "52bdbb68fbb2eb50")
    let withEvent: [AnyRecord] = [
      .event(sampleEvent), .step(sampleStep), .request(finishedRequest),
    ]
    #expect(digest(withEvent) == "fb8294d49851e20f")
  }

  @Test("A change of any one field of a request changes the digest", arguments: 0..<50)
  func requestFields(seed: Int) {
    let fields: [WritableKeyPath<RequestRecord, Int64>] = [
      \.id, \.arrivalNs, \.scheduledNs, \.firstTokenNs, \.finishNs, \.promptTokens,
      \.cachedTokens, \.outputTokens, \.preemptions, \.requestClass, \.priority,
      \.replica, \.samples, \.lastSampleTokens,
    ]
    #expect(Mirror(reflecting: finishedRequest).children.count == fields.count + 1)
    var records = sampleRecords(20, seed: UInt64(seed))
    records.insert(.request(finishedRequest), at: 7)
    let expected = digest(records)
    for field in fields {
      for bit in 0..<64 {
        var changed = finishedRequest
        changed[keyPath: field] ^= Int64(bitPattern: 1 << UInt64(bit))
        records[7] = .request(changed)
        #expect(digest(records) != expected, "bit \(bit) of \(field)")
      }
    }
    var changed = finishedRequest
    changed.outcome = .rejected
    records[7] = .request(changed)
    #expect(digest(records) != expected)
  }

  @Test("A change of any one field of a step changes the digest", arguments: 0..<50)
  func stepFields(seed: Int) {
    let costs: [WritableKeyPath<StepRecord, Int64>] = [
      \.cost.linearNs, \.cost.appendNs, \.cost.decodeAttentionNs, \.cost.prefillAttentionNs,
      \.cost.elementwiseNs, \.cost.collectiveNs, \.cost.hostNs, \.cost.swapNs,
      \.cost.extrapolatedNs, \.cost.derivedNs,
    ]
    let fields: [WritableKeyPath<StepRecord, Int64>] = [
      \.startNs, \.endNs, \.steps, \.decodeSequences, \.contextTokens, \.prefillSequences,
      \.prefillTokens, \.waitingRequests, \.preemptedRequests, \.usedBlocks, \.emptySlots,
      \.replica,
    ]
    #expect(Mirror(reflecting: sampleStep).children.count == fields.count + 1)
    #expect(Mirror(reflecting: sampleStep.cost).children.count == costs.count)
    var records = sampleRecords(20, seed: UInt64(seed))
    records.insert(.step(sampleStep), at: 7)
    let expected = digest(records)
    for field in fields + costs {
      for bit in 0..<64 {
        var changed = sampleStep
        changed[keyPath: field] ^= Int64(bitPattern: 1 << UInt64(bit))
        records[7] = .step(changed)
        #expect(digest(records) != expected, "bit \(bit) of \(field)")
      }
    }
  }

  @Test("A change of any one field of an event changes the digest", arguments: 0..<50)
  func eventFields(seed: Int) {
    let fields: [WritableKeyPath<EventRecord, Int64>] = [
      \.timeNs, \.startNs, \.replica, \.toReplica, \.request, \.sample, \.yieldedTo, \.tokens,
      \.blocks,
    ]
    #expect(Mirror(reflecting: sampleEvent).children.count == fields.count + 2)
    var records = sampleRecords(20, seed: UInt64(seed))
    records.insert(.event(sampleEvent), at: 7)
    let expected = digest(records)
    func expectChange(_ what: String, _ change: (inout EventRecord) -> Void) {
      var changed = sampleEvent
      change(&changed)
      records[7] = .event(changed)
      #expect(digest(records) != expected, "\(what)")
    }
    for field in fields {
      for bit in 0..<64 {
        expectChange("bit \(bit) of \(field)") {
          $0[keyPath: field] ^= Int64(bitPattern: 1 << UInt64(bit))
        }
      }
    }
    for kind in EventRecord.Kind.allCases where kind != sampleEvent.kind {
      expectChange("\(kind)") { $0.kind = kind }
    }
    for cause in EventRecord.Cause.allCases where cause != sampleEvent.cause {
      expectChange("\(cause)") { $0.cause = cause }
    }
  }
}
