import Simulator
import Testing

@testable import Trace

@Suite("Requests in Mooncake's form")
struct MooncakeExportTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path() }

  init() throws {
    folder = try TemporaryFolder()
  }

  private func export(run: Int64? = nil) throws -> String {
    var options = ExportOptions(to: .file(folder.path("out")), overwrites: true)
    options.run = run
    try TraceExport(of: TraceReader(path: path), options: options) { _ in StatedTraffic() }
      .write(as: .mooncake)
    return String(decoding: try folder.bytes("out"), as: UTF8.self)
  }

  @Test("Times count from the first arrival, in its order; what was rejected is left out")
  func lines() throws {
    var late = RequestRecord(
      id: 2, arrivalNs: 3_500_000_607, scheduledNs: 3_500_001_000, firstTokenNs: 3_500_003_000,
      finishNs: 3_500_009_000, promptTokens: 7, cachedTokens: 0, outputTokens: 2, preemptions: 0,
      outcome: .finished, replica: 0)
    // It left before those that arrived before it.
    try writeTrace(path, records: [.request(late)] + uncachedRecords)
    #expect(
      try export() == """
        {"timestamp": 0.000000, "input_length": 64, "output_length": 4}
        {"timestamp": 3500.000107, "input_length": 7, "output_length": 2}

        """)
    late.samples = 2
    try writeTrace(path, records: [.request(late)], overwrite: true)
    #expect(throws: TraceError.self) { try export() }
  }

  @Test("Prompts that shared a prefix, and several runs, are refused with what to do")
  func refusals() throws {
    try writeTrace(path, records: smallRecords, formats: ["fp16", "int4"])
    let several = #expect(throws: TraceError.self) { try export() }
    #expect(several?.description.contains("chosen by --run or --format") == true)
    let shared = #expect(throws: TraceError.self) { try export(run: 1) }
    #expect(shared?.description.contains("request 0 of run 1 found tokens") == true)
    #expect(try folder.names() == ["trace.db"])
  }
}
