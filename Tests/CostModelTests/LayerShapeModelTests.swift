import Operators
import Testing

@testable import CostModel

@Suite("Dense layers by their shape")
struct LayerShapeModelTests {
  private typealias Point = LayerShapeModel.Point

  /// The times that `law` gives to tokens, outputs and inputs, over a grid of all three.
  private func points(
    tokens: [Double] = [1, 256, 257, 1024], outputs: [Double] = [1024, 4096, 16384],
    inputs: [Double] = [1024, 4096, 8192], _ law: (Double, Double, Double) -> Double
  ) -> [Point] {
    inputs.flatMap { inputs in
      tokens.flatMap { tokens in
        outputs.map { outputs in
          Point(
            tokens: tokens, outputs: outputs, inputs: inputs, ns: law(tokens, outputs, inputs))
        }
      }
    }
  }

  private let plan = DenseLayerPlan(multiprocessors: 132)

  @Test(
    "Time that is a straight line in the plan's work and in its inputs is met exactly in between",
    arguments: [[2, 8], [9, 16], [17, 64], [65, 128], [129, 512, 1024, 2048]])
  func straightInWork(_ tokens: [Double]) throws {
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      let work = plan.work(tokens: Int(tokens), outputs: Int(outputs), inputs: Int(inputs))
      return 3000 + plan.inputsTaken(Int(inputs), tokens: Int(tokens)) * (2 + 0.001 * work)
    }
    let measured = points(
      tokens: tokens, outputs: [64, 1024, 4_000_000], inputs: [2048, 4096, 8192], law)
    let model = try #require(LayerShapeModel(measured, plan: plan))
    for tokens in stride(from: tokens[0], through: tokens.last!, by: 5) {
      // Layers whose tiles are cut alike whatever their inputs are.
      for outputs in [6144, 19_456, 100_352] as [Double] {
        for inputs in [2048, 2560, 4096, 5120, 7168, 8192] as [Double] {
          let time = model.predict(tokens: tokens, outputs: outputs, inputs: inputs)
          #expect(
            abs(time.ns / law(tokens, outputs, inputs) - 1) < 1e-9, "\(tokens) \(outputs) \(inputs)"
          )
        }
      }
    }
  }

  @Test("The step of another wave is where its tiles begin, for layers that were not measured")
  func waves() throws {
    // 132 workgroups at once, each with a tile of 256 tokens by 128 outputs for 100 us.
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      100_000 * ((tokens / 256).rounded(.up) * (outputs / 128).rounded(.up) / 132).rounded(.up)
    }
    let measured =
      points(tokens: [1, 256, 512], outputs: [1024, 132 * 128, 133 * 128, 264 * 128], law)
      + points(tokens: [1024], outputs: [1024, 66 * 128, 67 * 128, 132 * 128], law)
    let model = try #require(LayerShapeModel(measured, plan: plan))
    // Three tiles of tokens: 88 tiles of outputs make 264, 90 make 270.
    for tokens in [513, 700, 768] as [Double] {
      let full = model.predict(tokens: tokens, outputs: 88 * 128, inputs: 4096).ns
      let begun = model.predict(tokens: tokens, outputs: 90 * 128, inputs: 4096).ns
      #expect(abs(full / 200_000 - 1) < 1e-3 && abs(begun / 300_000 - 1) < 1e-2)
    }
  }

  @Test("A part of a token between two kernels asks each for its own whole tokens")
  func partsOfTokens() throws {
    // Nothing but the rows of tiles: 128 tokens have one, 129 two.
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      1000 + (tokens / 128).rounded(.up) * outputs
    }
    let measured = points(tokens: [65, 128, 129, 512], law)
    let model = try #require(LayerShapeModel(measured, plan: plan))
    func time(_ tokens: Double) -> Double {
      model.predict(tokens: tokens, outputs: 4096, inputs: 4096).ns
    }
    #expect(abs(time(128.5) - (time(128) + time(129)) / 2) < 1e-6)
  }

  @Test("Where no plan is known, time between two numbers of tokens is that of the same layer")
  func noPlan() throws {
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      1000 + tokens * (5 + outputs * inputs / 1000)
    }
    let model = try #require(LayerShapeModel(points(law), plan: nil))
    let time = model.predict(tokens: 700, outputs: 5000, inputs: 3000)
    #expect(abs(time.ns / law(700, 5000, 3000) - 1) < 1e-9 && time.basis == .interpolated)
  }

  @Test(
    "Beyond what was measured time grows with the work; below it only weights make it less",
    arguments: [DenseLayerPlan(multiprocessors: 132), nil])
  func outside(_ plan: DenseLayerPlan?) throws {
    let points = points { tokens, outputs, inputs in tokens * outputs * inputs / 1000 }
    let model = try #require(LayerShapeModel(points, plan: plan))
    func time(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      let prediction = model.predict(tokens: tokens, outputs: outputs, inputs: inputs)
      let isInside =
        (1...1024).contains(tokens) && outputs <= 16384 && (1024...8192).contains(inputs)
      #expect((prediction.basis == .interpolated) == isInside)
      return prediction.ns
    }
    let most = time(1024, 16384, 8192)
    #expect(time(2048, 16384, 8192) == 2 * most)
    #expect(time(1024, 32768, 8192) == 2 * most)
    #expect(time(1024, 16384, 16384) == 2 * most)
    // Fewer inputs: as many weights with the fewest, as a device's share of an expert has.
    #expect(time(1024, 4096, 512) == time(1024, 2048, 1024))
    #expect(time(1, 1_048_576, 96) == time(1, 98_304, 1024))
    #expect(time(1024, 512, 4096) == time(1024, 1024, 4096))
    #expect(time(1, 4096, 4096) == model.predict(tokens: 0.5, outputs: 4096, inputs: 4096).ns)
  }

  @Test("Layers that are no grid of shapes are left to their weights")
  func noGrid() {
    let law = { (tokens: Double, outputs: Double, inputs: Double) in tokens + outputs + inputs }
    #expect(LayerShapeModel([], plan: nil) == nil)
    #expect(LayerShapeModel(points(inputs: [4096], law), plan: plan) == nil)
    let poor = points(law) + points(outputs: [1024, 4096], inputs: [28672], law)
    #expect(LayerShapeModel(poor, plan: plan) == nil)
    #expect(LayerShapeModel(points(law), plan: plan) != nil)
  }

  @Test("A profile with a grid of shapes tells layers of as many weights apart")
  func profileOfShapes() throws {
    let shapes = [1024, 4096, 8192].flatMap { inputs in
      [1024, 4096, 8192, 16384].flatMap { outputs in
        [1, 64].map { OperatorShape.linear(tokens: $0, outputs: outputs, inputs: inputs) }
      }
    }
    func time(_ shape: OperatorShape) -> Int64 {
      guard case .linear(let tokens, let outputs, let inputs) = shape else { return 1 }
      return Int64(1000 + 10 * tokens * outputs + inputs)
    }
    let model = try OperatorModel(
      .linear, format: nil, heads: nil,
      profile: SyntheticProfile.profile().with(
        measurements: shapes.map {
          Measurement(shape: $0, isHeldOut: false, timesNs: [time($0)])
        }))
    for (outputs, inputs) in [(2048, 8192), (8192, 2048), (4096, 4096)] {
      let shape = OperatorShape.linear(tokens: 32, outputs: outputs, inputs: inputs)
      #expect(abs(model.predict(shape).ns - Double(time(shape))) < 1e-6)
    }
    #expect(model.mostTokens == 64)
  }
}
