import Foundation
import Testing

/// The schema that editors read stands in docs/. After a change of a scenario's keys,
/// `KVSIM_RECORD=1 swift test --filter SchemaCommandTests` writes it anew.
@Suite("kvsim schema")
struct SchemaCommandTests {
  @Test("It prints the JSON Schema that stands in docs/")
  func recorded() throws {
    let folder = try ScratchFolder()
    let run = try CommandLineRun(["schema"], in: folder.url)
    #expect(run.status == 0 && run.errors.isEmpty)
    _ = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
    let file = Repository.root.appendingPathComponent("docs/scenario.schema.json")
    if ProcessInfo.processInfo.environment["KVSIM_RECORD"] != nil {
      try Data(run.output.utf8).write(to: file)
    }
    #expect(try Repository.text(file) == run.output)
  }
}
