import CostModel

/// How requests are spread over the replicas of a cluster.
public enum RoutingPolicy: String, Hashable, Sendable, CaseIterable {
  /// One after the other.
  case roundRobin = "round-robin"
  /// To the replica with the fewest requests that have not left.
  case leastOutstanding = "least-outstanding"
  /// To the replica with the least of its KV pool owned, or wanted by prompts that wait.
  case leastKV = "least-kv"
  /// To where most of the prompt has gone before, unless loads differ too much: see
  /// ``Router/PrefixAware``.
  case prefixAware = "prefix-aware"
  /// To the one of two drawn replicas that has fewer requests (Mitzenmacher 2001).
  case powerOfTwoChoices = "power-of-two"
}

/// Chooses the replica that gets a request. Among equals it is the next one in turn, so that an
/// idle cluster is filled evenly.
struct Router: Sendable {
  /// SGLang's cache-aware router: a request goes where most of its prompt has gone before if that
  /// is at least this share of it and loads are balanced; else to the fewest outstanding.
  enum PrefixAware {
    static let leastShare = 0.5
    /// Loads are not balanced where the most and the fewest outstanding requests differ by more
    /// than both of these.
    static let mostDifference = 32
    static let mostRatio = 1.0001
  }

  private let policy: RoutingPolicy
  private let stream: RandomStream
  /// The first of its draws for a request; another router's have other numbers.
  private let firstDraw: UInt32
  /// The replicas that it chooses among, in their order; each by the first of its servers.
  let members: [Int]
  private let lanes: Lanes
  /// Requests of each replica that have not left, by its first server.
  private(set) var outstanding: [Int]
  /// The same of each lane of a pipeline, by server.
  private var outstandingOfLanes: [Int]
  /// A place among the members.
  private var turn = 0
  private let prompts: PromptBlocks?
  /// The member that was last sent each block of the workload's prompts; -1 for none.
  private var receivers: [Int32]
  /// By a session's place, the member that was last sent a turn of it.
  private var hosts: [Int32] = []

  /// - Parameter replicas: their numbers in the cluster.
  init(
    _ policy: RoutingPolicy, among replicas: [Int], lanes: Lanes, seed: UInt64,
    firstDraw: UInt32 = 0, prompts: PromptBlocks?
  ) {
    self.policy = policy
    self.lanes = lanes
    members = replicas.map { lanes.ofReplica[$0].lowerBound }
    self.firstDraw = firstDraw
    stream = RandomStream(seed: seed)
    outstanding = Array(repeating: 0, count: lanes.replica.count)
    outstandingOfLanes = outstanding
    self.prompts = policy == .prefixAware ? prompts : nil
    receivers = Array(repeating: -1, count: Int((self.prompts?.ids.max() ?? -1) + 1))
  }

  /// The server for a request, which counts as outstanding there; nil where none accepts it. One
  /// that is not `isNew` was accepted before, and no queue is too full for it.
  mutating func choose<Pricer, Policy>(
    for request: ArrivingRequest, isNew: Bool = true, among servers: [Server<Pricer, Policy>],
    now: Int64
  ) -> Int? {
    let choice = Choice(request: request, isNew: isNew, servers: servers, lanes: lanes)
    let place: Int?
    switch policy {
    case .roundRobin: place = placesInTurn.first { choice.isOpen(members[$0]) }
    case .leastOutstanding: place = leastOutstanding(choice)
    case .leastKV: place = leastKV(choice, now: now)
    case .prefixAware: place = prefixAware(choice)
    case .powerOfTwoChoices: place = lessOfTwo(choice)
    }
    guard let place else { return nil }
    outstanding[members[place]] += 1
    turn = place + 1
    let own = lanes.beside(members[place])
    return own.count > 1 ? lane(choice, among: own) : members[place]
  }

  /// The lane of a pipeline with the fewest requests that have not left, of equals the first, as
  /// vLLM V0 chooses among its virtual engines (`add_request` of `llm_engine.py`).
  private mutating func lane<Pricer, Policy>(
    _ choice: Choice<Pricer, Policy>, among own: Range<Int>
  ) -> Int? {
    var best: Int?
    for lane in own where choice.accepts(lane) {
      if let best, outstandingOfLanes[lane] >= outstandingOfLanes[best] { continue }
      best = lane
    }
    if let best { outstandingOfLanes[best] += 1 }
    return best
  }

  /// A request has left a server.
  mutating func left(_ server: Int) {
    let own = lanes.beside(server)
    outstanding[own.lowerBound] -= 1
    if own.count > 1 { outstandingOfLanes[server] -= 1 }
  }

  // MARK: Ways to choose: places among the members

  /// A request, and who can take it.
  private struct Choice<Pricer: StepPricing, Policy: Scheduler> {
    let request: ArrivingRequest
    let isNew: Bool
    let servers: [Server<Pricer, Policy>]
    let lanes: Lanes

    func accepts(_ server: Int) -> Bool { servers[server].accepts(request, isNew: isNew) }

    /// Whether any lane of a replica accepts the request.
    func isOpen(_ member: Int) -> Bool {
      let own = lanes.beside(member)
      return own.count == 1 ? accepts(member) : own.contains { accepts($0) }
    }

    func demand(on member: Int, now: Int64) -> KVDemand {
      let own = lanes.beside(member)
      var demand = servers[member].kvDemand(now: now)
      for lane in own.dropFirst() { demand += servers[lane].kvDemand(now: now) }
      return demand
    }
  }

  private var placesInTurn: some Collection<Int> {
    let count = members.count
    return (0..<count).lazy.map { [turn] in (turn + $0) % count }
  }

  private func leastOutstanding<Pricer, Policy>(_ choice: Choice<Pricer, Policy>) -> Int? {
    var best: (place: Int, outstanding: Int)?
    for place in placesInTurn {
      let count = outstanding[members[place]]
      if let best, count >= best.outstanding { continue }
      if choice.isOpen(members[place]) { best = (place, count) }
    }
    return best?.place
  }

  private func leastKV<Pricer, Policy>(_ choice: Choice<Pricer, Policy>, now: Int64) -> Int? {
    var best: (place: Int, demand: KVDemand)?
    for place in placesInTurn where choice.isOpen(members[place]) {
      let demand = choice.demand(on: members[place], now: now)
      if let best, !demand.isLess(than: best.demand) { continue }
      best = (place, demand)
    }
    return best?.place
  }

  /// Both draws are of those that accept the request.
  private func lessOfTwo<Pricer, Policy>(_ choice: Choice<Pricer, Policy>) -> Int? {
    let count = members.count { choice.isOpen($0) }
    guard count > 0 else { return nil }
    func drawn(_ draw: UInt32) -> Int {
      let bits = stream.bits(.routing, entity: choice.request.id, draw: firstDraw + draw)
      var rank = Int(bits.multipliedFullWidth(by: UInt64(count)).high)
      if count == members.count { return rank }
      for place in members.indices where choice.isOpen(members[place]) {
        if rank == 0 { return place }
        rank -= 1
      }
      preconditionFailure("a rank is below the count")
    }
    let (first, second) = (drawn(0), drawn(1))
    return outstanding[members[second]] < outstanding[members[first]] ? second : first
  }

  private mutating func prefixAware<Pricer, Policy>(_ choice: Choice<Pricer, Policy>) -> Int? {
    if let turn = choice.request.session { return whereSessionIs(turn, choice) }
    // A system prompt alone says nothing: every replica soon has it.
    let row = choice.request.promptRow
    guard let prompts, row >= 0, row < prompts.count else { return leastOutstanding(choice) }
    let blocks = prompts.blocks(of: row)
    // Who was sent a block was sent all before it in the same prompt.
    let known = blocks.prefix { receivers[Int($0)] >= 0 }
    var place: Int?
    if isBalanced, let deepest = known.last,
      Double(known.count) >= PrefixAware.leastShare * Double(blocks.count)
    {
      let receiver = Int(receivers[Int(deepest)])
      if choice.isOpen(members[receiver]) { place = receiver }
    }
    place = place ?? leastOutstanding(choice)
    if let place {
      for block in blocks { receivers[Int(block)] = Int32(place) }
    }
    return place
  }

  private var isBalanced: Bool {
    let most = members.reduce(0) { max($0, outstanding[$1]) }
    let fewest = members.reduce(Int.max) { min($0, outstanding[$1]) }
    return most - fewest <= PrefixAware.mostDifference
      || Double(most) <= PrefixAware.mostRatio * Double(fewest)
  }

  /// The same of a session's turn: all of its context was sent where the turn before went.
  private mutating func whereSessionIs<Pricer, Policy>(
    _ turn: SessionTurn, _ choice: Choice<Pricer, Policy>
  ) -> Int? {
    let session = Int(turn.place)
    if session >= hosts.count {
      hosts += Array(repeating: -1, count: session + 1 - hosts.count)
    }
    var place: Int?
    let host = Int(hosts[session])
    if turn.turn > 0, host >= 0, isBalanced, choice.isOpen(members[host]),
      Double(turn.contextTokens) >= PrefixAware.leastShare * Double(choice.request.promptTokens)
    {
      place = host
    }
    place = place ?? leastOutstanding(choice)
    if let place { hosts[session] = Int32(place) }
    return place
  }
}

/// How much of a replica's KV pool is owned, or wanted by requests that wait.
struct KVDemand: Sendable {
  private(set) var blocks: Int
  private(set) var capacity: Int

  init(blocks: Int, capacity: Int) {
    self.blocks = blocks
    self.capacity = capacity
  }

  /// Adds that of another lane.
  static func += (sum: inout KVDemand, other: KVDemand) {
    sum.blocks += other.blocks
    sum.capacity += other.capacity
  }

  /// Compares shares of the pools, without division.
  func isLess(than other: KVDemand) -> Bool { blocks * other.capacity < other.blocks * capacity }
}
