import Simulator

/// What the requests of one class have in common, as far as a trace tells it.
public struct ClassDescription: Hashable, Sendable {
  /// What results call it.
  public var name: String
  /// Lower is handled first by schedulers that go by it.
  public var priority: Int64
  /// Tokens with which every prompt of it begins.
  public var systemPromptTokens: Int64
  /// What is wanted of the time to first token; nil where nothing is.
  public var ttftObjectiveNs: Int64?
  /// What is wanted of the mean time per output token after the first.
  public var tpotObjectiveNs: Int64?
  /// What is wanted of the time from arrival to the last token.
  public var e2eObjectiveNs: Int64?

  /// A class, complete.
  public init(
    name: String, priority: Int64, systemPromptTokens: Int64, ttftObjectiveNs: Int64?,
    tpotObjectiveNs: Int64?, e2eObjectiveNs: Int64?
  ) {
    self.name = name
    self.priority = priority
    self.systemPromptTokens = systemPromptTokens
    self.ttftObjectiveNs = ttftObjectiveNs
    self.tpotObjectiveNs = tpotObjectiveNs
    self.e2eObjectiveNs = e2eObjectiveNs
  }

  /// A class of a workload.
  public init(_ requestClass: RequestClass) {
    self.init(
      name: requestClass.name, priority: Int64(requestClass.priority),
      systemPromptTokens: Int64(requestClass.systemPromptTokens),
      ttftObjectiveNs: requestClass.objectives.ttftNs,
      tpotObjectiveNs: requestClass.objectives.tpotNs,
      e2eObjectiveNs: requestClass.objectives.e2eNs)
  }
}

/// A scenario as it was given, kept so that a trace explains itself.
public struct ScenarioDescription: Hashable, Sendable {
  /// What the scenario calls itself.
  public var name: String
  /// The file it was read from; nil if it came with kvsim.
  public var sourcePath: String?
  /// The scenario, verbatim.
  public var text: String
  /// The model's `config.json`, verbatim.
  public var modelJSON: String
  /// The file of the measured link that its devices use, verbatim; nil where they use none.
  public var linkJSON: String?
  /// The classes of its requests, in the order of their numbers.
  public var classes: [ClassDescription]

  /// A scenario, complete.
  public init(
    name: String, sourcePath: String?, text: String, modelJSON: String, linkJSON: String? = nil,
    classes: [ClassDescription] = []
  ) {
    self.name = name
    self.sourcePath = sourcePath
    self.text = text
    self.modelJSON = modelJSON
    self.linkJSON = linkJSON
    self.classes = classes
  }
}

/// A profile as it was given.
public struct ProfileDescription: Hashable, Sendable {
  /// What the profile calls itself.
  public var name: String
  /// The device that it describes.
  public var device: String
  /// The kernels that were timed, such as `avx512`.
  public var kernelPath: String
  /// Where its numbers come from: `measured`, `imported` or `derived`.
  public var provenance: String
  /// The checksum that it carries.
  public var checksum: String
  /// The profile, verbatim.
  public var text: String

  /// A profile, complete.
  public init(
    name: String, device: String, kernelPath: String, provenance: String, checksum: String,
    text: String
  ) {
    self.name = name
    self.device = device
    self.kernelPath = kernelPath
    self.provenance = provenance
    self.checksum = checksum
    self.text = text
  }
}

/// Replicas of a run that are alike.
public struct GroupDescription: Hashable, Sendable {
  /// What the scenario calls them.
  public var name: String
  /// What they do for a request: `both`, `prefill` or `decode`.
  public var role: String
  /// What `TraceWriter.addProfile` returned for theirs.
  public var profileID: Int64
  /// Their KV format, by the name that users write.
  public var format: String
  /// The number of the first of them.
  public var firstReplica: Int64
  /// How many there can be.
  public var replicas: Int64
  /// Devices that each has.
  public var devices: Int64
  /// Bytes of the cache that one token takes, over all layers, on each device.
  public var kvBytesPerToken: Int64
  /// Tokens that the pool of each holds.
  public var poolTokens: Int64
  /// Blocks that the pool of each holds.
  public var poolBlocks: Int64
  /// Tokens of one block.
  public var blockSize: Int64

  /// A group, complete.
  public init(
    name: String, role: String, profileID: Int64, format: String, firstReplica: Int64,
    replicas: Int64, devices: Int64, kvBytesPerToken: Int64, poolTokens: Int64,
    poolBlocks: Int64, blockSize: Int64
  ) {
    self.name = name
    self.role = role
    self.profileID = profileID
    self.format = format
    self.firstReplica = firstReplica
    self.replicas = replicas
    self.devices = devices
    self.kvBytesPerToken = kvBytesPerToken
    self.poolTokens = poolTokens
    self.poolBlocks = poolBlocks
    self.blockSize = blockSize
  }
}

/// What is known of a run before it starts.
public struct RunDescription: Hashable, Sendable {
  /// What `TraceWriter.addScenario` returned.
  public var scenarioID: Int64
  /// The KV format, by the name that users write; a group of replicas may have its own.
  public var format: String
  /// The seed of every random stream.
  public var seed: UInt64
  /// The kvsim that makes the run.
  public var kvsimVersion: String
  /// When the run started by the wall clock, such as `2026-05-01T12:00:00Z`.
  public var startedUTC: String
  /// Its replicas.
  public var groups: [GroupDescription]

  /// A description, complete.
  public init(
    scenarioID: Int64, format: String, seed: UInt64, kvsimVersion: String, startedUTC: String,
    groups: [GroupDescription]
  ) {
    self.scenarioID = scenarioID
    self.format = format
    self.seed = seed
    self.kvsimVersion = kvsimVersion
    self.startedUTC = startedUTC
    self.groups = groups
  }
}

/// A number that sums up a run.
public struct Metric: Hashable, Sendable {
  /// Its name, unique within the run, such as `ttft_p99_ns`.
  public var name: String
  /// Its unit, such as `ns` or `tokens/s`.
  public var unit: String
  /// The number; nil where the run does not define it. Not-a-number is stored as nil.
  public var value: Double?

  /// A metric, complete.
  public init(name: String, unit: String, value: Double?) {
    self.name = name
    self.unit = unit
    self.value = value
  }
}

/// A run as a trace tells it.
public struct StoredRun: Hashable, Sendable {
  /// How the run ended.
  public struct End: Hashable, Sendable {
    /// The digest of its records, 16 hexadecimal digits.
    public var rowDigest: String
    /// The time of its last event, in nanoseconds since its start.
    public var lastEventNs: Int64
    /// How many requests it recorded.
    public var requests: Int64
    /// How many rows of steps it recorded.
    public var stepRows: Int64
    /// How many events it recorded.
    public var events: Int64
  }

  /// Its number in the file, from 1.
  public var id: Int64
  /// What was known when it started.
  public var description: RunDescription
  /// How it ended; nil if it did not.
  public var end: End?

  /// The numbers that `seq` of its records lies in; empty if it has none.
  var sequence: Range<Int64>
}
