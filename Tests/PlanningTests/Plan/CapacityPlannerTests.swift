import Operators
import Scenario
import Simulator
import Synchronization
import Testing

@testable import Planning

@Suite("Capacity plans")
struct CapacityPlannerTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
  }

  /// A plan whose readings need no more requests than a mean does.
  private func planner(
    _ plan: String = "objectives: tpot.mean <= 20 ms", memory: String = "2 MiB",
    threads: Int = 2, formats: String = "fp16, int4", more: String = ""
  ) throws -> CapacityPlanner {
    try small.write(
      "plan.yaml",
      small.text(
        memory: memory, prompt: "40", output: "{uniform: {min: 20, max: 60}}",
        more: "kv_cache: {format: [\(formats)]}\nplan: {\(plan)}\n\(more)"))
    let template = try ScenarioTemplate(path: small.path("plan.yaml"))
    var options = PlannerOptions()
    options.threads = threads
    options.leastRequests = 200
    return try CapacityPlanner(
      template, question: try #require(try template.scenario().plan), options: options)
  }

  private func plan(
    _ plan: String = "objectives: tpot.mean <= 20 ms", memory: String = "2 MiB", threads: Int = 2,
    formats: String = "fp16, int4"
  ) throws -> CapacityPlan {
    try planner(plan, memory: memory, threads: threads, formats: formats).run { _ in }
  }

  @Test("The number of threads changes no figure")
  func threads() throws {
    let plans = try [1, 3].map { try plan(threads: $0) }
    for (one, other) in zip(plans[0].options, plans[1].options) {
      #expect(one.format == other.format)
      #expect(one.held?.load == other.held?.load && one.held?.figures == other.held?.figures)
      #expect(one.held?.limit == other.held?.limit && one.held?.course == other.held?.course)
    }
    #expect(plans[0].levers == plans[1].levers && plans[0].rotation == plans[1].rotation)
    #expect(plans[0].options.count == 2 && plans[0].levers.count == 6)
  }

  @Test("Progress is told before each run, with its load, within a search and behind the last")
  func progress() throws {
    let told = Mutex<[CapacityPlanner.Progress]>([])
    _ = try planner(formats: "fp16").run { progress in told.withLock { $0.append(progress) } }
    let all = told.withLock { $0 }
    let last = try #require(all.last)
    #expect(last.options == 1 && last.settled == 1 && last.searches >= 3)
    #expect(all.map(\.runs) == all.map(\.runs).sorted() && last.runs > 10 * last.searches / 3)
    for searches in [0, last.searches] {
      let loads = Set(all.filter { $0.searches == searches }.map(\.load))
      #expect(loads.count > 3, "\(searches): \(loads)")
    }
  }

  @Test("At the load to plan with, the objectives are met, and so they are at every lighter one")
  func course() throws {
    for option in try plan().options {
      let held = try #require(option.held)
      #expect(held.readings.allSatisfy { $0.isMet })
      #expect(held.planned <= held.load.mean && held.planned.rounded() == held.planned)
      let course = held.course
      #expect(course.map(\.load) == course.map(\.load).sorted())
      #expect(course.last?.load == held.planned)
      // More clients: more tokens of the device, fewer for each.
      for (light, heavy) in zip(course, course.dropFirst()) where light.load < heavy.load {
        #expect(light.tokensPerSecondOfDevice < heavy.tokensPerSecondOfDevice)
        #expect(light.tokensPerSecondOfUser > heavy.tokensPerSecondOfUser)
      }
    }
  }

  @Test("A fleet is as many cells as share the load, and those that may fail")
  func fleet() throws {
    let plan = try plan("objectives: tpot.mean <= 20 ms, concurrency: 100, reserve: 2")
    let best = try #require(plan.best)
    let held = try #require(best.held)
    let fleet = try #require(plan.fleet(of: best))
    #expect(Double(fleet.needed) * held.planned >= 100)
    #expect(Double(fleet.needed - 1) * held.planned < 100)
    #expect(fleet.cells == fleet.needed + 2 && fleet.devices == fleet.cells)
    #expect(fleet.pricePerHour == nil && plan.criterion == .devices)
    let more = try #require(plan.fleet(of: best, growth: 1.5))
    #expect(Double(more.needed) * held.planned >= 150)
    // As a whole they hold it, too.
    let check = try #require(plan.fleetCheck)
    #expect(check.replicas == fleet.needed && check.load == 100 && check.holds)
    #expect(check.enough == check.replicas)
  }

  @Test("What varies is chosen from, the cheapest first, and what cannot be run says why")
  func options() throws {
    let plan = try plan(
      """
      objectives: tpot.mean <= 20 ms, concurrency: 90, vary: {kv_cache.format: [fp16, int4],
      engine.max_num_seqs: [2, 64], device: [{profile: profile.json, price_per_hour: 2}],
      engine.kv_cache_memory_bytes: [2 MiB, 1 TiB]}
      """)
    #expect(plan.options.count == 8 && plan.criterion == .pricePerHour)
    let held = plan.options.filter { $0.held != nil }
    #expect(held.count == 4)
    for option in held {
      let fleet = try #require(plan.fleet(of: option))
      #expect(fleet.pricePerHour == 2 * Double(fleet.devices))
      let tokens = try #require(option.held).figures.outputTokensPerSecond
      let price = try #require(plan.pricePerMillionOutputTokens(of: option))
      // With the whole fleet under the target, each token costs a little more.
      #expect(price >= 2e6 / (tokens * 3600) * 0.999)
    }
    let prices = held.compactMap { plan.fleet(of: $0)?.pricePerHour }
    #expect(prices == prices.sorted())
    for option in plan.options.dropFirst(4) {
      guard case .impossible(let reason) = option.outcome else {
        Issue.record("1 TiB fits")
        continue
      }
      #expect(reason.contains("does not fit"))
    }
  }

  @Test("Values that do not go together make an option impossible; one that never does is refused")
  func badSetting() throws {
    // A step of 32 tokens has no room for 64 sequences.
    let vary = "{engine.max_num_seqs: [16, 64], engine.max_num_batched_tokens: [32, 4096]}"
    let plan = try plan("objectives: tpot.mean <= 20 ms, vary: \(vary)")
    let impossible = plan.options.filter { $0.cell == nil }
    #expect(plan.options.count == 8 && impossible.count == 2)
    for option in impossible {
      #expect(option.settings.map(\.value) == ["64", "32"])
      guard case .impossible(let reason) = option.outcome else {
        Issue.record("it was run")
        continue
      }
      #expect(reason.contains("max_num_batched_tokens"))
    }
    #expect {
      try self.plan("objectives: tpot.mean <= 20 ms, vary: {engine.max_num_seqs: [64, 0]}")
    } throws: { error in
      "\(error)".hasPrefix("`engine.max_num_seqs=0`: engine.max_num_seqs: `0` is out of range")
    }
  }

  @Test("Where nothing meets the objectives, no option is best, and each says what is missed")
  func unmet() throws {
    let plan = try plan("objectives: [tpot.mean <= 20 ms, ttft.mean <= 1 ns]")
    #expect(plan.best == nil && plan.levers.isEmpty && plan.fleetCheck == nil)
    for option in plan.options {
      guard case .unmet(let unmet) = option.outcome else {
        Issue.record("a nanosecond is enough")
        continue
      }
      #expect(unmet.load == 1)
      #expect(unmet.readings.map(\.isMet) == [true, false])
    }
  }

  @Test("Where a later seed alone misses the objective at the lightest load, that is what is told")
  func unmetLater() throws {
    let scenario = try small.load(
      prompt: "40", output: "{uniform: {min: 20, max: 60}}", more: "kv_cache: {format: fp16}")
    let trials = LoadTrials(
      plan: try ComparisonPlan(scenario), format: 0,
      objectives: try ServiceObjective.parse("e2e.mean <= 1 h"), leastRequests: 200)
    let means = (0..<20).map { trials.trial(at: 1, seed: $0).readings[0].value ?? 0 }
    // A client alone is slower with the second seed, and the limit lies between.
    let first = try #require(means.indices.dropLast().first { means[$0] * 1.001 < means[$0 + 1] })
    let limit = Int((means[first] + means[first + 1]) / 2)
    let plan = try planner(
      "objectives: [ttft.mean <= 1 h, e2e.mean <= \(limit) ns]", formats: "fp16",
      more: "seed: \(first)"
    ).run { _ in }
    guard case .unmet(let unmet) = plan.options[0].outcome else {
      Issue.record("the second seed misses it")
      return
    }
    #expect(unmet.seed == UInt64(first + 1) && unmet.load == 1)
    #expect(unmet.readings.map(\.isMet) == [true, false])
    #expect(unmet.readings[1].value == means[first + 1])
    #expect(unmet.others?.values.first == 1)
  }

  @Test("Of requests that are rejected it is told how many were, and why")
  func rejections() throws {
    // A pool of 400 tokens in FP16, and of more in four bits; some prompts have 600.
    try small.write(
      "long.yaml",
      small.text(
        memory: "400 KiB", prompt: "{uniform: {min: 10, max: 600}}", output: "4",
        more: "kv_cache: {format: fp16}\nplan: {objectives: ttft.mean <= 1 h}"))
    let template = try ScenarioTemplate(path: small.path("long.yaml"))
    var options = PlannerOptions()
    options.leastRequests = 200
    let plan = try CapacityPlanner(
      template, question: try #require(try template.scenario().plan), options: options
    ).run { _ in }
    let figures = try #require(plan.options[0].figures)
    #expect(plan.best == nil && figures.rejected > 0 && figures.rejected < figures.requests)
    #expect(figures.rejections == [.pool: figures.rejected])
  }

  @Test("More memory never holds less, and where it binds it holds more")
  func memory() throws {
    // So little that requests wait for blocks.
    let plan = try plan("objectives: e2e.mean <= 1300 ms", memory: "400 KiB")
    let place = try #require(plan.options.firstIndex { $0.format == "fp16" })
    let gains = plan.levers.filter { $0.option == place }
    #expect(gains.count == 3)
    let memory = try #require(gains.first { $0.supposition == .memory(1.1) })
    #expect(memory.gain > 1.02 && plan.binding(of: place) == .memory, "\(gains)")
    let limit = try #require(plan.options[place].held?.limit)
    #expect(limit.sides.map(\.role) == [.whole] && limit.slowSide.poolShare > 0.9)
    #expect(plan.side(of: place) == nil)
  }

  @Test(
    "Of prompts and decodes apart, the side that ends the load is told",
    arguments: [
      ("ttft.mean <= 100 ms", ", engine: {kv_cache_memory_bytes: 16 MiB}", ReplicaRole.prefill),
      // Where decodes have no room, prompts stay where they were computed: both pools are full.
      ("ttft.mean <= 100 ms", "", .decode), ("tpot.mean <= 20 ms", "", .decode),
      ("e2e.mean <= 1300 ms", ", engine: {max_num_seqs: 2}", .decode),
      ("e2e.mean <= 1300 ms", ", engine: {kv_cache_memory_bytes: 144 KiB}", .decode),
    ])
  func sides(_ objective: String, _ decodes: String, _ side: ReplicaRole) throws {
    let plan = try planner(
      "objectives: \(objective)", formats: "fp16",
      more: """
        cluster:
          kv_transfer: {bandwidth: 10 GB/s, latency: 20 us}
          groups: [{name: a, role: prefill}, {name: b, role: decode\(decodes)}]
        """
    ).run { _ in }
    let limit = try #require(plan.best?.held?.limit)
    #expect(limit.sides.map(\.role) == [.prefill, .decode] && limit.breach != .none)
    #expect(plan.side(of: 0) == side, "\(plan.binding(of: 0)) \(limit)")
  }

  @Test("To suppose nothing changes nothing; slower kernels of a format slow it, and no other")
  func suppositions() throws {
    let scenario = try small.load(prompt: "40", output: "40")
    func load(_ format: KVFormat, _ supposition: Supposition) throws -> Double {
      let trials = LoadTrials(
        plan: try ComparisonPlan(scenario, formats: [format], supposing: supposition), format: 0,
        objectives: try ServiceObjective.parse("tpot.mean <= 20 ms"), leastRequests: 200)
      let trial = trials.trial(at: 32, seed: 1)
      return trial.figures.tpot.meanNs
    }
    let plain = try load(.int4, .none)
    for nothing in [Supposition.memory(1), .bandwidth(1), .arithmetic(1), .kernels(.int4, 1)] {
      #expect(try load(.int4, nothing) == plain)
    }
    #expect(try load(.int4, .kernels(.fp16, 2)) == plain)
    #expect(try load(.int4, .kernels(.int4, 2)) > plain)
    #expect(try load(.int4, .bandwidth(2)) < plain)
    #expect(try load(.int4, .arithmetic(2)) < plain)
  }

  @Test("Options that cost the same within their intervals stand in the order of their precision")
  func precision() throws {
    let plan = try plan(formats: "int4, int4-rotated")
    #expect(plan.rotation.count == 3 && plan.rotation.allSatisfy { $0.ofFP16 == nil })
    let loads = plan.options.compactMap(\.held?.load)
    let formats = plan.options.map(\.format)
    let (plain, rotated) = (
      try #require(formats.firstIndex(of: "int4")),
      try #require(formats.firstIndex(of: "int4-rotated"))
    )
    // The made-up kernels take about as long in both.
    #expect(
      loads[plain].lower <= loads[rotated].upper && loads[rotated].lower <= loads[plain].upper)
    #expect(rotated < plain)
  }

  @Test(
    "A question that makes no sense is refused, and says what would",
    arguments: [
      ("reserve: 1", "no objective is stated"),
      ("objectives: tpot.mean <= 1 s, vary: {engine.max_num_seqs: 1..9:x}", "needs a step"),
      ("objectives: tpot.mean <= 1 s, vary: {engine.max_num_seqs: 1..2000}", "more than 1000 ways"),
      ("objectives: tpot.mean <= 1 s, vary: {seed: 1..3}", "`seed` is not chosen from"),
    ])
  func questions(_ plan: String, _ says: String) throws {
    #expect {
      _ = try planner(plan)
    } throws: { "\($0)".contains(says) }
  }

  @Test("Failures and autoscaling are not planned with")
  func cluster() throws {
    #expect {
      _ = try planner(
        more: "cluster: {replicas: 2, failures: [{replica: 0, at: 1 s, recovers_after: 1 s}]}")
    } throws: { "\($0)".contains("`failures` and `autoscaling` are not planned with") }
  }

  @Test("An objective of what no request has is not taken to be met")
  func nothingMeasured() throws {
    try small.write(
      "one.yaml",
      small.text(prompt: "40", output: "1", more: "plan: {objectives: tpot.mean <= 1 s}"))
    let template = try ScenarioTemplate(path: small.path("one.yaml"))
    var options = PlannerOptions()
    options.leastRequests = 200
    let plan = try CapacityPlanner(
      template, question: try #require(try template.scenario().plan), options: options
    ).run { _ in }
    #expect(plan.best == nil && !plan.options.isEmpty)
    for option in plan.options {
      guard case .impossible(let reason) = option.outcome else {
        Issue.record("nothing is enough")
        continue
      }
      #expect(reason.contains("nothing was measured of `tpot.mean <= 1 s`"))
    }
  }

  @Test("A load to plan with is there however much seeds differ")
  func apart() {
    // The interval of two seeds reaches below nothing.
    let estimate = Estimate([1, 9])
    #expect(estimate.lower == 0 && estimate.upper > 9)
    #expect(Estimate([2, 2, 2], slack: 0.1).halfWidth == 0.1)
  }

  @Test("Where a router scatters sessions, larger fleets are tried, and what holds is told")
  func scattered() throws {
    let text = small.text(
      prompt: "40", output: "20",
      more: "  sessions: {turns: 10}\nkv_cache: {format: fp16}\n"
        + "plan: {objectives: ttft.mean <= 150 ms, rate: 10/s}"
    ).replacing("{process: closed-loop, concurrency: 64}", with: "{process: poisson, rate: 1/s}")
    try small.write("sessions.yaml", text)
    let template = try ScenarioTemplate(path: small.path("sessions.yaml"))
    var options = PlannerOptions()
    options.leastRequests = 300
    let question = try #require(try template.scenario().plan)
    var checks: [FleetCheck] = []
    var (fleets, larger): ([Int], [Int]) = ([], [])
    for router in ["round-robin", "prefix-aware"] {
      var asked = question
      asked.variations = [Variation(path: "cluster.router", values: .text(router))]
      let plan = try CapacityPlanner(template, question: asked, options: options).run { _ in }
      let check = try #require(plan.fleetCheck)
      #expect(check.holds == (check.enough == check.replicas))
      #expect(check.enough.map { $0 >= check.replicas } ?? true)
      checks.append(check)
      let best = try #require(plan.best)
      fleets.append(try #require(plan.fleet(of: best)).needed)
      larger.append(try #require(plan.fleet(of: best, growth: 1.5)).needed)
    }
    // What the best option's fleet is said to be is what was found to hold, and what grows does so.
    #expect(fleets[0] == checks[0].enough ?? checks[0].replicas)
    #expect(Double(larger[0]) >= 1.5 * Double(fleets[0] - 1))
    // One replica by itself scatters nothing, so the same number is planned.
    #expect(checks[0].replicas == checks[1].replicas && checks[0].replicas > 1)
    let scattered = try #require(checks[0].readings[0].value)
    let kept = try #require(checks[1].readings[0].value)
    #expect(scattered > 1.2 * kept, "\(scattered) \(kept)")
  }

  @Test("A choice that brings failures or autoscaling along is impossible, and no other")
  func changingCluster() throws {
    let plan = try plan(
      """
      objectives: tpot.mean <= 20 ms, vary: {cluster: [{replicas: 1},
      {replicas: 2, failures: [{replica: 0, at: 1 s, recovers_after: 1 s}]}]}
      """, formats: "int4")
    #expect(plan.options.map { $0.held != nil } == [true, false])
    guard case .impossible(let reason)? = plan.options.last?.outcome else { return }
    #expect(reason.contains("`reserve` says how many may fail"))
  }

  @Test("The Pareto front holds what no other point betters in both respects")
  func front() throws {
    let plan = try plan()
    let all = plan.options.flatMap { $0.held?.course ?? [] }
    let front = plan.front.map(\.point)
    #expect(!front.isEmpty)
    for point in all {
      let isBettered = all.contains {
        $0.tokensPerSecondOfDevice >= point.tokensPerSecondOfDevice
          && $0.tokensPerSecondOfUser >= point.tokensPerSecondOfUser && $0 != point
          && ($0.tokensPerSecondOfDevice, $0.tokensPerSecondOfUser)
            != (point.tokensPerSecondOfDevice, point.tokensPerSecondOfUser)
      }
      #expect(isBettered || front.contains(point))
      #expect(!isBettered || !front.contains(point))
    }
    let speeds = front.map(\.tokensPerSecondOfUser)
    #expect(speeds == speeds.sorted())
  }
}
