import Simulator
import Testing

@testable import Scenario

@Suite("Swapping in scenarios")
struct SwapReaderTests {
  private func load(_ lines: String) throws -> SwapSpace? {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let text = Fixture.scenario.replacingOccurrences(of: "2 GiB\n", with: "2 GiB\n\(lines)")
    try fixture.write("scenario.yaml", text)
    return try fixture.load().engine.swapSpace
  }

  @Test("Preempted requests are computed again unless swapping is asked for")
  func recompute() throws {
    #expect(try load("") == nil)
    #expect(try load("  preemption_mode: recompute\n") == nil)
  }

  @Test("Swapping has vLLM's 4 GiB unless told otherwise, and the host link's bandwidth")
  func swap() throws {
    let short = try load("  preemption_mode: swap\n  host_link: {bandwidth: 50 GB/s}\n")
    #expect(
      short
        == SwapSpace(bytes: 4 << 30, link: CopyLink(bytesPerSecond: 50_000_000_000, latencyNs: 0)))
    let long = try load(
      """
        preemption_mode: swap
        swap_space: 1.5 GiB
        host_link: {latency: 10 us, bandwidth: 2 GiB/s}

      """)
    #expect(
      long == SwapSpace(bytes: 3 << 29, link: CopyLink(bytesPerSecond: 2 << 30, latencyNs: 10_000)))
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: Fixture.scenario))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  private static func input(
    _ name: String, _ lines: String, _ place: String, _ mentions: String...
  ) -> BadInput {
    BadInput(name, "2 GiB\n", "2 GiB\n\(lines)", place, mentions)
  }

  static let mistakes: [BadInput] = [
    input("unknown mode", "  preemption_mode: swop\n", "15:20", "mean `swap`?"),
    input("no link", "  preemption_mode: swap\n", "11:3", "host_link: missing", "50 GB/s"),
    input(
      "no bandwidth", "  preemption_mode: swap\n  host_link: {latency: 1 us}\n", "16:14",
      "bandwidth: missing"),
    input(
      "link's key", "  preemption_mode: swap\n  host_link: {bandwidth: 1 GB/s, speed: 2}\n",
      "16:34", "unknown key"),
    input("space alone", "  swap_space: 4 GiB\n", "15:3", "goes with `preemption_mode: swap`"),
    input(
      "link without swapping", "  preemption_mode: recompute\n  host_link: {bandwidth: 1 GB/s}\n",
      "16:3", "goes with `preemption_mode: swap`"),
    input(
      "space without unit",
      "  preemption_mode: swap\n  swap_space: 4\n  host_link: {bandwidth: 1 GB/s}\n", "16:15",
      "has no unit"),
    input(
      "SGLang",
      "  scheduler: sglang\n  preemption_mode: swap\n  host_link: {bandwidth: 1 GB/s}\n", "16:20",
      "does not go with scheduler `sglang`"),
  ]
}
