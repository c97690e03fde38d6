import Operators

/// The time of dense layers that were measured in a grid of shapes: numbers of outputs for each of
/// several numbers of inputs, each over several numbers of tokens.
///
/// Layers of as many weights differ by their shape, because kernels give outputs to workgroups and
/// go over inputs one after the other. So each number of inputs has a grid of its own, and between
/// two of them the time is linear in the inputs. In a grid the curves stand over tokens, and each
/// goes over outputs.
///
/// Where the kernels' plan is known (``Device/layerPlan``) a curve goes over what it gives the
/// busiest multiprocessor to do instead, and the time between two numbers of inputs is linear in
/// what they take, begun blocks of them included: kernels are as busy with as many tiles, whatever
/// layer they are of, and time has its steps where another wave of workgroups or another block
/// begins.
///
/// A curve never falls; from one curve to the next time may, where another kernel takes over, and
/// with a plan from one number of outputs to the next, where they are cut more evenly.
struct LayerShapeModel: Sendable {
  /// A dense layer that was timed.
  struct Point {
    let tokens, outputs, inputs, ns: Double
  }

  /// Numbers of inputs, ascending.
  private let inputs: [Double]
  /// Of each number of inputs: tokens are y, and outputs or the plan's work x.
  private let grids: [Grid]
  private let plan: DenseLayerPlan?

  /// Numbers of outputs with which each number of inputs has to be measured.
  private static let leastOutputs = 3

  /// Nil where the measured layers are no such grid: fewer than two numbers of inputs, or one of
  /// them with fewer than three numbers of outputs.
  init?(_ points: [Point], plan: DenseLayerPlan?) {
    let planes = Dictionary(grouping: points, by: \.inputs).sorted { $0.key < $1.key }
    guard planes.count >= 2,
      planes.allSatisfy({ Set($0.value.map(\.outputs)).count >= LayerShapeModel.leastOutputs })
    else { return nil }
    inputs = planes.map(\.key)
    grids = planes.map { _, plane in
      Grid(
        points: plane.map { point in
          (
            y: point.tokens,
            x: LayerShapeModel.work(
              plan, tokens: point.tokens, outputs: point.outputs, inputs: point.inputs),
            ns: point.ns
          )
        })
    }
    self.plan = plan
  }

  /// The most tokens that were measured, of any layer.
  var mostTokens: Double { grids.compactMap(\.y.last).max()! }

  /// The time of a layer over so many tokens; none of the three need be whole. Fewer outputs or
  /// tokens than were measured take what the fewest take, fewer inputs what a layer of as many
  /// weights takes that has the fewest; more take more in proportion. O(tokens' curves + log n).
  func predict(tokens: Double, outputs: Double, inputs asked: Double) -> OperatorModel.Prediction {
    guard asked >= inputs[0] else {
      let fewest = predict(tokens: tokens, outputs: outputs * asked / inputs[0], inputs: inputs[0])
      return OperatorModel.Prediction(ns: fewest.ns, basis: .extrapolated)
    }
    let last = inputs.count - 1
    let upper = inputs.firstIndex { $0 >= asked } ?? last
    let lower = asked < inputs[upper] && upper > 0 ? upper - 1 : upper
    let above = time(upper, tokens: tokens, outputs: outputs)
    var (ns, isExtrapolated) = above
    if lower < upper {
      let below = time(lower, tokens: tokens, outputs: outputs)
      let (least, most) = (taken(inputs[lower], tokens), taken(inputs[upper], tokens))
      let weight = (taken(asked, tokens) - least) / (most - least)
      ns = (1 - weight) * below.ns + weight * above.ns
      isExtrapolated = isExtrapolated || below.isExtrapolated
    } else if asked != inputs[upper] {
      ns *= max(1, asked / inputs[last])
      isExtrapolated = true
    }
    return OperatorModel.Prediction(ns: ns, basis: isExtrapolated ? .extrapolated : .interpolated)
  }

  /// The time of a layer with as many inputs as a grid's.
  private func time(
    _ index: Int, tokens: Double, outputs: Double
  ) -> (ns: Double, isExtrapolated: Bool) {
    let grid = grids[index]
    func work(_ tokens: Double) -> Double {
      LayerShapeModel.work(plan, tokens: tokens, outputs: outputs, inputs: inputs[index])
    }
    let blend = grid.blend(at: tokens)
    // A part of a token may lie between two kernels, each of which is asked for its own whole ones.
    let (fewer, more) = (work(tokens.rounded(.down)), work(tokens.rounded(.up)))
    let value = grid.value(blend, x: { $0 <= tokens ? fewer : more })
    guard blend.isOutside, tokens > grid.y[blend.lower] else {
      return (value.ns, value.isExtrapolated || blend.isOutside)
    }
    // The curve has grown by the work already.
    let most = grid.y[blend.lower]
    return (value.ns * tokens / most / (fewer / work(most)), true)
  }

  /// What a curve goes over.
  private static func work(
    _ plan: DenseLayerPlan?, tokens: Double, outputs: Double, inputs: Double
  ) -> Double {
    guard let plan else { return outputs }
    return plan.work(tokens: whole(tokens), outputs: whole(outputs), inputs: whole(inputs))
  }

  /// What the time between two numbers of inputs goes over.
  private func taken(_ inputs: Double, _ tokens: Double) -> Double {
    guard let plan else { return inputs }
    return plan.inputsTaken(LayerShapeModel.whole(inputs), tokens: LayerShapeModel.whole(tokens))
  }

  /// The plan of parts of a token or an output is that of whole ones, one at least. There are never
  /// so many that products of two of them exceed an integer.
  private static func whole(_ count: Double) -> Int {
    Int(min(max(1, count.rounded(.up)), 0x1p31))
  }
}
