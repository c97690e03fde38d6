import Foundation
import Simulator
import Testing

@testable import Scenario

@Suite("What a scenario asks of a plan")
struct PlanReaderTests {
  private func question(
    _ plan: String, arguments: PlanArguments = PlanArguments()
  ) throws -> PlanQuestion {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", Fixture.scenario + "\nplan: " + plan)
    let template = try ScenarioTemplate(path: fixture.folder + "scenario.yaml")
    return try #require(try template.scenario(arguments.settings).plan)
  }

  private func errors(_ plan: String) throws -> [String] {
    try Fixture.errors("scenario.yaml", Fixture.scenario + "\nplan: " + plan)
  }

  @Test("Every key is read")
  func everyKey() throws {
    let read = try question(
      """
      {objectives: [ttft.p99 <= 1 s, mlperf-llama-3.1-8b-server], rate: 40/s, reserve: 2,
       devices: [{name: nvidia-h200, price_per_hour: 3.5}, {name: nvidia-l4}],
       vary: {engine.max_num_seqs: [8, 16], seed: 1..3}}
      """)
    #expect(
      read.objectives.map(\.description)
        == ["ttft.p99 <= 1 s", "ttft.p99 <= 2 s", "tpot.p99 <= 100 ms"])
    #expect(read.target == .rate(perSecond: 40) && read.reserve == 2)
    #expect(
      read.devices == [
        .init(name: "nvidia-h200", pricePerHour: 3.5), .init(name: "nvidia-l4"),
      ])
    #expect(
      read.variations == [
        Variation(path: "engine.max_num_seqs", values: .list(["8", "16"])),
        Variation(path: "seed", values: .text("1..3")),
      ])
    #expect(try question("{objectives: ttft.p50 <= 1 s}").objectives.count == 1)
    #expect(try question("{}") == .empty)
  }

  @Test("What the command line says stands in the place of what the file says")
  func arguments() throws {
    var arguments = PlanArguments()
    arguments.objectives = ["tpot.p50 <= 9 ms", "e2e.max <= 1 h"]
    arguments.rate = "7/min"
    arguments.reserve = 1
    arguments.devices = ["nvidia-h200=2.5", "a/b.json"]
    arguments.variations = ["engine.max_num_seqs=8,16", "device={profile: x},{profile: y}"]
    let read = try question(
      "{objectives: ttft.p99 <= 1 s, rate: 40/s, reserve: 2}", arguments: arguments)
    #expect(read.objectives.map(\.description) == ["tpot.p50 <= 9 ms", "e2e.max <= 3600 s"])
    #expect(read.target == .rate(perSecond: 7.0 / 60) && read.reserve == 1)
    #expect(
      read.devices == [.init(name: "nvidia-h200", pricePerHour: 2.5), .init(name: "a/b.json")])
    #expect(
      read.variations == [
        Variation(path: "engine.max_num_seqs", values: .text("8,16")),
        Variation(path: "device", values: .text("{profile: x},{profile: y}")),
      ])
  }

  @Test(
    "One mistake gives one error",
    arguments: [
      ("{objectives: fast}", "plan.objectives: `fast` is no objective"),
      ("{objectives: [ttft.p99 <= 1 s, ttft.p99 <= 1 s]}", "stands twice"),
      ("{rate: 40}", "plan.rate: `40` has no unit"),
      ("{concurrency: 5}", "clients are asked for, and requests come at a rate"),
      ("{rate: 1/s, concurrency: 5}", "does not go with `rate`"),
      ("{objectives: vip.ttft.p99 <= 1 s}", "the workload has not got; it has no `classes`"),
      ("{objectives: goodput >= 99 %}", "give `workload` some"),
      ("{reserve: -1}", "plan.reserve: `-1` is out of range"),
      ("{devices: [{name: a}, {name: a}]}", "plan.devices[1].name: `a` stands twice"),
      ("{devices: []}", "plan.devices"), ("{devices: [{price_per_hour: 1}]}", "name: missing"),
      ("{vary: {engine.max_seqs: [1]}}", "no scenario has a key"),
      ("{vary: {}}", "plan.vary"), ("{objectiv: x}", "did you mean `objectives`?"),
    ])
  func mistakes(_ plan: String, _ says: String) throws {
    let errors = try errors(plan)
    #expect(errors.count == 1 && errors[0].contains(says), "\(errors)")
  }

  @Test(
    "Another device takes the place of the scenario's, its link stays, and its price is its own")
  func devices() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write(
      "scenario.yaml",
      Fixture.scenario.replacing(
        "profile: profile.json",
        with: "profile: profile.json\n  link: {bandwidth: 1 GB/s, latency: 1 us}"))
    let template = try ScenarioTemplate(path: fixture.folder + "scenario.yaml")
    for folder in ["data-sheets", "devices"] {
      try FileManager.default.createDirectory(
        atPath: fixture.folder + folder, withIntermediateDirectories: false)
    }
    try fixture.write("data-sheets/nvidia-l4.json", "{}")
    try fixture.write("devices/nvidia-h100.json", "{}")
    let sheet = try template.setting(of: .init(name: "nvidia-l4", pricePerHour: 0.7))
    #expect(
      sheet.value == "{derive: {from: profile.json, device: \"nvidia-l4\"}, "
        + "link: {bandwidth: 1 GB/s, latency: 1 us}, price_per_hour: 0.7}")
    let profile = try template.setting(of: .init(name: "profile.json", pricePerHour: 0.7))
    let scenario = try template.scenario([profile])
    #expect(scenario.setup.pricePerHour == 0.7)
    #expect(try template.scenario().setup.pricePerHour == nil)
    let path = "\"\(fixture.folder)p.json\""
    try fixture.write("quoted.yaml", Fixture.scenario.replacing("profile.json", with: path))
    let quoted = try ScenarioTemplate(path: fixture.folder + "quoted.yaml")
    #expect(try quoted.setting(of: .init(name: "nvidia-l4")).value.contains("/p.json\", device: "))
    #expect {
      try template.setting(of: .init(name: "nvidia-l40"))
    } throws: {
      "\($0)".contains("did you mean `nvidia-l4`? accepted: nvidia-h100, nvidia-l4, a path")
    }
  }
}
