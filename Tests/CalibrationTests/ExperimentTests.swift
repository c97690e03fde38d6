import CostModel
import Operators
import Testing

@testable import Calibration

@Suite("The designed experiment")
struct ExperimentTests {
  private static let reaches = [
    Experiment.Reach.cpu(threads: 2), .cpu(threads: 16), .cpu(threads: 192),
    .gpu(multiprocessors: 132), .gpu(multiprocessors: 24),
  ]

  @Test("A fifth of the points is held out, in every group that is judged", arguments: reaches)
  func heldOutShare(_ reach: Experiment.Reach) {
    let groups = Experiment.groups(reach: reach)
    let points = groups.flatMap(\.points)
    let share = Double(points.filter(\.isHeldOut).count) / Double(points.count)
    #expect(share > 0.19 && share < 0.25)
    for group in groups {
      let own = Double(group.points.filter(\.isHeldOut).count) / Double(group.points.count)
      #expect(own > 0.15 && own < 0.3)
    }
  }

  @Test("No point is measured twice, and none that is held out is fitted", arguments: reaches)
  func pointsDiffer(_ reach: Experiment.Reach) {
    let groups = Experiment.groups(reach: reach)
    let shapes = groups.flatMap { $0.points.map(\.shape) }
    #expect(Set(shapes).count == shapes.count)
  }

  @Test(
    "A group holds one operator, one format and one shape of heads, smallest work first",
    arguments: reaches)
  func groupsAreUniform(_ reach: Experiment.Reach) {
    let groups = Experiment.groups(reach: reach)
    for group in groups {
      #expect(Set(group.points.map(\.shape.kind)).count == 1)
      #expect(Set(group.points.map(\.shape.format)).count == 1)
      #expect(Set(group.points.map(\.shape.heads)).count == 1)
      let operations = group.points.map(\.shape.operations)
      #expect(operations == operations.sorted())
      #expect(group.points.first?.isHeldOut == false)
    }
  }

  @Test(
    "Every operator is measured in every format and for the heads of every shipped model",
    arguments: reaches)
  func coverage(_ reach: Experiment.Reach) {
    let groups = Experiment.groups(reach: reach)
    let shapes = groups.flatMap { $0.points.map(\.shape) }
    for format in KVFormat.named {
      for kind in [OperatorKind.decodeAttention, .raggedDecode, .prefillAttention] {
        for heads in Experiment.standardHeads {
          #expect(
            shapes.contains { $0.kind == kind && $0.format == format && $0.heads == heads })
        }
      }
      #expect(shapes.contains { $0.kind == .append && $0.format == format })
    }
    #expect(shapes.contains { $0.kind == .linear })
    for kind in [ElementwiseOperator.norm, .finalNorm, .rotary, .activation] {
      #expect(shapes.contains { $0.kind == .elementwise(kind) })
    }
  }
}
