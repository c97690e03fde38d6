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

  private func tiles(_ tokens: Double) -> Double { (tokens / 256).rounded(.up) }

  @Test("Time that grows with whole tiles of tokens and with inputs is met exactly in between")
  func wholeTiles() throws {
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      3000 + inputs * (2 + 0.001 * tiles(tokens) * outputs)
    }
    let model = try #require(LayerShapeModel(points(law), tokenTile: 256))
    for tokens in [1, 100, 256, 257, 512, 513, 800, 1024] as [Double] {
      for outputs in [4096, 6000, 8000] as [Double] {
        for inputs in [1024, 2000, 5120, 8192] as [Double] {
          let time = model.predict(tokens: tokens, outputs: outputs, inputs: inputs)
          #expect(abs(time.ns / law(tokens, outputs, inputs) - 1) < 1e-9)
          #expect(time.basis == .interpolated)
        }
      }
    }
  }

  @Test("The step of a second wave is where its tiles begin, for layers that were not measured")
  func waves() throws {
    // 132 workgroups at once, each with a tile of 256 tokens by 128 outputs for 100 us.
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      100_000 * (tiles(tokens) * (outputs / 128).rounded(.up) / 132).rounded(.up)
    }
    let measured =
      points(tokens: [1, 256], outputs: [1024, 132 * 128, 133 * 128, 264 * 128], law)
      + points(tokens: [1024], outputs: [1024, 33 * 128, 34 * 128, 66 * 128], law)
    let model = try #require(LayerShapeModel(measured, tokenTile: 256))
    // Three tiles of tokens: 44 tiles of outputs make 132, 46 make 138.
    for tokens in [513, 700, 768] as [Double] {
      #expect(model.predict(tokens: tokens, outputs: 44 * 128, inputs: 4096).ns == 100_000)
      #expect(model.predict(tokens: tokens, outputs: 46 * 128, inputs: 4096).ns == 200_000)
    }
  }

  @Test("Where no tile is known, time between two numbers of tokens is that of the same layer")
  func noTile() throws {
    func law(_ tokens: Double, _ outputs: Double, _ inputs: Double) -> Double {
      1000 + tokens * (5 + outputs * inputs / 1000)
    }
    let model = try #require(LayerShapeModel(points(law), tokenTile: nil))
    let time = model.predict(tokens: 700, outputs: 5000, inputs: 3000)
    #expect(abs(time.ns / law(700, 5000, 3000) - 1) < 1e-9 && time.basis == .interpolated)
  }

  @Test(
    "Beyond what was measured time grows with the work, below it no more falls",
    arguments: [256, nil])
  func outside(_ tile: Int?) throws {
    let points = points { tokens, outputs, inputs in tokens * outputs * inputs / 1000 }
    let model = try #require(LayerShapeModel(points, tokenTile: tile))
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
    #expect(time(1024, 4096, 512) == time(1024, 4096, 1024))
    #expect(time(1024, 512, 4096) == time(1024, 1024, 4096))
    #expect(time(1, 4096, 4096) == model.predict(tokens: 0.5, outputs: 4096, inputs: 4096).ns)
  }

  @Test("Layers that are no grid of shapes are left to their weights")
  func noGrid() {
    let law = { (tokens: Double, outputs: Double, inputs: Double) in tokens + outputs + inputs }
    #expect(LayerShapeModel([], tokenTile: nil) == nil)
    #expect(LayerShapeModel(points(inputs: [4096], law), tokenTile: 256) == nil)
    let poor = points(law) + points(outputs: [1024, 4096], inputs: [28672], law)
    #expect(LayerShapeModel(poor, tokenTile: 256) == nil)
    #expect(LayerShapeModel(points(law), tokenTile: 256) != nil)
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
      let shape = OperatorShape.linear(tokens: 8, outputs: outputs, inputs: inputs)
      #expect(abs(model.predict(shape).ns - Double(time(shape))) < 1e-6)
    }
    #expect(model.mostTokens == 64)
  }
}
