import Foundation
import Simulator
import Testing

@testable import Trace

@Suite struct TraceLifeCycleTests {
  let folder: TemporaryFolder
  var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
  }

  /// A writer with an open run of a few records.
  private func halfWritten(overwrite: Bool = false) throws -> TraceWriter {
    var writer = try TraceWriter(path: path, overwrite: overwrite)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(sampleProfile)
    try writer.beginRun(sampleRun())
    for record in sampleRecords(100, seed: 1) { try writer.record(record) }
    return writer
  }

  @Test("A finished trace is one file: no journal, no partial file, no lock")
  func oneFile() throws {
    try writeTrace(path, records: sampleRecords(100, seed: 1))
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("Until it is finished, nothing stands under the name")
  func partial() throws {
    let writer = try halfWritten()
    #expect(try !folder.names().contains("trace.db"))
    #expect(try folder.names().contains("trace.db.partial"))
    try writer.endRun(metrics: [])
    try writer.finish()
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("An existing file is refused and left as it was, by the check and by the writer")
  func existing() throws {
    try folder.write(Data("precious".utf8))
    let refusal = TraceError.fileExists(path: path)
    #expect(throws: refusal) { try TraceWriter.check(path: path, overwrite: false) }
    #expect(throws: refusal) { try TraceWriter(path: path, overwrite: false) }
    #expect(try folder.bytes() == Data("precious".utf8))
    #expect(try folder.names() == ["trace.db"])
    try TraceWriter.check(path: path, overwrite: true)
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("Overwriting keeps the old file until the new one is complete")
  func overwriting() throws {
    try folder.write(Data("old".utf8))
    let writer = try halfWritten(overwrite: true)
    #expect(try folder.bytes() == Data("old".utf8))
    try writer.endRun(metrics: [])
    try writer.finish()
    #expect(try TraceReader(path: path).verifyDigest(run: 1))
    #expect(try folder.names() == ["trace.db"])
  }

  @Test("A writer that is let go of leaves nothing, and the old file as it was")
  func letGo() throws {
    do { _ = try halfWritten() }
    #expect(try folder.names() == [])
    try folder.write(Data("old".utf8))
    do { _ = try halfWritten(overwrite: true) }
    #expect(try folder.names() == ["trace.db"])
    #expect(try folder.bytes() == Data("old".utf8))
  }

  @Test("Discarding removes the partial file at once, and may be repeated")
  func discarding() throws {
    let writer = try halfWritten()
    writer.discard()
    writer.discard()
    #expect(try folder.names() == [])
  }

  @Test("A file that appears meanwhile is not overwritten unasked")
  func appearsMeanwhile() throws {
    let writer = try halfWritten()
    try folder.write(Data("new".utf8))
    try writer.endRun(metrics: [])
    #expect(throws: TraceError.fileExists(path: path)) { try writer.finish() }
    #expect(try folder.names() == ["trace.db"])
    #expect(try folder.bytes() == Data("new".utf8))
  }

  @Test("A disk full half-way leaves nothing, and the failure stays")
  func diskFull() throws {
    try folder.write(Data("old".utf8))
    var writer = try TraceWriter(path: path, overwrite: true, maxPages: 40)
    _ = try writer.addScenario(sampleScenario)
    _ = try writer.addProfile(sampleProfile)
    try writer.beginRun(sampleRun())
    let full = TraceError.diskFull(path: path)
    #expect(throws: full) {
      for record in sampleRecords(TraceWriter.batchRows, seed: 1) { try writer.record(record) }
    }
    #expect(try folder.names() == ["trace.db"], "removed at once, not when the writer goes")
    #expect(throws: full) { try writer.record(finishedRequest) }
    #expect(throws: full) { try writer.endRun(metrics: []) }
    #expect(throws: full) { try writer.beginRun(sampleRun()) }
    #expect(throws: full) { try writer.finish() }
    #expect(try folder.bytes() == Data("old".utf8))
  }

  @Test("A path that is being written is refused to a second writer, and free afterwards")
  func busy() throws {
    let writer = try halfWritten()
    #expect(throws: TraceError.busy(path: path)) { try TraceWriter(path: path, overwrite: true) }
    try writer.endRun(metrics: [])
    try writer.finish()
    #expect(try TraceReader(path: path).verifyDigest(run: 1), "the first was not disturbed")
    try writeTrace(path, records: [], overwrite: true)
  }

  @Test("What a killed process left behind is no obstacle and leaves no mark")
  func stale() throws {
    let records = sampleRecords(500, seed: 1)
    try writeTrace(folder.path("clean.db"), records: records)
    try folder.write(Data("stale".utf8), to: "trace.db.partial")
    try folder.write(Data(repeating: 0xd9, count: 9_000), to: "trace.db.partial-journal")
    try folder.write(Data(), to: "trace.db.partial-lock")
    try writeTrace(path, records: records)
    #expect(try folder.names() == ["clean.db", "trace.db"])
    #expect(try folder.bytes() == folder.bytes("clean.db"))
  }

  @Test("What a killed process left is read: whole batches of a run that has not ended")
  func left() throws {
    var writer = try halfWritten()
    let rows = 2 * TraceWriter.batchRows
    let further = sampleRecords(rows + 2_000, seed: 2)
    for record in further { try writer.record(record) }
    // As a kill would leave it: more than SQLite keeps in memory in the file, and not committed.
    var profile = sampleProfile
    profile.text = String(repeating: " ", count: 4 << 20)
    _ = try writer.addProfile(profile)
    for ending in ["", "-journal"] {
      try folder.write(
        folder.bytes("trace.db.partial" + ending), to: "killed.db.partial" + ending)
    }
    #expect(try !folder.bytes("killed.db.partial-journal").isEmpty)
    let reader = try TraceReader(path: folder.path("killed.db.partial"))
    let run = try #require(try reader.runs().first)
    #expect(run.end == nil)
    var list = ListRecorder()
    try reader.replay(run: run.id, into: &list)
    let recorded = sampleRecords(100, seed: 1) + further
    #expect(list.records == Array(recorded.prefix(rows)))
    try reader.checkIntegrity()
    #expect(traceError { _ = try TraceReader(path: folder.path("trace.db.partial")) } != nil)
    writer.discard()
  }

  @Test("A journal that names another file, and one beside a file of another name, are left alone")
  func strangeJournal() throws {
    try writeTrace(folder.path("a.db.partial"), records: [])
    let precious = folder.path("precious")
    try folder.write(Data("precious".utf8), to: "precious")
    let mark = Data([0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7])
    try folder.write(mark + Data(precious.utf8) + mark, to: "a.db.partial-journal")
    #expect(
      throws: TraceError.damaged(
        path: folder.path("a.db.partial"), reason: "its journal names another file")
    ) { try TraceReader(path: folder.path("a.db.partial")) }
    #expect(try folder.bytes("precious") == Data("precious".utf8))
    try writeTrace(path, records: [])
    try folder.write(mark, to: "trace.db-journal")
    _ = traceError { _ = try TraceReader(path: path) }
    #expect(try folder.bytes("trace.db-journal") == mark)
  }

  @Test("A name in a folder that is not there is refused")
  func missingFolder() throws {
    let missing = folder.path("no/trace.db")
    let refusal = TraceError.noSuchFolder(path: missing, folder: folder.path("no"))
    #expect(throws: refusal) { try TraceWriter.check(path: missing, overwrite: false) }
    #expect(throws: refusal) { try TraceWriter(path: missing, overwrite: false) }
    #expect(throws: refusal) { try TraceReader(path: missing) }
  }

  @Test("A folder that cannot be written to is one clear error")
  func readOnlyFolder() throws {
    // Even root cannot make a file there.
    let error = traceError { _ = try TraceWriter(path: "/proc/trace.db", overwrite: false) }
    guard case .io("/proc/trace.db", "create it", _, _) = error else {
      Issue.record("unexpected \(String(describing: error))")
      return
    }
  }

  @Test("Folders, links and devices are never written to, overwriting or not")
  func notAFile() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link.db"), withDestinationPath: "/nowhere")
    for path in [path, folder.path("link.db"), "/dev/null", "", ".", "/", folder.path("..")] {
      for overwrite in [false, true] {
        #expect(throws: TraceError.notARegularFile(path: path)) {
          try TraceWriter(path: path, overwrite: overwrite)
        }
      }
    }
  }

  @Test("A folder reached through a link is a folder")
  func linkedFolder() throws {
    try FileManager.default.createDirectory(
      atPath: folder.path("real"), withIntermediateDirectories: false)
    try FileManager.default.createSymbolicLink(
      atPath: folder.path("link"), withDestinationPath: "real")
    try writeTrace(folder.path("link/trace.db"), records: [.step(sampleStep)])
    #expect(try TraceReader(path: folder.path("real/trace.db")).verifyDigest(run: 1))
    #expect(try TraceReader(path: folder.path("link/trace.db")).verifyDigest(run: 1))
  }

  @Test("A run of a scenario that is not in the file is refused, and so is a metric named twice")
  func constraints() throws {
    var writer = try TraceWriter(path: path, overwrite: false)
    let dangling = traceError { try writer.beginRun(sampleRun(scenario: 7)) }
    guard case .sqlite = dangling else {
      Issue.record("unexpected \(String(describing: dangling))")
      return
    }
    #expect(try folder.names() == [])
    writer = try halfWritten()
    let metric = Metric(name: "a", unit: "1", value: 1)
    guard case .sqlite = traceError({ try writer.endRun(metrics: [metric, metric]) }) else {
      Issue.record("a metric was taken twice")
      return
    }
    #expect(try folder.names() == [])
  }

  @Test("Every error says which file it is about, in a sentence that ends")
  func messages() {
    let errors: [TraceError] = [
      .fileExists(path: "t.db"), .notARegularFile(path: "t.db"), .noSuchFile(path: "t.db"),
      .noSuchFolder(path: "t.db", folder: "f"), .busy(path: "t.db"), .diskFull(path: "t.db"),
      .io(path: "t.db", operation: "open it", code: 13, reason: "Permission denied"),
      .notATrace(path: "t.db"), .wrongVersion(path: "t.db", found: 2, expected: 1),
      .damaged(path: "t.db", reason: "r"), .sqlite(path: "t.db", code: 1, reason: "r"),
      .noSuchRun(path: "t.db", run: 3), .writeAheadLog(path: "t.db"),
      .badParameter(path: "t.db", reason: "r"),
    ]
    for error in errors {
      #expect(error.description.hasPrefix("t.db"))
      #expect(error.description.hasSuffix("."))
    }
    #expect(TraceError.notARegularFile(path: "").description.hasPrefix("An empty name is not"))
  }
}
