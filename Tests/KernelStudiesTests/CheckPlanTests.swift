import Kernels
import Operators
import Testing

@testable import KernelStudies

@Suite struct CheckPlanTests {
  private let plan = CheckPlan(seed: 7)
  private var shapes: [AttentionShape] { attentionShapes(plan) }

  private func attentionShapes(_ plan: CheckPlan) -> [AttentionShape] {
    plan.cases.compactMap { each in
      if case .attention(let shape) = each.operand { shape } else { nil }
    }
  }

  @Test func everyPathGetsAtLeastTwoThousandCases() {
    #expect(plan.caseCounts.values.reduce(0, +) >= 2_000)
    for kind in CheckOperator.allCases {
      #expect(plan.caseCounts[kind, default: 0] >= 1_000, "\(kind)")
    }
    let quick = CheckPlan(seed: 7, extent: .quick)
    #expect(quick.caseCounts.values.reduce(0, +) >= 2_000)
  }

  @Test func theSameSeedGivesTheSameCases() {
    #expect(CheckPlan(seed: 7).cases == plan.cases)
    #expect(CheckPlan(seed: 8).cases != plan.cases)
    #expect(plan.cases.map(\.index) == Array(plan.cases.indices))
  }

  @Test(arguments: [0, 1, 99])
  func everyValueOfEverySizeIsTried(seed: UInt64) {
    for extent in [CheckPlan.Extent.full, .quick] {
      let shapes = attentionShapes(CheckPlan(seed: seed, extent: extent))
      #expect(Set(shapes.map(\.format)) == Set(CheckPlan.formats))
      #expect(Set(shapes.map(\.heads.headDim)) == [64, 80, 96, 112, 128, 192, 256])
      #expect(Set(shapes.map(\.heads.groupSize)) == [1, 2, 4, 5, 7, 8, 16])
      #expect(Set(shapes.map(\.blockSize)) == [1, 8, 16, 32, 64])
      #expect(Set(shapes.map(\.heads.kvHeads)) == [1, 2, 3, 4])
      #expect(Set(shapes.map(\.contexts)).isSuperset(of: CheckPlan.batches))
      #expect(Set(shapes.map(\.chunk)).isSuperset(of: CheckPlan.chunks))
      #expect(Set(shapes.map(\.options.softCap)) == Set(CheckPlan.softCaps))
      #expect(Set(shapes.map(\.options.slidingWindow)).isSuperset(of: CheckPlan.windows))
    }
  }

  @Test(arguments: [0, 1, 99])
  func casesThatShareKernelsStandTogether(seed: UInt64) {
    for extent in [CheckPlan.Extent.full, .quick] {
      let sizes = attentionShapes(CheckPlan(seed: seed, extent: extent)).map(\.compiledSizes)
      let changes = zip(sizes, sizes.dropFirst()).filter { $0 != $1 }.count
      #expect(changes == Set(sizes).count - 1)
    }
  }

  @Test(arguments: [0, 1, 99])
  func theQuickPlanHasFewSizesToCompileForButTheirPairs(seed: UInt64) {
    let shapes = attentionShapes(CheckPlan(seed: seed, extent: .quick))
    // Four for each of bits and head size, and those of long contexts.
    #expect(Set(shapes.map(\.compiledSizes)).count <= 4 * 2 * 7 + 12)
    var met: Set<[Int]> = []
    for sizes in shapes.map(\.compiledSizes) {
      for (i, a) in sizes.enumerated() {
        for j in (i + 1)..<sizes.count { met.insert([i, a, j, sizes[j]]) }
      }
    }
    let values = [[4, 16], CheckPlan.headDims, CheckPlan.groupSizes, CheckPlan.blockSizes]
    for i in values.indices {
      for j in (i + 1)..<values.count {
        for a in values[i] {
          for b in values[j] where !met.contains([i, a, j, b]) {
            Issue.record("size \(i) of \(a) never meets size \(j) of \(b)")
          }
        }
      }
    }
  }

  @Test func rotationsOfEveryOrderMeetEveryHeadSizeTheyDivide() {
    for order in [16, 32, 64, 128, 256] {
      for includesValues in [false, true] {
        let wanted = KVFormat.Rotation(order: order, includesValues: includesValues)
        let own = shapes.filter {
          $0.format.bitsPerElement == 4 && $0.format.rotation == wanted
        }
        #expect(
          Set(own.map(\.heads.headDim))
            .isSuperset(of: CheckPlan.headDims.filter { $0 % order == 0 }), "\(order)")
      }
    }
  }

  @Test func windowsOfThousandsMeetContextsThatAreLonger() {
    let own = shapes.filter { $0.options.slidingWindow == 4096 && $0.contexts[0] == 16_385 }
    #expect(Set(own.map(\.format)).isSuperset(of: KVFormat.named))
    let quick = attentionShapes(CheckPlan(seed: 7, extent: .quick))
    #expect(quick.contains { $0.options.slidingWindow == 2048 && $0.contexts[0] == 4096 })
  }

  @Test func theLongestContextMeetsEveryNamedFormat() {
    let longest = shapes.filter { $0.contexts.contains(131_072) }
    #expect(Set(longest.map(\.format)).isSuperset(of: KVFormat.named))
    #expect(longest.contains { $0.format == .int4Rotated && $0.heads.headDim == 128 })
  }

  @Test func denseLayersReachAPromptsTokens() {
    func tokens(_ plan: CheckPlan) -> Set<Int> {
      Set(
        plan.cases.compactMap { each in
          if case .linear(let shape) = each.operand { shape.tokens } else { nil }
        })
    }
    #expect(tokens(plan).isSuperset(of: [1, 100, 256, 512]))
    #expect(tokens(CheckPlan(seed: 7, extent: .quick)).contains(256))
  }

  /// Values of a case by the name of their size, as text.
  private func values(_ shape: AttentionShape) -> [String] {
    [
      shape.format.name, "dim \(shape.heads.headDim)", "group \(shape.heads.groupSize)",
      "block \(shape.blockSize)", "kv \(shape.heads.kvHeads)", "contexts \(shape.contexts)",
      "cap \(shape.options.softCap ?? 0)", "window \(shape.options.slidingWindow ?? 0)",
      "outliers \(shape.hasOutliers)",
    ]
  }

  @Test(arguments: [0, 1, 99])
  func anyTwoValuesOfDifferentSizesMeet(seed: UInt64) {
    var met: Set<[String]> = []
    for shape in attentionShapes(CheckPlan(seed: seed)) {
      let row = values(shape)
      for (i, a) in row.enumerated() {
        for b in row[(i + 1)...] { met.insert([a, b]) }
      }
    }
    let sizes: [[String]] = [
      CheckPlan.formats.map(\.name), CheckPlan.headDims.map { "dim \($0)" },
      CheckPlan.groupSizes.map { "group \($0)" }, CheckPlan.blockSizes.map { "block \($0)" },
      CheckPlan.kvHeads.map { "kv \($0)" }, CheckPlan.batches.map { "contexts \($0)" },
      CheckPlan.softCaps.map { "cap \($0 ?? 0)" }, CheckPlan.windows.map { "window \($0 ?? 0)" },
      CheckPlan.outliers.map { "outliers \($0)" },
    ]
    for (i, size) in sizes.enumerated() {
      for other in sizes[(i + 1)...] {
        for (x, a) in size.enumerated() {
          for (y, b) in other.enumerated() where !(i == 0 && other == sizes[1] && !fits(x, y)) {
            #expect(met.contains([a, b]), "\(a) never meets \(b)")
          }
        }
      }
    }
  }

  private func fits(_ format: Int, _ headDim: Int) -> Bool {
    CheckPlan.fits(CheckPlan.formats[format], headDim: CheckPlan.headDims[headDim])
  }

  @Test func contextsReachFromOneTokenTo131072() {
    let contexts = shapes.flatMap(\.contexts)
    #expect(contexts.min() == 1 && contexts.max() == 131_072)
    for context in [4096, 16_384] { #expect(contexts.contains(context)) }
    for shape in shapes { #expect(shape.chunk <= shape.contexts[0], "\(shape)") }
  }
}
