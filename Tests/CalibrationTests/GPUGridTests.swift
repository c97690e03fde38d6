import Operators
import Testing

@testable import Calibration
@testable import CostModel

@Suite("The grids of a GPU")
struct GPUGridTests {
  private let grid = GPUGrid(multiprocessors: 132)
  private let heads = HeadGeometry(queryHeads: 64, kvHeads: 8, headDim: 128)

  private func shapes(_ group: ExperimentGroup, heldOut: Bool) -> [OperatorShape] {
    group.points.filter { $0.isHeldOut == heldOut }.map(\.shape)
  }

  @Test("Batches stand on both sides of those that fill 132 multiprocessors, worked out by hand")
  func batches() {
    let batches = Set(shapes(grid.decode(heads, .int4), heldOut: false).map { $0.sizes[0] })
    // 132 k / 8 workgroups of each KV head: 16.5, 33, 49.5, 66, 99, 132 and 198.
    for full in [16, 33, 49, 66, 99, 132, 198] {
      #expect(batches.contains(full) && batches.contains(full + 1))
    }
  }

  @Test("Contexts of a batch stand on both sides of where its pieces fill the multiprocessors")
  func contexts() {
    let four = Set(
      shapes(grid.decode(heads, .fp16), heldOut: false).map(\.sizes).filter { $0[0] == 4 }
        .map { $0[1] })
    // 4, 8 and 12 pieces of each sequence: 128, 256 and 384 workgroups of 132, 264 and 396.
    for cut in [5 * 256, 9 * 256, 13 * 256] {
      #expect(four.contains(cut - 8) && four.contains(cut + 8))
    }
  }

  @Test(
    "Chunks stand on both sides of those whose rows fill the multiprocessors",
    arguments: [(64, [256, 528, 784, 1056]), (16, [1024, 2112, 3136, 4224])])
  func chunks(_ queryHeads: Int, _ full: [Int]) {
    let heads = HeadGeometry(queryHeads: queryHeads, kvHeads: 8, headDim: 128)
    let chunks = Set(shapes(grid.prefill(heads, .fp16), heldOut: false).map { $0.sizes[0] })
    for tokens in full { #expect(chunks.contains(tokens) && chunks.contains(tokens + 1)) }
  }

  @Test("Outputs stand on both sides of where tiles of 128 fill the multiprocessors twice")
  func outputs() {
    let all = shapes(grid.linear(), heldOut: false).map(\.sizes)
    for (tokens, tiles) in [(256, 264), (512, 132), (768, 88), (1024, 66), (2048, 33)] {
      let outputs = Set(all.filter { $0[0] == tokens && $0[2] == 4096 }.map { $0[1] })
      #expect(outputs.contains(tiles * 128) && outputs.contains((tiles + 1) * 128))
    }
  }

  @Test("From one number of outputs to the next the work at most doubles", arguments: [1024, 4096])
  func workOfOutputs(_ inputs: Int) {
    let plan = DenseLayerPlan(multiprocessors: 132)
    let all = shapes(grid.linear(), heldOut: false).map(\.sizes).filter { $0[2] == inputs }
    for tokens in [1, 8, 64, 128, 256, 512, 768] {
      let work = all.filter { $0[0] == tokens }
        .map { plan.work(tokens: tokens, outputs: $0[1], inputs: inputs) }.sorted()
      #expect(zip(work, work.dropFirst()).allSatisfy { $1 <= 2.1 * $0 }, "\(tokens) tokens")
    }
  }

  @Test("Streamed weights are measured with tiles that are cut evenly, and with others")
  func evenAndUneven() {
    let plan = DenseLayerPlan(multiprocessors: 132)
    let all = shapes(grid.linear(), heldOut: false).map(\.sizes)
    for tokens in [256, 512, 768] {
      let stream = DenseLayerPlan.Stream.of(tokens: tokens)
      let own = all.filter {
        $0[0] == tokens && $0[2] == 5120
          && plan.streamsWeights(tokens: tokens, outputs: $0[1], inputs: 5120)
      }
      // Tiles for each of 132 workgroups, on both sides of one.
      let cuts = own.map { stream.tiles(tokens: tokens, outputs: $0[1]) }
        .map { (tiles: $0, groups: plan.groups(stream, tiles: $0, slices: 80)) }
      #expect(cuts.contains { $0.groups % $0.tiles == 0 }, "\(tokens) tokens")
      for range in [40..<60, 90..<119, 140..<170, 190..<201] {
        #expect(
          cuts.contains { range.contains($0.tiles) && $0.groups == 132 }, "\(tokens) \(range)")
      }
    }
  }

  @Test("Held-out points lie within the grid on each axis, and in each quarter of its tokens")
  func heldOutPoints() {
    for group in Experiment.groups(reach: .gpu(multiprocessors: 132)) {
      let (fit, heldOut) = (
        shapes(group, heldOut: false).map(\.sizes), shapes(group, heldOut: true).map(\.sizes)
      )
      for axis in fit[0].indices {
        let range = fit.map { $0[axis] }.min()!...fit.map { $0[axis] }.max()!
        #expect(heldOut.allSatisfy { range.contains($0[axis]) })
      }
      guard heldOut.count >= 8 else { continue }
      // Of 1 to 1,024 or 8,192: quarters of the logarithm.
      let most = fit.map { $0[0] }.max()!
      var ends = [0]
      for share in [0.25, 0.5, 0.75, 1] { ends.append(spread(share, from: 1, to: most)) }
      for (above, upTo) in zip(ends, ends.dropFirst()) {
        #expect(heldOut.contains { $0[0] > above && $0[0] <= upTo })
      }
    }
  }

  @Test("Four of the layers that judge `linear` are in the fit too, three of them for few tokens")
  func heldOutLayers() {
    let fit = shapes(grid.linear(), heldOut: false).map { Array($0.sizes[1...]) }
    let judging = Set(shapes(grid.linear(), heldOut: true).map { Array($0.sizes[1...]) })
    let known = judging.filter { fit.contains($0) }
    #expect(known == [[151_936, 5120], [6144, 4096], [6144, 1024], [3072, 8192]])
    for layer in known where layer != [151_936, 5120] {
      #expect(fit.count { $0 == layer } <= 5, "\(layer)")
    }
    #expect(judging.count == ModelLayers.shapes.count, "each of them judges")
  }

  @Test("A number spread over a logarithmic scale has its ends and their geometric mean")
  func spreadNumbers() {
    #expect([0, 0.5, 1].map { spread($0, from: 1, to: 4096) } == [1, 64, 4096])
  }
}
