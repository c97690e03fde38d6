/// The time of exchange between the devices of one replica.
struct CollectivePrices: Sendable {
  /// What several devices have, and one has not.
  private struct Prices: Sendable {
    let allReduce: ExchangeModel
    let allGather: ExchangeModel
    let send: ExchangeModel

    init(degree: Int, link: Link) {
      allReduce = ExchangeModel(.allReduce, devices: degree, link: link)
      allGather = ExchangeModel(.allGather, devices: degree, link: link)
      send = ExchangeModel(.send, devices: 2, link: link)
    }
  }

  private let model: ModelArchitecture
  private let degree: Int
  private let stages: Int
  private let prices: Prices?

  init(model: ModelArchitecture, parallelism: Parallelism) {
    self.model = model
    degree = parallelism.tensorParallelSize
    stages = parallelism.pipelineParallelSize
    prices = parallelism.link.map { Prices(degree: parallelism.tensorParallelSize, link: $0) }
  }

  /// The exchanges of a step of so many tokens, all of 16-bit rows of hidden states.
  ///
  /// Devices that share layers add them up after the output projection and after the MLP of each
  /// layer, and after the embedding. Between stages vLLM passes two tensors, the hidden states and
  /// the residual (`make_empty_intermediate_tensors_factory` in its `llama.py`); each device of a
  /// stage sends its share of both, which the devices of the next one put together
  /// (`send_tensor_dict` in its `parallel_state.py`).
  func parts(tokens: Int) -> [StepPart] {
    guard tokens > 0, let prices else { return [] }
    let bytes = 2 * tokens * model.hiddenSize
    var parts: [StepPart] = []
    if degree > 1 {
      parts.append(
        part("all-reduce", prices.allReduce, bytes: bytes, count: 2 * model.layers + 1))
    }
    guard stages > 1 else { return parts }
    let tensors = 2 * (stages - 1)
    parts.append(
      part("send to next stage", prices.send, bytes: (bytes + degree - 1) / degree, count: tensors))
    if degree > 1 {
      parts.append(part("gather in stage", prices.allGather, bytes: bytes, count: tensors))
    }
    return parts
  }

  /// The gathering of the logits of so many sequences.
  func parts(outputs: Int) -> [StepPart] {
    guard outputs > 0, degree > 1, let prices else { return [] }
    let bytes = 2 * outputs * model.vocabSize
    return [part("gather logits", prices.allGather, bytes: bytes, count: 1)]
  }

  /// Nanoseconds of the exchange behind the embedding, before the first layer.
  func embeddingReductionNs(tokens: Int) -> Double {
    guard tokens > 0, degree > 1, let prices else { return 0 }
    return prices.allReduce.predict(bytes: 2 * tokens * model.hiddenSize).ns
  }

  /// Nanoseconds of one hop from stage to stage: of both sends, and of putting together what the
  /// devices of a stage have got.
  func hop(tokens: Int) -> (sendNs: Double, gatherNs: Double) {
    guard tokens > 0, stages > 1, let prices else { return (0, 0) }
    let bytes = 2 * tokens * model.hiddenSize
    let sendNs = prices.send.predict(bytes: (bytes + degree - 1) / degree).ns
    let gatherNs = degree > 1 ? prices.allGather.predict(bytes: bytes).ns : 0
    return (2 * sendNs, 2 * gatherNs)
  }

  private func part(
    _ name: String, _ exchange: ExchangeModel, bytes: Int, count: Int
  ) -> StepPart {
    StepPart(
      name: name, movedBytes: bytes, count: Double(count),
      prediction: exchange.predict(bytes: bytes))
  }
}

/// The time of one kind of exchange between so many devices, by the bytes of its message.
///
/// Where it was measured, with so many devices, the time is linear between two message sizes, that
/// of the shortest below it, and in proportion to the bytes beyond the longest. Else it is derived
/// from the link's bandwidth and latency.
struct ExchangeModel: Sendable {
  private let exchange: Link.Exchange
  private let devices: Double
  private let latencyNs: Double
  private let bytesPerSecond: Double
  private let curve: Curve?

  init(_ exchange: Link.Exchange, devices: Int, link: Link) {
    self.exchange = exchange
    self.devices = Double(devices)
    latencyNs = Double(link.latencyNs)
    bytesPerSecond = Double(link.bytesPerSecond)
    let points = link.measurements?.fastest(exchange, devices: devices) ?? []
    curve = points.isEmpty ? nil : Curve(points: points.map { (Double($0.bytes), Double($0.ns)) })
  }

  func predict(bytes: Int) -> OperatorModel.Prediction {
    guard let curve else {
      return OperatorModel.Prediction(ns: derivedNs(bytes: bytes), basis: .derived)
    }
    let piece = curve.piece(at: Double(bytes))
    return OperatorModel.Prediction(
      ns: piece.value(at: Double(bytes)),
      basis: piece.isExtrapolated ? .extrapolated : .interpolated)
  }

  /// An all-reduce takes the faster of two ways: each device sends all it has to each other at
  /// once, or they pass shares around a ring twice (Thakur et al., "Optimization of collective
  /// communication operations in MPICH", IJHPCA 19, 2005).
  private func derivedNs(bytes: Int) -> Double {
    let message = Double(bytes) / bytesPerSecond * 1e9
    switch exchange {
    case .allReduce:
      let direct = latencyNs + (devices - 1) * message
      let ring = 2 * (devices - 1) * latencyNs + 2 * (devices - 1) / devices * message
      return min(direct, ring)
    case .allGather:
      return latencyNs + (devices - 1) / devices * message
    case .send:
      return latencyNs + message
    }
  }
}
