import CostModel
import Foundation
import Testing

@testable import Scenario

@Suite("Derived devices in scenarios")
struct DerivedProfileTests {
  /// A good data sheet.
  static let sheet = """
    {
      "kvsim_data_sheet": 1,
      "name": "Made up",
      "memory_bytes": 85899345920,
      "bytes_per_second": 2000000000000,
      "flops_per_second": 989500000000000,
      "source": "a leaflet"
    }

    """
  private static let good = Fixture.scenario.replacingOccurrences(
    of: "  profile: profile.json",
    with: "  derive:\n    from: profile.json\n    device: made-up\n    source: sheets/other.json")

  /// The fixture's profile, of a GPU: a plain read gives 42 GB/s.
  private static let profile = BadProfileTests.signed(
    Fixture.profile.replacingOccurrences(of: "\"cpu\"", with: "\"vulkan\""))

  /// The good scenario of a derived device, with `made-up` and `another` on the shelf.
  private func fixture(_ scenario: String = good, sheet: String = sheet) throws -> Fixture {
    let fixture = try Fixture()
    try fixture.write("profile.json", DerivedProfileTests.profile)
    for folder in ["data-sheets", "sheets"] {
      try FileManager.default.createDirectory(
        atPath: fixture.folder + folder, withIntermediateDirectories: true)
    }
    try fixture.write("scenario.yaml", scenario)
    try fixture.write("data-sheets/made-up.json", sheet)
    try fixture.write("data-sheets/another.json", DerivedProfileTests.sheet)
    try fixture.write("data-sheets/No Id.json", "")
    try fixture.write(
      "sheets/other.json",
      DerivedProfileTests.sheet.replacingOccurrences(of: "\": 2000", with: "\": 4000"))
    return fixture
  }

  @Test("a scenario's device can be derived, by ids beside the profile and by paths")
  func derives() throws {
    let fixture = try fixture()
    defer { fixture.remove() }
    let profile = try fixture.load().profile
    let source = try DataSheetFile.read(path: fixture.folder + "sheets/other.json")
    let target = try DataSheetFile.read(path: fixture.folder + "data-sheets/made-up.json")
    #expect(source.bytesPerSecond == 4_000_000_000_000 && target.name == "Made up")
    #expect(target.memoryBytes == 80 << 30 && target.flopsPerSecond == 989_500_000_000_000)
    #expect(target.source == "a leaflet")
    #expect(profile == Fixture.syntheticProfile.derived(from: source, to: target))
    #expect(profile.device.name == "Made up" && profile.provenance == .derived)
  }

  @Test("a profile in the folder `devices` beside the scenario is known by its name")
  func namedProfile() throws {
    let fixture = try fixture(
      DerivedProfileTests.good.replacingOccurrences(of: "from: profile.json", with: "from: mine-1")
        .replacingOccurrences(of: "device: made-up", with: "device: data-sheets/made-up.json"))
    defer { fixture.remove() }
    let missing = "`\(fixture.folder)devices/mine-1.json`"
    #expect {
      try fixture.load()
    } throws: {
      "\($0)".contains(missing)
    }
    try FileManager.default.createDirectory(
      atPath: fixture.folder + "devices", withIntermediateDirectories: true)
    try fixture.write("devices/mine-1.json", DerivedProfileTests.profile)
    #expect(try fixture.load().profile.provenance == .derived)
  }

  @Test("a derived profile that is written and read again gives the same scenario")
  func roundTrip() throws {
    let fixture = try fixture()
    defer { fixture.remove() }
    let derived = try fixture.load()
    try fixture.write("derived.json", derived.setup.profileText)
    let read = try ServingScenario.load(
      path: fixture.folder + "scenario.yaml", profileOverride: fixture.folder + "derived.json")
    #expect(read.profile == derived.profile && read.setup.profileText == derived.setup.profileText)
    #expect(read.setup.profileChecksum == derived.setup.profileChecksum)
    #expect(derived.setup.profilePath == fixture.folder + "profile.json")
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func oneMistake(_ input: BadInput) throws {
    let fixture = try fixture(input.applied(to: DerivedProfileTests.good))
    defer { fixture.remove() }
    let errors = fixture.errors()
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes: [BadInput] = [
    BadInput(
      "both", "  derive:\n", "  profile: profile.json\n  derive:\n", "8:3", "device.derive",
      "does not go with `profile`"),
    BadInput(
      "neither", good.components(separatedBy: "device:\n")[1].components(separatedBy: "kv_")[0],
      "  {}\n", "7:3", "device.profile: missing", "or `derive`"),
    BadInput("misspelt", "  derive:", "  derived:", "7:3", "unknown key", "mean `derive`?"),
    BadInput(
      "no mapping",
      good.components(separatedBy: "derive:")[1].components(separatedBy: "kv_")[0], " x\n",
      "7:11", "`from`, `device`, `source`"),
    BadInput(
      "no source, and no sheet named like the device", "    source: sheets/other.json\n", "", "8:5",
      "profile.json` is of `Synthetic \"one\"`, which no data sheet is named like",
      "say with `source`", "accepted: another, made-up, a path"),
    BadInput("unknown key", "source:", "sources:", "10:5", "mean `source`?"),
    BadInput(
      "no such profile", "from: profile.json", "from: no.json", "8:11",
      "no.json` cannot be read", "kvsim calibrate"),
    BadInput(
      "unknown id", "made-up", "made-pu", "9:13", "`made-pu` is no data sheet in",
      "mean `made-up`?", "accepted: another, made-up, a path"),
    BadInput(
      "no such path", "sheets/other.json", "sheets/none.json", "10:13", "sheets/none.json",
      "there is no such file"),
    BadInput("path is a folder", "sheets/other.json", "./sheets", "10:13", "is a directory"),
    BadInput(
      "block size", "block_size: 16", "block_size: 32", "16:15", "measured with 16 tokens"),
  ]

  @Test("a malformed data sheet gives one error at its place", arguments: malformed)
  func malformedSheet(_ input: BadInput) throws {
    // Named twice, it is still refused once.
    let twice = DerivedProfileTests.good.replacingOccurrences(
      of: "sheets/other.json", with: "made-up")
    for scenario in [DerivedProfileTests.good, twice] {
      let fixture = try fixture(scenario, sheet: input.applied(to: DerivedProfileTests.sheet))
      defer { fixture.remove() }
      let errors = fixture.errors()
      try #require(errors.count == 1, "\(errors)")
      #expect(errors[0].hasPrefix("data-sheets/made-up.json:\(input.place): "), "\(errors[0])")
      for part in input.says { #expect(errors[0].contains(part), "\(errors[0])") }
    }
  }

  static let malformed: [BadInput] = [
    BadInput("no JSON", "{\n", "[\n", "2:21", "this is not JSON"),
    BadInput("a list", sheet, "[]", "1:1", "a mapping of `kvsim_data_sheet`"),
    BadInput("newer", "_sheet\": 1", "_sheet\": 2", "2:23", "version 2", "reads version 1"),
    BadInput("no version", "  \"kvsim_data_sheet\": 1,\n", "", "1:1", "missing"),
    BadInput("no name", "\"Made up\"", "\"\"", "3:11", "empty text"),
    BadInput("no memory", "85899345920", "0", "4:19", "out of range"),
    BadInput("bandwidth in GB/s", "2000000000000", "2000", "5:23", "from 1000000000 to"),
    BadInput("rate of 1e15", "989500000000000", "1e15", "6:23", "digits only"),
    BadInput("misspelt", "flops_", "flop_", "6:3", "mean `flops_per_second`?"),
    BadInput("no source", "\"a leaflet\"", "null", "7:13", "the document's title"),
    BadInput("empty source", "\"a leaflet\"", "\"\"", "7:13", "empty text", "the document's title"),
  ]

  private static let noSource = good.replacingOccurrences(
    of: "    source: sheets/other.json\n", with: "")

  /// A data sheet of this name.
  private static func sheet(named name: String) -> String {
    sheet.replacingOccurrences(of: "Made up", with: name)
  }

  @Test("without a source, the one data sheet that is named like the device is it")
  func sourceByName() throws {
    let fixture = try fixture(DerivedProfileTests.noSource)
    defer { fixture.remove() }
    let longer = DerivedProfileTests.sheet(named: "Synthetic-ONE SXM")
      .replacingOccurrences(of: "\": 2000", with: "\": 4000")
    try fixture.write("data-sheets/longer.json", longer)
    try fixture.write("data-sheets/other.json", DerivedProfileTests.sheet(named: "Synthetic Ones"))
    let profile = try fixture.load().profile
    let source = try DataSheetFile.read(path: fixture.folder + "data-sheets/longer.json")
    let target = try DataSheetFile.read(path: fixture.folder + "data-sheets/made-up.json")
    #expect(profile == Fixture.syntheticProfile.derived(from: source, to: target))
    // A second one that has all its words: it has to be said which. The whole name wins.
    try fixture.write("data-sheets/pcie.json", DerivedProfileTests.sheet(named: "Synthetic One P"))
    let errors = fixture.errors()
    #expect(errors.count == 1 && errors[0].contains("`longer`, `pcie` are named like"), "\(errors)")
    try fixture.write("data-sheets/exact.json", DerivedProfileTests.sheet(named: "Synthetic One"))
    #expect(fixture.errors().isEmpty)
  }

  @Test("a source whose memory is slower than the profile's plain read is not the device's")
  func slowSource() throws {
    let fixture = try fixture()
    defer { fixture.remove() }
    func errors(bandwidth: String) throws -> [String] {
      try fixture.write(
        "sheets/other.json",
        DerivedProfileTests.sheet.replacingOccurrences(of: "2000000000000", with: bandwidth))
      return fixture.errors()
    }
    // 42 GB/s are 1.1 times 38.18.
    #expect(try errors(bandwidth: "38190000000").isEmpty)
    let slow = try errors(bandwidth: "38170000000")
    #expect(slow.count == 1, "\(slow)")
    #expect(
      slow[0].hasPrefix(
        "scenario.yaml:10:13: error: device.derive.source: `sheets/other.json` is not the data "
          + "sheet of the profile's device, Synthetic \"one\": a plain read gives 42000000000"),
      "\(slow)")
  }

  @Test("times of a CPU are not scaled by data sheets of GPUs")
  func cpu() throws {
    let fixture = try fixture()
    defer { fixture.remove() }
    try fixture.write("profile.json", Fixture.profile)
    let errors = fixture.errors()
    #expect(errors.count == 1 && errors[0].contains("is the profile of a CPU"), "\(errors)")
  }

  @Test("what a profile says of its derivation goes with `derived` alone")
  func derivationOfProfiles() throws {
    let fixture = try fixture()
    defer { fixture.remove() }
    let text = try fixture.load().setup.profileText
    func errors(_ old: String, _ new: String) throws -> [String] {
      try #require(text.contains(old))
      let changed = text.replacingOccurrences(of: old, with: new)
      return try Fixture.errors("profile.json", BadProfileTests.signed(changed))
    }
    #expect(try errors("derived", "derived").isEmpty)
    let measured = try errors("e\": \"derived\"", "e\": \"measured\"")
    #expect(measured.count == 2, "\(measured)")
    #expect(measured.allSatisfy { $0.contains("goes with `provenance` `derived` alone") })
    let silent = try errors("\"derived_from\"", "\"derivd_from\"")
    #expect(silent.count == 1 && silent[0].contains("mean `derived_from`?"), "\(silent)")
    let wide = try errors("\"median_width\": ", "\"median_width\": -")
    #expect(!wide.isEmpty && wide.allSatisfy { $0.contains("a share of the time") }, "\(wide)")
  }

  @Test("every shipped data sheet is read, and stands in the folder's README")
  func shipped() throws {
    let shelf = DataSheetShelf(beside: [Shipped.folder + "devices/nvidia-h200.json"])
    let ids = shelf.ids
    #expect(
      ids == [
        "amd-mi300x", "nvidia-a100-40gb-sxm", "nvidia-a100-80gb-sxm", "nvidia-b200",
        "nvidia-h100-nvl", "nvidia-h100-pcie", "nvidia-h100-sxm", "nvidia-h200-sxm", "nvidia-l4",
        "nvidia-l40s", "nvidia-rtx-4090",
      ])
    let readme = try String(
      contentsOfFile: Shipped.folder + "devices/README.md", encoding: .utf8)
    for (profile, id) in [
      ("nvidia-h200", "nvidia-h200-sxm"), ("nvidia-h200-saw-int4", "nvidia-h200-sxm"),
      ("nvidia-rtx4090-vllm", "nvidia-rtx-4090"),
    ] {
      let loaded = try ProfileFile.read(path: Shipped.folder + "devices/\(profile).json")
      #expect(try shelf.source(nil, of: loaded) == shelf.read(id))
      // Steps of real kernels are steeper where arithmetic is scaled and launches are not.
      for target in ids {
        let derived = ProfileFile.derived(
          from: loaded, source: try shelf.source(id, of: loaded), target: try shelf.read(target))
        #expect(try ProfileFile.readableText(derived.profile, madeFrom: profile) == derived.text)
      }
    }
    for id in ids {
      let sheet = try shelf.read(id)
      // Operations a byte: between 100 and 500 of every matrix unit of these years.
      let balance = Double(sheet.flopsPerSecond) / Double(sheet.bytesPerSecond)
      #expect((100...500).contains(balance), "\(id): \(balance)")
      #expect(sheet.source.contains("https://") && sheet.memoryBytes % (1 << 30) == 0)
      #expect(readme.contains("`\(id)` | \(sheet.name) |"), "\(id)")
    }
  }
}
