import Foundation
import Testing

@testable import Simulator

/// Classes of requests: which come when, and that none sees what others draw.
@Suite("Request classes")
struct RequestClassTests {
  private func requestClass(
    _ name: String, share: Double = 1, prompt: Workload.Lengths = .uniform(1...1000)
  ) -> RequestClass {
    RequestClass(
      name: name, share: share, promptTokens: prompt, outputTokens: .uniform(1...1000))
  }

  private func own(
    _ classes: [(name: String, arrivals: Workload.Arrivals)], requests: Int
  ) -> Workload {
    Workload(
      arrivals: .superposed(
        classes.enumerated().map { place, given in
          Workload.Stream(name: given.name, arrivals: given.arrivals, requestClass: place)
        }),
      classes: classes.map { requestClass($0.name) }, requests: requests)
  }

  /// When each request is due, and what it is.
  private func drawn(
    _ workload: Workload, seed: UInt64 = 5
  ) -> [(dueNs: Int64, request: ArrivingRequest)] {
    var source = RequestSource(workload: workload, seed: seed)
    return (0..<workload.requests).map { _ in (source.nextDueNs(now: 0), source.next()) }
  }

  @Test("Requests that arrive together are of each class as often as its share says (chi-square)")
  func shares() {
    let shares = [5.0, 0.5, 2, 1.5, 1]
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 1),
      classes: shares.enumerated().map { requestClass("c\($0)", share: $1) }, requests: 100_000)
    var counts = Array(repeating: 0, count: shares.count)
    for (_, request) in drawn(workload) { counts[request.requestClass] += 1 }
    var chiSquare = 0.0
    for (share, count) in zip(shares, counts) {
      let mean = 100_000 * share / 10
      chiSquare += (Double(count) - mean) * (Double(count) - mean) / mean
    }
    // 4 degrees of freedom: 0.1 % and 99.9 %.
    #expect(chiSquare > 0.09 && chiSquare < 18.5, "\(chiSquare)")
  }

  @Test("Shares change neither when requests come nor the draws of their lengths")
  func commonRandomNumbers() {
    func workload(_ classes: [RequestClass]) -> Workload {
      Workload(
        arrivals: .gamma(requestsPerSecond: 3, burstiness: 0.5), classes: classes, requests: 1000)
    }
    let one = drawn(workload([requestClass("all")]))
    let two = drawn(workload([requestClass("a"), requestClass("b", share: 3)]))
    #expect(one.map(\.dueNs) == two.map(\.dueNs))
    #expect(one.map(\.request.promptTokens) == two.map(\.request.promptTokens))
    #expect(one.map(\.request.outputTokens) == two.map(\.request.outputTokens))
    #expect(Set(two.map(\.request.requestClass)) == [0, 1])
  }

  @Test("A class keeps its arrivals and lengths whichever classes are beside it, in any order")
  func independence() throws {
    let curve = try #require(
      RateCurve.onOff(requestsPerSecond: 9, onNs: 1_000_000_000, offNs: 3_000_000_000))
    let chat = (name: "chat", arrivals: Workload.Arrivals.poisson(requestsPerSecond: 4))
    let code = (
      name: "code", arrivals: Workload.Arrivals.gamma(requestsPerSecond: 2, burstiness: 0.3)
    )
    let batch = (name: "batch", arrivals: Workload.Arrivals.rateCurve(curve))
    func chats(_ classes: [(name: String, arrivals: Workload.Arrivals)]) -> [[Int64]] {
      let place = classes.firstIndex { $0.name == "chat" }
      return drawn(own(classes, requests: 3000)).filter { $0.request.requestClass == place }
        .map { [$0.dueNs, Int64($0.request.promptTokens), Int64($0.request.outputTokens)] }
    }
    let alone = chats([chat])
    #expect(Set(alone.map { $0[1] }).count > 500)
    for others in [[chat, code], [code, chat], [batch, code, chat], [chat, batch]] {
      let beside = chats(others)
      #expect(beside.count > 900 && beside == Array(alone.prefix(beside.count)))
    }
  }

  @Test("Classes with arrivals of their own share no draws: their lengths are uncorrelated")
  func ownDraws() {
    let workload = own(
      [("a", .poisson(requestsPerSecond: 1)), ("b", .poisson(requestsPerSecond: 1))],
      requests: 40_000)
    var lengths: [[Double]] = [[], []]
    for (_, request) in drawn(workload) {
      lengths[request.requestClass].append(Double(request.promptTokens) - 500.5)
    }
    let count = min(lengths[0].count, lengths[1].count)
    let products = zip(lengths[0], lengths[1]).reduce(0) { $0 + $1.0 * $1.1 }
    // The variance of a uniform draw of 1...1000 is (1000² − 1)/12.
    let correlation = products / Double(count) / 83_333.25
    #expect(abs(correlation) < 4 / Double(count).squareRoot(), "\(correlation)")
  }

  @Test("Poisson classes together are a Poisson process of the sum of their rates (KS)")
  func superposition() {
    let rates = [4.0, 1, 0.5, 2.5]
    let count = 200_000
    let drawn = drawn(
      own(
        rates.enumerated().map { ("c\($0)", .poisson(requestsPerSecond: $1)) }, requests: count))
    let times = drawn.map(\.dueNs)
    let gaps = zip(times, [0] + times).map { Double($0 - $1) * 1e-9 }
    #expect(gaps.allSatisfy { $0 >= 0 })
    let distance = KolmogorovSmirnov.statistic(gaps) { 1 - exp(-8 * $0) }
    #expect(distance < 1.95, "\(distance)")
    // Which class the next request is of does not depend on the one before: of pairs of requests,
    // each pair of classes has the product of their shares.
    var pairs = [Int: Int]()
    for index in stride(from: 0, to: count, by: 2) {
      pairs[
        4 * drawn[index].request.requestClass + drawn[index + 1].request.requestClass, default: 0] +=
        1
    }
    var chiSquare = 0.0
    for (first, second) in (0..<16).map({ ($0 / 4, $0 % 4) }) {
      let mean = Double(count / 2) * rates[first] / 8 * rates[second] / 8
      let difference = Double(pairs[4 * first + second, default: 0]) - mean
      chiSquare += difference * difference / mean
    }
    // 15 degrees of freedom: 0.1 % and 99.9 %.
    #expect(chiSquare > 3.48 && chiSquare < 37.7, "\(chiSquare)")
  }

  @Test("Superposed requests are numbered as they come; of those of one instant the first class's")
  func ties() {
    let workload = own(
      [
        ("a", .deterministic(requestsPerSecond: 1e6)),
        ("b", .deterministic(requestsPerSecond: 5e5)),
      ], requests: 7)
    let drawn = drawn(workload)
    #expect(drawn.map(\.dueNs) == [1000, 2000, 2000, 3000, 4000, 4000, 5000])
    #expect(drawn.map(\.request.requestClass) == [0, 0, 1, 0, 0, 1, 0])
    #expect(drawn.map(\.request.id) == Array(0..<7))
  }

  @Test("Streams of one class draw its requests' classes too where none is theirs")
  func streamsOfClients() {
    let clients = (0..<50).map {
      Workload.Stream(
        name: "\($0)", arrivals: .gamma(requestsPerSecond: Double($0 + 1), burstiness: 0.2))
    }
    let workload = Workload(
      arrivals: .superposed(clients),
      classes: [requestClass("a"), requestClass("b", share: 3)], requests: 50_000)
    let drawn = drawn(workload)
    #expect(zip(drawn, drawn.dropFirst()).allSatisfy { $0.dueNs <= $1.dueNs })
    // 1 + … + 50 = 1,275 requests a second; the sd of their time is that of a burstier process.
    let seconds = Double(drawn.last!.dueNs) * 1e-9
    #expect(abs(seconds * 1275 / 50_000 - 1) < 4 * (5 / 50_000.0).squareRoot())
    let share = Double(drawn.count { $0.request.requestClass == 1 }) / 50_000
    #expect(abs(share - 0.75) < 4 * (0.75 * 0.25 / 50_000).squareRoot())
  }

  @Test("A request has the priority and the objective of its class, and its record says which")
  func priorities() {
    let classes = [
      RequestClass(
        name: "urgent", promptTokens: .fixed(10), outputTokens: .fixed(2), priority: -3,
        objectives: .init(ttftNs: 500)),
      RequestClass(
        name: "batch", share: 2, promptTokens: .fixed(900), outputTokens: .fixed(2), priority: 7),
    ]
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 100), classes: classes, requests: 300)
    for (_, request) in drawn(workload) {
      let given = classes[request.requestClass]
      #expect(request.priority == given.priority)
      #expect(request.ttftObjectiveNs == given.objectives.ttftNs)
      #expect(request.promptTokens == given.promptTokens.shortest)
    }
    // Requests of 900 tokens are refused, and their records know their class all the same.
    let played = Played(workload, maxPositions: 500, pricer: SyntheticPricer(perStepNs: 1))
    for request in played.requests {
      #expect(request.outcome == (request.requestClass == 0 ? .finished : .rejected))
      #expect(request.priority == (request.requestClass == 0 ? -3 : 7))
    }
    #expect(Set(played.requests.map(\.requestClass)) == [0, 1])
  }

  @Test("The shortest request of any class is what a pool has to hold")
  func shortest() {
    let workload = Workload(
      arrivals: .poisson(requestsPerSecond: 1),
      classes: [
        RequestClass(
          name: "a", promptTokens: .fixed(10), outputTokens: .fixed(5), systemPromptTokens: 100),
        RequestClass(name: "b", promptTokens: .uniform(60...90), outputTokens: .fixed(3)),
      ], requests: 1)
    #expect(workload.shortestCachedTokens == 62)
  }
}
