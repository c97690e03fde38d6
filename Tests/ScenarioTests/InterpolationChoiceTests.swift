import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite("Between measured points a line is chosen by points left out")
struct InterpolationChoiceTests {
  /// How the time at a size is taken from those of its neighbours.
  private enum Rule: CaseIterable {
    case linear, logarithmic, power

    func time(at x: Double, between a: (x: Double, ns: Double), and b: (x: Double, ns: Double))
      -> Double
    {
      let straight = (x - a.x) / (b.x - a.x)
      let scaled = Foundation.log(x / a.x) / Foundation.log(b.x / a.x)
      return switch self {
      case .linear: a.ns + straight * (b.ns - a.ns)
      case .logarithmic: a.ns + scaled * (b.ns - a.ns)
      case .power: a.ns * Foundation.pow(b.ns / a.ns, scaled)
      }
    }
  }

  /// The mean error by a rule at the points of the fit that have two neighbours of the same curve,
  /// each left out in its turn.
  /// - Parameter curve: of a shape, one that stands for all of its curve, and its place on that.
  private func meanError(
    _ rule: Rule, _ profile: Profile, curve: (OperatorShape) -> (all: OperatorShape, x: Int)?
  ) -> Double {
    var curves: [OperatorShape: [(x: Double, ns: Double)]] = [:]
    for point in profile.measurements where !point.isHeldOut {
      guard let (all, x) = curve(point.shape) else { continue }
      curves[all, default: []].append((Double(x), Double(point.medianNs)))
    }
    let errors = curves.values.flatMap { points in
      let sorted = points.sorted { $0.x < $1.x }
      return zip(sorted, zip(sorted.dropFirst(), sorted.dropFirst(2))).map { before, rest in
        abs(rule.time(at: rest.0.x, between: before, and: rest.1) / rest.0.ns - 1)
      }
    }
    #expect(errors.count > 50)
    return errors.reduce(0, +) / Double(errors.count)
  }

  private func shipped(_ name: String) throws -> Profile {
    try ProfileFile.read(path: Shipped.folder + "devices/\(name)").profile
  }

  @Test(
    "Decode attention over the context: a line errs less than a power, and that than a logarithm",
    arguments: ["nvidia-rtx4090-vllm.json", "nvidia-h200.json"])
  func contexts(file: String) throws {
    let profile = try shipped(file)
    let errors = Rule.allCases.map { rule in
      meanError(rule, profile) { shape in
        guard case .decodeAttention(let sequences, let context, let heads, let format) = shape
        else { return nil }
        return (
          .decodeAttention(sequences: sequences, context: 1, heads: heads, format: format), context
        )
      }
    }
    #expect(errors[0] < errors[2] && errors[2] < errors[1] / 2, "\(errors)")
    #expect(errors[0] < 0.04 && errors[1] > 0.1, "\(errors)")
  }

  @Test("Small operators over the rows: the same on a GPU whose grid doubles")
  func rows() throws {
    let profile = try shipped("nvidia-h200.json")
    let errors = Rule.allCases.map { rule in
      meanError(rule, profile) { shape in
        guard case .elementwise(let kind, let rows, let width) = shape else { return nil }
        return (.elementwise(kind, rows: 1, width: width), rows)
      }
    }
    #expect(errors[0] < errors[2] && errors[2] < errors[1], "\(errors)")
  }
}
