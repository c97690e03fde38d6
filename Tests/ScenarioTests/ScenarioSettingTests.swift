import Testing

@testable import Scenario

@Suite("Settings in the place of a file's values")
struct ScenarioSettingTests {
  private func scenario(
    _ text: String, _ settings: [(String, String)] = []
  ) throws -> ServingScenario {
    let fixture = try ClassesTests.fixture(text)
    defer { fixture.remove() }
    return try ScenarioTemplate(path: fixture.folder + "scenario.yaml")
      .scenario(settings.map { ScenarioSetting(path: $0, value: $1) })
  }

  private func errors(_ settings: [(String, String)]) throws -> [Diagnostic] {
    let error = #expect(throws: ScenarioError.self) {
      try scenario(ClassesTests.shared, settings)
    }
    return error?.diagnostics ?? []
  }

  @Test(
    "A scenario with a setting is the one whose file says so",
    arguments: [
      ("output_tokens: 30", "output_tokens: 40", "workload.output_tokens", "40"),
      ("rate: 2.5/s", "rate: 4/s", "workload.arrivals.rate", "4/s"),
      (
        "prompt_tokens: 400", "prompt_tokens: {uniform: {min: 1, max: 9}}",
        "workload.classes[1].prompt_tokens", "{uniform: {min: 1, max: 9}}"
      ),
      ("share: 3", "share: 5", "workload.classes[0].share", "5"),
      (
        "objectives: {ttft: 2 s}", "objectives: {ttft: 2 s, tpot: 9 ms}",
        "workload.objectives.tpot", "9 ms"
      ),
      ("seed: ", "seed: 17 # ", "seed", "17"),
    ])
  func equivalence(_ old: String, _ new: String, _ path: String, _ value: String) throws {
    #expect(ClassesTests.shared.contains(old), "\(old)")
    let edited = try scenario(ClassesTests.shared.replacingOccurrences(of: old, with: new))
    let set = try scenario(ClassesTests.shared, [(path, value)])
    #expect(set.workload == edited.workload && set.seed == edited.seed)
    #expect(set.engine == edited.engine && set.text == ClassesTests.shared)
  }

  @Test("Mappings that are not there are made, and of several settings of a key the last holds")
  func newKeys() throws {
    let set = try scenario(
      ClassesTests.shared, [("cluster.replicas", "3"), ("seed", "5"), ("seed", "6")])
    #expect(set.cluster.groups[0].replicas == 3 && set.seed == 6)
  }

  @Test("What is refused of a value is refused at the key that it is set to")
  func refusals() throws {
    for (path, value, mention) in [
      ("workload.output_tokens", "0", "out of range"), ("engine.no_such_key", "1", "unknown key"),
      ("workload.classes[2].share", "1", "there is no item 2 of 2"),
      ("workload.classes.share", "1", "a key is set, and a list stands here"),
      ("seed.more", "1", "a key is set"), ("seed[0]", "1", "a place in a list is set"),
      ("seed", "[1", "cannot be set to"), ("seed", "&a 1", "anchors"), ("..", "1", "no path"),
    ] {
      let found = try errors([(path, value)])
      #expect(found.count == 1, "\(path): \(found)")
      #expect(found.first?.message.contains(mention) == true, "\(path): \(found)")
      #expect(found.first?.keyPath.hasPrefix(path.prefix { $0 != "[" }) == true, "\(found)")
    }
  }

  @Test("Every path of the schema is one that may be set; others are not")
  func paths() {
    let keys = ScenarioSetting.paths
    #expect(keys.count > 150 && keys.contains("cluster.groups[0].autoscaling.start_up"))
    for path in keys { #expect(ScenarioSetting.fault(ofPath: path) == nil) }
    for path in ["", "a", "engine.", ".engine", "engine[0", "engine[-1]", "engine[]"] {
      #expect(ScenarioSetting.fault(ofPath: path) != nil, "\(path)")
    }
  }

  @Test("What is proposed for a path that is none may be set in this scenario")
  func proposals() throws {
    func advice(_ text: String, _ path: String) throws -> [Substring] {
      let fixture = try ClassesTests.fixture(text)
      defer { fixture.remove() }
      let template = try ScenarioTemplate(path: fixture.folder + "scenario.yaml")
      let fault = try #require(template.fault(ofPath: path), "\(path)")
      let parts = fault.split(separator: "`", omittingEmptySubsequences: false)
      // What is refused stands in front of what is proposed.
      return parts.indices.filter { $0 > 1 && $0 % 2 == 1 }.map { parts[$0] }
    }
    let plain = Fixture.scenario
    for (text, path, proposed) in [
      (ClassesTests.shared, "workload.classes.share", ["workload.classes[0].share"]),
      (ClassesTests.shared, "share", ["workload.classes[0].share"]),
      (
        ClassesTests.shared, "ttft",
        ["workload.objectives.ttft", "workload.classes[0].objectives.ttft"]
      ),
      // No class and no group is there to have them.
      (plain, "ttft", ["workload.objectives.ttft"]), (plain, "share", []),
      (plain, "max_num_seqs", ["engine.max_num_seqs"]),
      // Requests come at a rate there.
      (plain, "concurrency", []), (plain, "rate", ["workload.arrivals.rate"]),
      (plain, "workload.classes.share", []), (plain, "workload.arrivals.concurency", []),
      (plain, "kv_transfer.bandwidth", []),
      // Either the workload has arrivals, or its classes, which then have no share.
      (ClassesTests.apart, "share", []),
      (ClassesTests.apart, "burstiness", ["workload.classes[0].arrivals.burstiness"]),
      (ClassesTests.shared, "rate", ["workload.arrivals.rate"]),
      (
        plain.replacingOccurrences(of: "poisson\n    rate: 2.5/s", with: "closed-loop"),
        "concurrency", ["workload.arrivals.concurrency"]
      ),
    ] {
      #expect(try advice(text, path) == proposed.map { $0[...] }, "\(path)")
    }
  }

  @Test("A place in a list is part of the path, and what `kvsim plan` is asked is no key to set")
  func listsAndQuestions() {
    for path in ["workload.classes.share", "cluster.groups.engine.max_num_seqs", "seed.x[0]"] {
      #expect(ScenarioSetting.fault(ofPath: path)?.contains("no scenario has") == true, "\(path)")
    }
    for path in ["workload.classes", "workload.classes[3]", "kv_cache.format[1]"] {
      #expect(ScenarioSetting.fault(ofPath: path) == nil, "\(path)")
    }
    for path in ["plan", "plan.rate", "plan.devices[0].name", "plan.nothing"] {
      #expect(ScenarioSetting.fault(ofPath: path)?.contains("changes no run") == true, "\(path)")
    }
  }
}
