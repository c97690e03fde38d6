import CostModel
import Testing

@testable import Report

@Suite("Headings of links")
struct LinkHeadingTests {
  private let stated = Link(bytesPerSecond: 450_000_000_000, latencyNs: 2500)

  private func measured(_ exchanges: [Link.Exchange]) throws -> Link {
    try #require(
      Link(
        Link.Measurements(
          device: "GPU", software: "Library 3", measuredAtUTC: "2026-11-29T00:00:00Z",
          points: exchanges.map {
            Link.Point(
              exchange: $0, algorithm: "a", devices: 2, bytes: 2_000_000, timesNs: [20_000])
          })))
  }

  @Test("One device has no link to speak of")
  func alone() {
    #expect(Parallelism.none.linkHeading.isEmpty && Parallelism.none.devicesHeading.isEmpty)
    #expect(Parallelism(tensorParallelSize: 1, link: stated).linkHeading.isEmpty)
  }

  @Test("What is stated says so; what is measured says where and when")
  func grounds() throws {
    let two = Parallelism(tensorParallelSize: 2, pipelineParallelSize: 3, link: stated)
    #expect(two.devicesHeading == "6 x ")
    #expect(two.linkHeading == "link: 450 GB/s and 2.50 µs, as stated\n")
    let whole = Parallelism(
      tensorParallelSize: 2, pipelineParallelSize: 2, link: try measured(Link.Exchange.allCases))
    let heading = "link: measured 2026-11-29T00:00:00Z, GPU, Library 3\n"
    #expect(whole.linkHeading == heading)
  }

  @Test("What a measured link lacks is named as derived, and nothing else")
  func lacking() throws {
    let link = try measured([.allReduce])
    func derived(_ devices: Int, _ stages: Int) -> String? {
      let lines = Parallelism(
        tensorParallelSize: devices, pipelineParallelSize: stages, link: link
      ).linkHeading.split(separator: "\n")
      return lines.count == 2 ? String(lines[1]) : nil
    }
    let rates = "derived from its 100 GB/s and 20.0 µs: "
    #expect(derived(2, 1) == rates + "all-gather of 2 devices")
    #expect(derived(4, 1) == rates + "all-reduce of 4 devices, all-gather of 4 devices")
    #expect(derived(1, 2) == rates + "send of 2 devices")
  }
}
