import Foundation
import Scenario
import Simulator
import Testing

@testable import Planning
@testable import Trace

@Suite("Sweeps")
struct SweepRunTests {
  private let small: SmallScenario

  init() throws {
    small = try SmallScenario()
    try small.write("s.yaml", small.text())
  }

  private let axes = [
    ("engine.max_num_seqs", ["4", "8", "16"]), ("workload.requests", ["20", "40"]),
    ("seed", ["1", "2"]),
  ]

  private func plan(
    _ axes: [(String, [String])]? = nil, shard: SweepShard = .whole, version: String = "test",
    file: String = "s.yaml"
  ) throws -> SweepPlan {
    try SweepPlan(
      ScenarioTemplate(path: small.path(file)),
      axes: (axes ?? self.axes).map { try SweepAxisDescription(of: $0, each: $1) }, shard: shard,
      version: version)
  }

  @discardableResult
  private func run(
    _ plan: SweepPlan, to name: String, threads: Int = 2, force: Bool = false, retry: Bool = false
  ) throws -> SweepRun.Progress {
    try SweepRun(plan).run(
      into: SweepStore(
        path: small.path(name), sweep: plan.sweep, overwrite: force, retriesFailed: retry),
      threads: threads, startedUTC: { "2026-01-01T00:00:00Z" }
    ) { _ in }
  }

  /// All that a database says, but for the numbers that its runs have.
  private func figures(_ name: String) throws -> [String] {
    let reader = try SweepReader(path: small.path(name))
    var lines = ["\(reader.sweep.shard)"]
    for point in reader.points.keys.sorted() {
      let values = reader.sweep.values(ofPoint: point)
      lines.append("\(point) \(values) \(try reader.trace.reasonOfFailure(ofPoint: point) ?? "")")
      for run in try reader.trace.runs(ofPoint: point) {
        lines.append("\(run.description.format) \(run.description.seed) \(run.end!.rowDigest)")
        lines.append("\(run.end!.lastEventNs) \(run.description.groups.map(\.poolTokens))")
        lines += try reader.trace.metrics(run: run.id).map { "\($0.name) \($0.value ?? -1)" }
      }
    }
    return lines
  }

  @Test("A point is what its scenario gives when it is run by itself, in every format")
  func points() throws {
    let plan = try plan()
    #expect(plan.sweep.points == 12 && plan.points == Array(0..<12))
    #expect(plan.settings(ofPoint: 0).map(\.value) == ["4", "20", "1"])
    #expect(plan.settings(ofPoint: 1).map(\.value) == ["4", "20", "2"])
    #expect(plan.settings(ofPoint: 11).map(\.value) == ["16", "40", "2"])
    try run(plan, to: "sweep.db")
    let reader = try SweepReader(path: small.path("sweep.db"))
    for point in [0, 5, 11] {
      let scenario = try ScenarioTemplate(path: small.path("s.yaml"))
        .scenario(plan.settings(ofPoint: point))
      let alone = try ComparisonPlan(scenario).run(
        writingTo: TraceWriter(path: small.path("\(point).db"), overwrite: false), version: "test",
        startedUTC: "2026-01-01T00:00:00Z"
      ) { _ in }
      let runs = try reader.trace.runs(ofPoint: point)
      #expect(runs.map(\.description.format) == alone.outcomes.map(\.format.name))
      #expect(runs.map { $0.end?.rowDigest } == alone.outcomes.map(\.rowDigest))
      let own = try TraceReader(path: small.path("\(point).db"))
      for (run, other) in zip(runs, try own.runs()) {
        #expect(try reader.trace.metrics(run: run.id) == (try own.metrics(run: other.id)))
        #expect(run.end?.lastEventNs == other.end?.lastEventNs)
        #expect(run.description.seed == scenario.seed)
      }
    }
  }

  @Test("The number of threads and the order of the points change no figure")
  func order() throws {
    for threads in [1, 2, 5] { try run(plan(), to: "\(threads).db", threads: threads) }
    #expect(try figures("1.db") == figures("2.db") && figures("2.db") == figures("5.db"))
  }

  @Test("Shares are disjoint and complete, and put together they are the whole")
  func shares() throws {
    try run(plan(), to: "whole.db")
    let count = 5
    for number in 1...count {
      let shard = try #require(SweepShard(number: number, of: count))
      try run(plan(shard: shard), to: "\(number).db")
    }
    let names = [3, 1, 5, 2, 4].map { small.path("\($0).db") }
    let merged = try SweepMerge.merge(names, into: small.path("merged.db"), overwrite: false)
    #expect(merged == SweepMerge.Result(points: 12, failed: 0))
    #expect(try figures("merged.db") == figures("whole.db"))
    let whole = try Data(contentsOf: URL(filePath: small.path("merged.db")))
    #expect(throws: TraceError.fileExists(path: small.path("merged.db"))) {
      try SweepMerge.merge(names, into: small.path("merged.db"), overwrite: false)
    }
    #expect(try Data(contentsOf: URL(filePath: small.path("merged.db"))) == whole)

    func refusal(_ names: [String]) -> String {
      let error = #expect(throws: TraceError.self) {
        try SweepMerge.merge(names, into: small.path("no.db"), overwrite: false)
      }
      return error?.description ?? ""
    }
    #expect(refusal(Array(names.dropLast())).contains("of 5 shares, look at 4"))
    #expect(refusal(names + [names[0]]).contains("point 2 is in"))
    // What is merged is not written over, by whatever name it goes.
    try FileManager.default.linkItem(atPath: names[0], toPath: small.path("link.db.partial"))
    let shares = try names.map { try Data(contentsOf: URL(filePath: $0)) }
    for (result, isForced) in [(names[1], true), (names[1], false), (small.path("link.db"), false)]
    {
      let share = result == names[1] ? names[1] : names[0]
      #expect(throws: TraceError.resultOverShare(path: share)) {
        try SweepMerge.merge(names, into: result, overwrite: isForced)
      }
    }
    #expect(try names.map { try Data(contentsOf: URL(filePath: $0)) } == shares)
    try run(plan([("engine.max_num_seqs", ["4", "8"])]), to: "other.db")
    // The one that is not like most is named, wherever it stands, and nothing is to be forced.
    let other = small.path("other.db")
    for mixed in [names + [other], [other] + names] {
      let refusal = refusal(mixed)
      #expect(refusal.hasPrefix("\(other) does not belong to this sweep: in contrast to "))
      #expect(refusal.contains("the grid is another, of engine.max_num_seqs instead of "))
      #expect(!refusal.contains("--force"))
    }
    #expect(!FileManager.default.fileExists(atPath: small.path("no.db")))
    #expect(!FileManager.default.fileExists(atPath: small.path("no.db.partial")))
  }

  @Test("An interrupted sweep goes on with the points that are missing, and no other")
  func resumption() throws {
    let plan = try plan()
    try run(plan, to: "whole.db")
    do {
      let store = try SweepStore(path: small.path("cut.db"), sweep: plan.sweep, overwrite: false)
      for point in [7, 0, 3] {
        try store.add(point: point, plan.run(point: point), startedUTC: "earlier")
      }
      // It ends here, without a word.
    }
    let left = try SweepReader(path: small.path("cut.db.partial"))
    #expect(Set(left.points.keys) == [0, 3, 7])
    #expect(try run(plan, to: "cut.db").added == 9)
    #expect(try figures("cut.db") == figures("whole.db"))
    let started = try SweepReader(path: small.path("cut.db")).trace.runs()
      .filter { $0.description.startedUTC == "earlier" }
    #expect(started.count == 3 * 3)
    // Once more there is nothing to do, and with force all of it.
    #expect(try run(plan, to: "cut.db").added == 0)
    #expect(try run(plan, to: "cut.db", force: true).added == 12)
  }

  @Test("A database goes on with the very sweep that it was begun with")
  func otherSweeps() throws {
    let plan = try plan()
    try run(plan, to: "a.db")
    let before = try Data(contentsOf: URL(filePath: small.path("a.db")))
    try small.write("t.yaml", small.text(more: "  time_limit: 10 h"))
    let others: [(String, SweepPlan)] = try [
      ("the grid is another", self.plan([("engine.max_num_seqs", ["4"])])),
      ("another text", self.plan(file: "t.yaml")),
      ("kvsim 0 and not test", self.plan(version: "0")),
      ("share 1 of 1, and not 2 of 3", self.plan(shard: SweepShard(number: 2, of: 3)!)),
    ]
    for (mention, other) in others {
      let error = #expect(throws: TraceError.self) { try run(other, to: "a.db") }
      #expect(error?.description.contains(mention) ?? false, "\(mention)")
    }
    // Of what kvsim did not write too, the answer is another name, or to force it.
    for name in ["no.db", "half.db.partial"] {
      try small.write(name, "not a database")
      #expect(throws: TraceError.fileExists(path: small.path(name))) {
        try run(plan, to: name.replacing(".partial", with: ""))
      }
      #expect(try String(contentsOfFile: small.path(name), encoding: .utf8) == "not a database")
    }
    #expect(try Data(contentsOf: URL(filePath: small.path("a.db"))) == before)
    #expect(!FileManager.default.fileExists(atPath: small.path("a.db.partial")))
  }

  @Test("A point that fails is kept with its reason, the rest goes on, and it can be tried again")
  func failures() throws {
    let axes = [("engine.max_num_seqs", ["0", "8"]), ("workload.requests", ["10", "-1"])]
    let progress = try run(plan(axes), to: "f.db")
    #expect(progress.done == 4 && progress.failed == 3 && progress.total == 4)
    let reader = try SweepReader(path: small.path("f.db"))
    #expect(reader.points == [0: true, 1: true, 2: false, 3: true])
    let reason = try #require(try reader.trace.reasonOfFailure(ofPoint: 0))
    #expect(reason.hasPrefix("engine.max_num_seqs: `0` is out of range"))
    #expect(try reader.trace.reasonOfFailure(ofPoint: 1)?.hasSuffix("(and 1 more)") == true)
    #expect(try run(plan(axes), to: "f.db").added == 0)
    let before = try figures("f.db")
    let again = try run(plan(axes), to: "f.db", retry: true)
    #expect(again.added == 3 && again.failed == 3)
    #expect(try figures("f.db") == before)
  }

  @Test("A grid names each key once, and has no more points than a database holds")
  func grids() {
    let many = (1...400).map(String.init)
    for axes in [
      [], [("seed", ["1"]), ("seed", ["2"])], [("seed", many), ("workload.requests", many)],
    ] {
      #expect(throws: SweepError.self) { try plan(axes) }
    }
    #expect(SweepShard(number: 0, of: 3) == nil && SweepShard(number: 4, of: 3) == nil)
  }
}
