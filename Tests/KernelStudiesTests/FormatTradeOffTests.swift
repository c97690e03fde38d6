import KernelStudies
import Kernels
import Operators
import Testing

@Suite("What formats cost in time beside what they keep")
struct FormatTradeOffTests {
  private static let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)

  private func study() throws -> AccuracyResult {
    let sample = OutlierGenerator(
      tokens: 48, heads: FormatTradeOffTests.heads, queryTokens: 4, seed: 1
    ).sample()
    return try AccuracyStudy(sample, backend: CPUBackend(threads: 1)).run()
  }

  private func plan(_ kind: BenchPlan.DeviceKind, _ accuracy: AccuracyResult) -> BenchPlan {
    var plan = BenchPlan.times(
      of: accuracy.formats.map(\.format), heads: accuracy.heads, on: kind)
    plan.repeats = 3
    return plan
  }

  @Test("Each kind of device has one shape of decode, prefill and append, in all formats by turns")
  func shapes() throws {
    let accuracy = try study()
    for kind in [BenchPlan.DeviceKind.cpu, .gpu, .softwareGPU] {
      let plan = plan(kind, accuracy)
      #expect(plan.objection == nil && plan.oneThreadGroups.isEmpty)
      #expect(plan.groups.map(\.kind) == [.decode, .prefill, .append])
      for group in plan.groups {
        #expect(group.cases.map(\.format) == accuracy.formats.map(\.format))
      }
    }
  }

  @Test("A rotation that takes 2 µs a call costs 2 µs over plain INT4's time of each kernel")
  func costs() throws {
    let accuracy = try study()
    let (result, _) = try scriptedResult(plan(.cpu, accuracy)) { $0.rotationNs = 2_000 }
    let tradeOff = FormatTradeOff(accuracy, result)
    #expect(tradeOff.rows.map(\.accuracy.format) == accuracy.formats.map(\.format))
    let plain = try #require(tradeOff.rows.first { $0.accuracy.format == .int4 })
    for row in tradeOff.rows where row.accuracy.format.rotation != nil {
      for path in [\FormatTradeOff.Row.decode, \.prefill, \.append] {
        let (base, cost) = (try #require(plain[keyPath: path]), try #require(row[keyPath: path]))
        #expect(base.overINT4.median == 1 && cost.time_ns.median == base.time_ns.median + 2_000)
        let ratio = 1 + 2_000 / base.time_ns.median
        #expect(abs(cost.overINT4.median - ratio) < 1e-12)
      }
      // The scripted device takes 10 ns for a row, and 5 for turning keys or values.
      let cached = try #require(row.cachedAppend)
      let turned = row.accuracy.format.rotation!.includesValues ? 20.0 : 15
      #expect(cached.time_ns.median == turned && cached.overINT4.median == turned / 10)
    }
  }

  @Test("The verdict is on the rotation with the least error of the output, with its spread")
  func verdict() throws {
    let accuracy = try study()
    let (result, _) = try scriptedResult(plan(.cpu, accuracy)) { $0.rotationNs = 20_000 }
    let tradeOff = FormatTradeOff(accuracy, result)
    let best = try #require(tradeOff.best)
    let rotated = accuracy.formats.filter { $0.format.rotation != nil }
    #expect(best.accuracy.outputError == rotated.compactMap(\.outputError).min())
    let append = try #require(best.append)
    let percent = ((append.overINT4.median - 1) * 1000).rounded() / 10
    #expect(percent > 1)
    let verdict = try #require(tradeOff.verdict)
    #expect(verdict.hasPrefix("Over plain int4 \(best.accuracy.format.name), "))
    #expect(verdict.hasSuffix("append +\(percent) % (+\(percent) to +\(percent) %)."))
  }

  @Test("What the device does not take has no cost and no word in the verdict")
  func leftOut() throws {
    let accuracy = try study()
    var plan = plan(.cpu, accuracy)
    plan.kinds = [.append]
    let (result, _) = try scriptedResult(plan)
    let tradeOff = FormatTradeOff(accuracy, result)
    #expect(tradeOff.rows.allSatisfy { $0.decode == nil && $0.append != nil })
    #expect(tradeOff.verdict?.contains("decode") == false)
    plan.kinds = []
    let (nothing, _) = try scriptedResult(plan)
    #expect(FormatTradeOff(accuracy, nothing).verdict == nil)
  }
}
