import KernelStudies
import Operators

/// What `kvsim kernels bench` found as JSON: the same keys in the same order on every machine;
/// what was not measured is null.
public struct KernelBenchJSON: Encodable {
  private let version = 1
  private let quietShare: Nullable<Double>
  private let machine: Machine
  private let heads: Heads
  private let blockSize: Int
  private let attention: [Case]
  private let moves: [Case]
  private let cachedAppends: [CachedRow]
  private let cachedDecodes: [CachedRate]
  private let linear: [Case]
  private let skipped: [Skipped]
  /// The device that published times are of, and what ended the run before its end.
  private let publishedFor: String
  private let failure: Nullable<String>
  private let goals: [Goal]

  /// The JSON of a result.
  public init(_ result: BenchResult) {
    machine = Machine(result.machine)
    quietShare = Nullable(result.quietShare)
    heads = Heads(result.plan.heads)
    blockSize = result.plan.blockSize
    func cases(_ kinds: BenchGroup.Kind...) -> [Case] {
      kinds.flatMap(result.samples(of:)).flatMap { samples in
        samples.group.cases.indices.map { Case(samples, $0, result) }
      }
    }
    attention = cases(.decode, .decodeOneThread, .prefill)
    moves = cases(.append, .gather)
    linear = cases(.linear)
    cachedAppends = result.cachedAppends.map(CachedRow.init)
    cachedDecodes = result.cachedDecodes.map(CachedRate.init)
    skipped = result.skipped.map { Skipped(group: $0.label, reason: $0.reason) }
    publishedFor = result.plan.published.device
    failure = Nullable(result.failure.map(\.description))
    goals = result.goals.map(Goal.init)
  }

  /// The text, ended by a newline.
  public func rendered() throws -> String { try snakeCaseJSON() }

  /// A value, or null: the encoder would leave the key out.
  private struct Nullable<Value: Encodable>: Encodable {
    let value: Value?

    init(_ value: Value?) { self.value = value }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.singleValueContainer()
      if let value { try container.encode(value) } else { try container.encodeNil() }
    }
  }

  private struct Machine: Encodable {
    let name: String
    let cpuFamily: Nullable<Int>
    let isGpu: Bool
    let kernelPath: String
    let threads: Int
    let memoryBytes: Int
    let lastLevelCacheBytes: Int
    let readBytesPerSOneThread: Nullable<SpreadJSON>
    let readBytesPerS: SpreadJSON
    let peakFlopPerSOneThread: Nullable<SpreadJSON>
    let peakFlopPerS: Nullable<SpreadJSON>

    init(_ machine: BenchMachine) {
      name = machine.facts.name
      cpuFamily = Nullable(machine.facts.cpuFamily)
      isGpu = machine.facts.isGPU
      kernelPath = machine.facts.kernelPath
      threads = machine.facts.coreCount
      memoryBytes = machine.facts.memoryBytes
      lastLevelCacheBytes = machine.facts.lastLevelCacheBytes
      readBytesPerSOneThread = Nullable(machine.readOneThread.map(SpreadJSON.init))
      readBytesPerS = SpreadJSON(machine.readAllThreads)
      peakFlopPerSOneThread = Nullable(machine.peakOneThread.map(SpreadJSON.init))
      peakFlopPerS = Nullable(machine.peakAllThreads.map(SpreadJSON.init))
    }
  }

  private struct Heads: Encodable {
    let queryHeads: Int
    let kvHeads: Int
    let headDim: Int

    init(_ heads: HeadGeometry) {
      queryHeads = heads.queryHeads
      kvHeads = heads.kvHeads
      headDim = heads.headDim
    }
  }

  private struct Case: Encodable {
    let kind: String
    let format: Nullable<String>
    /// Of `linear`: the layer's name, empty where it has none, and its sizes.
    let layer: Nullable<String>
    let outputs: Nullable<Int>
    let inputs: Nullable<Int>
    let sequences: Nullable<Int>
    let tokens: Nullable<Int>
    /// Cached tokens of a sequence; of prefill those before the chunk.
    let context: Nullable<Int>
    let ratedBytes: Int
    let exceedsCache: Bool
    let timeNs: SpreadJSON
    let bytesPerS: Double
    let shareOfRead: SpreadJSON
    let shareOfCaseRead: Nullable<SpreadJSON>
    let flopPerS: Double
    let shareOfPeak: Nullable<SpreadJSON>
    let tokensPerS: Double
    /// What the rated bytes take at the plain read, and the operations at the published rate.
    let floorOfBytesNs: Double
    let floorOfOperationsNs: Nullable<Double>
    /// What was published for other kernels at these sizes, on the device that figures name.
    let publishedNs: Nullable<Double>
    let speedOverFp16: Nullable<SpreadJSON>
    let timeOverInt4: Nullable<SpreadJSON>

    init(_ samples: BenchSamples, _ index: Int, _ result: BenchResult) {
      let shape = samples.group.cases[index]
      var (sequences, tokens, context): (Int?, Int?, Int?) = (nil, nil, nil)
      var (outputs, inputs): (Int?, Int?) = (nil, nil)
      switch shape {
      case .linear(let count, let rows, let columns):
        (tokens, outputs, inputs) = (count, rows, columns)
      case .append(let count, _, _), .gather(let count, _, _):
        tokens = count
      case .decodeAttention(let count, let cached, _, _): (sequences, context) = (count, cached)
      case .prefillAttention(let count, let prefix, _, _): (tokens, context) = (count, prefix)
      case .raggedDecode, .mixedAttention, .experts, .elementwise: break
      }
      kind = samples.group.kind.rawValue
      format = Nullable(shape.format?.name)
      layer = Nullable(outputs.map { _ in samples.group.name })
      self.outputs = Nullable(outputs)
      self.inputs = Nullable(inputs)
      self.sequences = Nullable(sequences)
      self.tokens = Nullable(tokens)
      self.context = Nullable(context)
      ratedBytes = shape.ratedBytes
      exceedsCache = result.exceedsCache(samples, index)
      timeNs = SpreadJSON(samples.time(index))
      bytesPerS = samples.bytesPerSecond(index)
      shareOfRead = SpreadJSON(samples.shareOfRead(index))
      shareOfCaseRead = Nullable(samples.shareOfCaseRead(index).map(SpreadJSON.init))
      flopPerS = samples.operationsPerSecond(index)
      shareOfPeak = Nullable(samples.shareOfPeak(index).map(SpreadJSON.init))
      tokensPerS = samples.tokensPerSecond(index)
      floorOfBytesNs = samples.floorOfBytes_ns(index)
      floorOfOperationsNs = Nullable(result.floorOfOperations_ns(samples, index))
      publishedNs = Nullable(result.published_ns(samples, index))
      speedOverFp16 = Nullable(
        samples.index(of: .fp16).map { SpreadJSON(samples.speed(index, over: $0)) })
      timeOverInt4 = Nullable(
        samples.index(of: .int4).map { SpreadJSON(samples.timeRatio(index, to: $0)) })
    }
  }

  private struct CachedRow: Encodable {
    let format: String
    let rowNs: SpreadJSON
    let timeOverInt4: SpreadJSON

    init(_ append: CachedAppend) {
      format = append.format.name
      rowNs = SpreadJSON(append.rowNs)
      timeOverInt4 = SpreadJSON(append.ratioToPlain)
    }
  }

  private struct CachedRate: Encodable {
    let format: String
    let bytesPerS: SpreadJSON

    init(_ decode: CachedDecode) {
      format = decode.format.name
      bytesPerS = SpreadJSON(decode.bytesPerSecond)
    }
  }

  private struct Skipped: Encodable {
    let group: String
    let reason: String
  }

  private struct Goal: Encodable {
    let name: String
    let bound: String
    let limit: Double
    let unit: String
    let worst: Nullable<SpreadJSON>
    let worstAt: Nullable<String>
    let shapes: Int
    let shapesMet: Int
    let verdict: String

    init(_ goal: BenchGoal) {
      name = goal.name
      switch goal.bound {
      case .atLeast: bound = "at least"
      case .atMost: bound = "at most"
      }
      limit = goal.bound.limit
      unit = goal.unit.rawValue
      worst = Nullable(goal.worst.map { SpreadJSON($0.spread) })
      worstAt = Nullable(goal.worst?.place)
      shapes = goal.shapes
      shapesMet = goal.shapesMet
      verdict = goal.verdict.rawValue
    }
  }
}
