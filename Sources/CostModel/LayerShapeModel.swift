/// The time of dense layers that were measured in a grid of shapes: numbers of outputs for each of
/// several numbers of inputs, each over several numbers of tokens.
///
/// Layers of as many weights differ by their shape, because kernels give outputs to workgroups and
/// go over inputs one after the other. So each number of inputs has a grid of its own, and between
/// two of them the time is linear in the inputs. In a grid the curves stand over tokens, and each
/// goes over outputs, times the tiles of tokens that a kernel for many tokens takes
/// (``Device/tokenTile``): such a kernel is as busy with as many tiles, whatever layer they are of,
/// and its time has its steps there, where another wave of workgroups begins. Within one tile of
/// tokens that is the same number of outputs.
///
/// A curve never falls; from one curve to the next time may, where another kernel takes over.
struct LayerShapeModel: Sendable {
  /// A dense layer that was timed.
  struct Point {
    let tokens, outputs, inputs, ns: Double
  }

  /// Numbers of inputs, ascending.
  private let inputs: [Double]
  /// Of each number of inputs: tokens are y, and tiles times outputs x.
  private let grids: [Grid]
  private let tokenTile: Double?

  /// Numbers of outputs with which each number of inputs has to be measured.
  private static let leastOutputs = 3

  /// Nil where the measured layers are no such grid: fewer than two numbers of inputs, or one of
  /// them with fewer than three numbers of outputs.
  init?(_ points: [Point], tokenTile: Int?) {
    let planes = Dictionary(grouping: points, by: \.inputs).sorted { $0.key < $1.key }
    guard planes.count >= 2,
      planes.allSatisfy({ Set($0.value.map(\.outputs)).count >= LayerShapeModel.leastOutputs })
    else { return nil }
    let tile = tokenTile.map(Double.init)
    inputs = planes.map(\.key)
    grids = planes.map { _, plane in
      Grid(
        points: plane.map { point in
          (
            y: point.tokens, x: LayerShapeModel.tiles(point.tokens, of: tile) * point.outputs,
            ns: point.ns
          )
        })
    }
    self.tokenTile = tile
  }

  /// The most tokens that were measured, of any layer.
  var mostTokens: Double { grids.compactMap(\.y.last).max()! }

  /// The time of a layer over so many tokens; none of the three need be whole. Fewer inputs,
  /// outputs or tokens than were measured take what the fewest take; more take more in proportion.
  /// O(tokens' curves + log n).
  func predict(tokens: Double, outputs: Double, inputs asked: Double) -> OperatorModel.Prediction {
    let last = inputs.count - 1
    let upper = inputs.firstIndex { $0 >= asked } ?? last
    let lower = asked < inputs[upper] && upper > 0 ? upper - 1 : upper
    let above = time(grids[upper], tokens: tokens, outputs: outputs)
    var (ns, isExtrapolated) = above
    if lower < upper {
      let below = time(grids[lower], tokens: tokens, outputs: outputs)
      let weight = (asked - inputs[lower]) / (inputs[upper] - inputs[lower])
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
    _ grid: Grid, tokens: Double, outputs: Double
  ) -> (ns: Double, isExtrapolated: Bool) {
    let blend = grid.blend(at: tokens)
    let tiles = LayerShapeModel.tiles(tokens, of: tokenTile)
    let value = grid.value(blend, x: { _ in tiles * outputs })
    guard blend.isOutside, tokens > grid.y[blend.lower] else {
      return (value.ns, value.isExtrapolated || blend.isOutside)
    }
    // The curve has grown by the tiles already.
    let most = grid.y[blend.lower]
    let growth = tokens / most / (tiles / LayerShapeModel.tiles(most, of: tokenTile))
    return (value.ns * growth, true)
  }

  private static func tiles(_ tokens: Double, of tile: Double?) -> Double {
    guard let tile else { return 1 }
    return max(1, (tokens / tile).rounded(.up))
  }
}
