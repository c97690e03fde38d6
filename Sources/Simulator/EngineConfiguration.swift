/// What a run needs beside its workload and prices.
public struct EngineConfiguration: Sendable {
  /// The engine's options.
  public let options: EngineOptions
  /// Blocks in the KV pool (see ``PoolPlan``).
  public let poolBlocks: Int
  /// The host's memory for preempted requests.
  public let hostMemory: HostMemory
  /// The longest prompt and output together, in tokens; longer requests are rejected.
  public let maxPositions: Int
  /// Walks every decode step instead of jumping over runs of them. The timings are the same.
  public let usesExactSteps: Bool
  /// Records when each token was ready (``TokenRecord``).
  public let keepsTokenTimes: Bool
  /// Checks all invariants after every event: slow, for tests.
  public let checksInvariants: Bool

  /// A configuration; jumps, and neither keeps nor checks more, unless asked.
  public init(
    options: EngineOptions, poolBlocks: Int, hostMemory: HostMemory = .none, maxPositions: Int,
    usesExactSteps: Bool = false, keepsTokenTimes: Bool = false, checksInvariants: Bool = false
  ) {
    self.options = options
    self.poolBlocks = poolBlocks
    self.hostMemory = hostMemory
    self.maxPositions = maxPositions
    self.usesExactSteps = usesExactSteps
    self.keepsTokenTimes = keepsTokenTimes
    self.checksInvariants = checksInvariants
  }
}

/// The longest time that a run may cover: a hundred years of 365.25 days, in nanoseconds. Slower
/// prices or rarer arrivals than that are mistakes, and clocks beyond it could overflow.
public let simulationHorizonNs: Int64 = 3_155_760_000_000_000_000
