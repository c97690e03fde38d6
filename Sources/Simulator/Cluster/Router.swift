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
  /// Requests of each replica that have not left.
  private(set) var outstanding: [Int]
  private var turn = 0
  private let prompts: PromptBlocks?
  /// The replica that was last sent each block of the workload's prompts; -1 for none.
  private var receivers: [Int32]
  /// By a session's place, the replica that was last sent a turn of it.
  private var hosts: [Int32] = []

  init(_ policy: RoutingPolicy, replicas: Int, seed: UInt64, prompts: PromptBlocks?) {
    self.policy = policy
    stream = RandomStream(seed: seed)
    outstanding = Array(repeating: 0, count: replicas)
    self.prompts = policy == .prefixAware ? prompts : nil
    receivers = Array(repeating: -1, count: Int((self.prompts?.ids.max() ?? -1) + 1))
  }

  /// The replica for a request, which counts as outstanding there; nil where none accepts it.
  mutating func choose<Pricer, Policy>(
    for request: ArrivingRequest, among servers: [Server<Pricer, Policy>], now: Int64
  ) -> Int? {
    let chosen: Int?
    switch policy {
    case .roundRobin: chosen = firstInTurn { servers[$0].accepts(request) }
    case .leastOutstanding: chosen = leastOutstanding(request, servers)
    case .leastKV: chosen = leastKV(request, servers, now: now)
    case .prefixAware: chosen = prefixAware(request, servers)
    case .powerOfTwoChoices: chosen = lessOfTwo(request, servers)
    }
    guard let chosen else { return nil }
    outstanding[chosen] += 1
    turn = chosen + 1
    return chosen
  }

  /// A request has left a replica.
  mutating func left(_ replica: Int) { outstanding[replica] -= 1 }

  // MARK: Ways to choose

  private func firstInTurn(where accepts: (Int) -> Bool) -> Int? {
    for offset in 0..<outstanding.count {
      let index = (turn + offset) % outstanding.count
      if accepts(index) { return index }
    }
    return nil
  }

  private func leastOutstanding<Pricer, Policy>(
    _ request: ArrivingRequest, _ servers: [Server<Pricer, Policy>]
  ) -> Int? {
    var best: Int?
    for offset in 0..<outstanding.count {
      let index = (turn + offset) % outstanding.count
      if let best, outstanding[index] >= outstanding[best] { continue }
      if servers[index].accepts(request) { best = index }
    }
    return best
  }

  private func leastKV<Pricer, Policy>(
    _ request: ArrivingRequest, _ servers: [Server<Pricer, Policy>], now: Int64
  ) -> Int? {
    var best: (index: Int, demand: KVDemand)?
    for offset in 0..<outstanding.count {
      let index = (turn + offset) % outstanding.count
      guard servers[index].accepts(request) else { continue }
      let demand = servers[index].kvDemand(now: now)
      if let best, !demand.isLess(than: best.demand) { continue }
      best = (index, demand)
    }
    return best?.index
  }

  /// Both draws are of those that accept the request.
  private func lessOfTwo<Pricer, Policy>(
    _ request: ArrivingRequest, _ servers: [Server<Pricer, Policy>]
  ) -> Int? {
    let count = servers.count { $0.accepts(request) }
    guard count > 0 else { return nil }
    func drawn(_ draw: UInt32) -> Int {
      let bits = stream.bits(.routing, entity: request.id, draw: draw)
      var rank = Int(bits.multipliedFullWidth(by: UInt64(count)).high)
      if count == servers.count { return rank }
      for index in servers.indices where servers[index].accepts(request) {
        if rank == 0 { return index }
        rank -= 1
      }
      preconditionFailure("a rank is below the count")
    }
    let (first, second) = (drawn(0), drawn(1))
    return outstanding[second] < outstanding[first] ? second : first
  }

  private mutating func prefixAware<Pricer, Policy>(
    _ request: ArrivingRequest, _ servers: [Server<Pricer, Policy>]
  ) -> Int? {
    if let turn = request.session { return whereSessionIs(turn, request, servers) }
    // A system prompt alone says nothing: every replica soon has it.
    guard let prompts, let row = request.promptRow, row < prompts.count else {
      return leastOutstanding(request, servers)
    }
    let blocks = prompts.blocks(of: row)
    var chosen: Int?
    // Who was sent a block was sent all before it in the same prompt.
    let known = blocks.prefix { receivers[Int($0)] >= 0 }
    if isBalanced, let deepest = known.last,
      Double(known.count) >= PrefixAware.leastShare * Double(blocks.count)
    {
      let receiver = Int(receivers[Int(deepest)])
      if servers[receiver].accepts(request) { chosen = receiver }
    }
    chosen = chosen ?? leastOutstanding(request, servers)
    if let chosen {
      for block in blocks { receivers[Int(block)] = Int32(chosen) }
    }
    return chosen
  }

  private var isBalanced: Bool {
    let most = outstanding.max() ?? 0
    let fewest = outstanding.min() ?? 0
    return most - fewest <= PrefixAware.mostDifference
      || Double(most) <= PrefixAware.mostRatio * Double(fewest)
  }

  /// The same of a session's turn: all of its context was sent where the turn before went.
  private mutating func whereSessionIs<Pricer, Policy>(
    _ turn: SessionTurn, _ request: ArrivingRequest, _ servers: [Server<Pricer, Policy>]
  ) -> Int? {
    let place = Int(turn.place)
    if place >= hosts.count {
      hosts += Array(repeating: -1, count: place + 1 - hosts.count)
    }
    var chosen: Int?
    if turn.turn > 0, isBalanced,
      Double(turn.contextTokens) >= PrefixAware.leastShare * Double(request.promptTokens)
    {
      let host = Int(hosts[place])
      if servers[host].accepts(request) { chosen = host }
    }
    chosen = chosen ?? leastOutstanding(request, servers)
    if let chosen { hosts[place] = Int32(chosen) }
    return chosen
  }
}

/// How much of a replica's KV pool is owned, or wanted by requests that wait.
struct KVDemand: Sendable {
  let blocks: Int
  let capacity: Int

  /// Compares shares of the pools, without division.
  func isLess(than other: KVDemand) -> Bool { blocks * other.capacity < other.blocks * capacity }
}
