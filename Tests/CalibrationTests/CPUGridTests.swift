import Operators
import Testing

@testable import Calibration
@testable import Kernels

@Suite("The grids of a CPU")
struct CPUGridTests {
  private let heads = HeadGeometry(queryHeads: 32, kvHeads: 8, headDim: 128)

  private func sizes(_ group: ExperimentGroup, heldOut: Bool) -> [[Int]] {
    group.points.filter { $0.isHeldOut == heldOut }.map(\.shape.sizes)
  }

  @Test("Batches stand on both sides of those that fill 16 threads, worked out by hand")
  func batches() {
    let grid = CPUGrid(threads: 16)
    let batches = Set(sizes(grid.decode(heads, .int4), heldOut: false).map { $0[0] })
    // 16 sequences are 64 spans of two KV heads, four rounds; 17 begin a fifth.
    for full in [16, 32, 64, 128] {
      #expect(batches.contains(full) && batches.contains(full + 1))
    }
    #expect(batches.max() == 256)
  }

  @Test("Contexts of few sequences stand on both sides of where they are cut in two")
  func contexts() {
    let all = sizes(CPUGrid(threads: 16).decode(heads, .fp16), heldOut: false)
    for sequences in [1, 4, 8, 32] {
      let pieces = Set(
        all.filter { $0[0] == sequences && (256..<768).contains($0[1]) }.map { point in
          ContextCut.pieces(context: point[1], seen: point[1], wanted: 1, tile: 128).count
        })
      #expect(pieces == [1, 2], "\(sequences) sequences")
    }
  }

  @Test("Tokens of `linear` stand on both sides of whole fours and of where the kernel changes")
  func tokens() {
    let tokens = Set(
      sizes(CPUGrid(threads: 16).linear(), heldOut: false).map { $0[0] })
    for few in [4, 8, 12, 16, 24, 32] {
      #expect(tokens.contains(few) && tokens.contains(few + 1))
    }
    let first = (1...1024).first { CPUDispatch.packsActivations(tokens: $0) }!
    #expect(tokens.contains(first - 1) && tokens.contains(first))
  }

  @Test(
    "Outputs stand on both sides of one to four panels of 64 for each thread",
    arguments: [(16, [1024, 2048, 3072, 4096]), (12, [1536, 2304, 3072]), (64, [4096, 8192])])
  func outputs(_ threads: Int, _ full: [Int]) {
    let all = sizes(CPUGrid(threads: threads).linear(), heldOut: false)
    for tokens in [48, 1024] {
      let own = Set(all.filter { $0[0] == tokens && $0[2] == 4096 }.map { $0[1] })
      for outputs in full { #expect(own.contains(outputs) && own.contains(outputs + 64)) }
    }
  }

  @Test(
    "Each number of inputs has three numbers of outputs for each number of tokens, as a model asks",
    arguments: [2, 12, 16, 192])
  func layers(_ threads: Int) {
    let all = sizes(CPUGrid(threads: threads).linear(), heldOut: false)
    let (tokens, inputs) = (Set(all.map { $0[0] }), Set(all.map { $0[2] }))
    #expect(inputs.count >= 2 && tokens.max() == 1024)
    for tokens in tokens {
      for inputs in inputs {
        #expect(all.count { $0[0] == tokens && $0[2] == inputs } >= 3)
      }
    }
    #expect(all.allSatisfy { $0[1] * $0[2] <= ($0[0] <= 64 ? 1 << 28 : 110_000_000) })
  }

  @Test(
    "Rows of small operators stand on both sides of a second item, and of one for each thread",
    arguments: [2, 16])
  func smallRows(_ threads: Int) {
    for group in CPUGrid(threads: threads).smallOperators() {
      let fit = sizes(group, heldOut: false)
      for width in Set(fit.map { $0[1] }) {
        let rows = Set(fit.filter { $0[1] == width }.map { $0[0] })
        for items in [1, threads] {
          let full = items * 16384 / width
          #expect(full == 0 || rows.contains(full), "\(full) x \(width)")
          #expect(rows.contains(full + 1), "\(full + 1) x \(width)")
        }
      }
    }
  }

  @Test("Chunks have one that fills four items for each thread", arguments: [(16, 384), (2, 48)])
  func chunks(_ threads: Int, _ full: Int) {
    let chunks = sizes(CPUGrid(threads: threads).prefill(heads, .int4), heldOut: false)
      .map { $0[0] }
    #expect(chunks.contains(full))
    func items(_ tokens: Int) -> Int {
      let each = CPUDispatch.prefillTokens(tokens, group: 4, kvHeads: 8, workers: threads)
      return 8 * ((tokens + each - 1) / each)
    }
    #expect(items(full) == 4 * threads && items(full + 1) > 4 * threads)
  }

  @Test("Held-out points lie within the grid on each axis", arguments: [2, 16, 192])
  func heldOutPoints(_ threads: Int) {
    for group in Experiment.groups(reach: .cpu(threads: threads)) {
      let (fit, heldOut) = (sizes(group, heldOut: false), sizes(group, heldOut: true))
      for axis in fit[0].indices {
        let range = fit.map { $0[axis] }.min()!...fit.map { $0[axis] }.max()!
        #expect(heldOut.allSatisfy { range.contains($0[axis]) })
      }
      let layers = heldOut.filter { $0.count == 3 }
      #expect(
        layers.allSatisfy { layer in
          ModelLayers.shapes.contains { $0.0 == layer[1] && $0.1 == layer[2] }
        })
    }
  }

  @Test("Widths that judge small operators are not the fit's")
  func judgingWidths() {
    for group in CPUGrid(threads: 16).smallOperators() {
      let fit = Set(sizes(group, heldOut: false).map { $0[1] })
      #expect(fit.isDisjoint(with: sizes(group, heldOut: true).map { $0[1] }))
    }
  }
}
