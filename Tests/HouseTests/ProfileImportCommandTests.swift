import Foundation
import Testing

@Suite("kvsim profile import and derive")
struct ProfileImportCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  private func kvsim(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(arguments, in: folder.url)
  }

  private static let scenarios = Repository.root.appendingPathComponent("Scenarios")
  private static let model = scenarios.appendingPathComponent("models/Qwen3-8B/config.json").path

  private static let table = """
    op,m,k,n,batch,query,context,tokens,us,bf16_us
    linear,1,4096,6144,,,,,13.7,
    attention_decode,,,,1,,128,,,5.3
    attention_prefill,,,,,128,,,7.3,
    kv_append,,,,,,,1,,4.4

    """
  private static let head = [
    "--model", model, "--device-name", "GPU", "--software", "S", "--measured-at", "2026-11-23",
  ]

  @Test("Data sheets are found beside the profile or in Scenarios/devices of the folder")
  func dataSheets() throws {
    try folder.write("table.csv", Self.table)
    let run = { (output: String) in
      try CommandLineRun(
        ["profile", "import", "table.csv", "--data-sheet", "nvidia-h200-sxm", "-o", output]
          + Self.head, in: folder.url)
    }
    let lost = try run("p.json")
    #expect(lost.status == 65)
    #expect(
      lost.errors.contains("no data sheet in `data-sheets` or `Scenarios/devices/data-sheets`"))
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("Scenarios"), withDestinationURL: Self.scenarios)
    #expect(try run("p.json").status == 0)
    #expect(try kvsim("profile", "show", "p.json").status == 0)
  }

  @Test("What is imported is readable, and what is not leaves no file behind")
  func unreadable() throws {
    try folder.write("table.csv", Self.table.replacingOccurrences(of: "4096", with: "16777216"))
    let sheet = Self.scenarios.appendingPathComponent("devices/data-sheets/nvidia-h200-sxm.json")
    let run = try CommandLineRun(
      ["profile", "import", "table.csv", "--data-sheet", sheet.path, "-o", "p.json"] + Self.head,
      in: folder.url)
    #expect(run.status == 65 && run.errors.hasPrefix("table.csv:2:1: error: rows[0]: "))
    #expect(folder.contents == ["table.csv"])
  }

  @Test("Options of a table are refused with a folder")
  func optionsOfTables() throws {
    let run = try kvsim(
      "profile", "import", ".", "--model", Self.model, "--block-size", "16", "--software", "S",
      "-o",
      "p.json")
    #expect(run.status == 64)
    #expect(run.errors.contains("--block-size, --software: of a table alone"))
  }

  @Test("Ragged batches are refused with a table")
  func optionsOfFolders() throws {
    try folder.write("table.csv", Self.table)
    let run = try CommandLineRun(
      [
        "profile", "import", "table.csv", "--data-sheet", "nvidia-h200-sxm", "--ragged-batches",
        "-o", "p.json",
      ] + Self.head, in: folder.url)
    #expect(run.status == 64)
    #expect(run.errors.contains("--ragged-batches: of a folder alone"))
  }

  @Test("Without a source the data sheet that is named like the device is taken")
  func defaultSource() throws {
    let devices = Self.scenarios.appendingPathComponent("devices").path
    let derive = { (options: [String], output: String) in
      try CommandLineRun(
        [
          "profile", "derive", devices + "/nvidia-rtx4090-vllm.json", "--device",
          "nvidia-h100-sxm", "-o", output,
        ] + options, in: folder.url)
    }
    #expect(try derive([], "1.json").status == 0)
    #expect(try derive(["--source", "nvidia-rtx-4090"], "2.json").status == 0)
    let texts = try ["1.json", "2.json"].map {
      try Repository.text(folder.url.appendingPathComponent($0))
    }
    #expect(texts[0] == texts[1])
    #expect(try kvsim("profile", "show", "1.json", "--worst", "0").status == 0)
    let slow = try derive(["--source", "nvidia-l4"], "3.json")
    #expect(slow.status == 65 && slow.errors.contains("is not the data sheet of the profile's"))
  }
}
