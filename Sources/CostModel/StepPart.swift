import Operators

/// One operator of a step, at one shape, and how often the step has it.
public struct StepPart: Sendable {
  /// What it is in a model: `qkv`, `decode attention`.
  public let name: String
  /// Its shape; of experts that of one dense layer with as many bytes and operations; nil of what
  /// is no operator of a device.
  public let shape: OperatorShape?
  /// Bytes that one reads and writes at least, or that go over a link.
  public let bytesEach: Int
  /// How often a step has it: once a layer that it is in.
  public fileprivate(set) var count: Double
  /// The time of one.
  public let prediction: OperatorModel.Prediction

  /// The time of all of them, in nanoseconds.
  public var ns: Double { count * prediction.ns }
  /// Bytes that all of them read and write at least.
  public var bytes: Double { count * Double(bytesEach) }
  /// Floating-point operations of all of them.
  public var operations: Double { count * Double(shape?.operations ?? 0) }

  /// A part, complete.
  /// - Parameter bytes: where they are not those of the shape, which has weights of 16 bits.
  init(
    name: String, shape: OperatorShape, bytes: Int? = nil, count: Double,
    prediction: OperatorModel.Prediction
  ) {
    self.name = name
    self.shape = shape
    bytesEach = bytes ?? shape.bytes
    self.count = count
    self.prediction = prediction
  }

  /// What is no operator of a device.
  init(name: String, movedBytes: Int, count: Double, prediction: OperatorModel.Prediction) {
    self.name = name
    shape = nil
    bytesEach = movedBytes
    self.count = count
    self.prediction = prediction
  }
}

extension Swift.Sequence where Element == StepPart {
  /// The time of all parts.
  var time: PricedTime {
    reduce(into: PricedTime()) { $0.add($1.prediction, times: $1.count) }
  }
}

/// A step broken into its operators: what ``StepPricer`` adds up.
public struct StepBreakdown: Sendable {
  /// The operators, in the order in which a layer has them, the head last.
  public let parts: [StepPart]
  /// Their time as ``StepPricer`` charges it.
  public let cost: StepCost

  /// The time of the step, in nanoseconds.
  public var ns: Double { parts.reduce(0) { $0 + $1.ns } }

  /// The operators of one step, on one of the devices that share a layer; where these are in
  /// stages, those of one device of each stage.
  /// - Throws: ``ProfileError`` where the profile lacks an operator in `format`.
  public init(
    of batch: BatchShape, model whole: ModelArchitecture, format: KVFormat, profile: Profile,
    parallelism: Parallelism = .none
  ) throws(ProfileError) {
    let model = whole.rank(ofDegree: parallelism.tensorParallelSize)
    let tokens = batch.decodeSequences + batch.chunks.reduce(0) { $0 + $1.tokens }
    let outputs = batch.decodeSequences + batch.chunks.count { $0.endsPrompt }
    let linear = try LinearPrices(model: model, profile: profile)
    let elementwise = ElementwisePrices(
      model: model, vocabulary: whole.vocabSize, profile: profile, beside: linear)
    let collectives = CollectivePrices(model: whole, parallelism: parallelism)
    let attention = try AttentionPrices(model: model, format: format, profile: profile)
    let append = try AppendPrices(
      model: model, format: format, profile: profile, isOptional: attention.writesCache)
    let charged: [(key: WritableKeyPath<StepCost, Int64>, parts: [StepPart])] = [
      (\.linearNs, linear.parts(tokens: tokens)), (\.appendNs, append.parts(tokens: tokens)),
      (\.elementwiseNs, elementwise.parts(tokens: tokens)),
      (\.linearNs, linear.headParts(sequences: outputs)),
      (\.elementwiseNs, elementwise.parts(outputs: outputs)),
      (\.collectiveNs, collectives.parts(tokens: tokens)),
      (\.collectiveNs, collectives.parts(outputs: outputs)),
    ]
    let all = charged.map(\.parts)
    parts = StepBreakdown.merged((all[..<2] + [attention.parts(batch)] + all[2...]).flatMap { $0 })
    var cost = StepCost()
    for (key, parts) in charged { cost.add(parts.time, to: key) }
    attention.add(batch, to: &cost)
    self.cost = cost
  }

  /// Parts that are alike, such as those of two groups of layers, become one.
  private static func merged(_ parts: [StepPart]) -> [StepPart] {
    var merged: [StepPart] = []
    for part in parts {
      let index = merged.firstIndex { $0.name == part.name && $0.shape == part.shape }
      guard let index else {
        merged.append(part)
        continue
      }
      merged[index].count += part.count
    }
    return merged
  }
}
