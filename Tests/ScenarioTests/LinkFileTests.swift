import CostModel
import Foundation
import Testing

@testable import Scenario

@Suite struct LinkFileTests {
  static let good = """
    {
      "kvsim_link": 1,
      "measured_at_utc": "2026-11-29T01:56:53Z",
      "device": {"name": "Made up", "driver": "7.1", "links": "2 of 10 GB/s"},
      "software": "Library 3",
      "notes": ["warm"],
      "measurements": [
        {"collective": "all-reduce", "algorithm": "a", "devices": 2, "bytes": 2048, \
    "times_ns": [9,7,8]},
        {"collective": "all-gather", "algorithm": "b", "devices": 4, "bytes": 4096, \
    "times_ns": [5]},
        {"collective": "send", "algorithm": "b", "devices": 2, "bytes": 1, "times_ns": [3]}
      ]
    }

    """

  private static let scenario = Fixture.scenario
    .replacingOccurrences(of: "profile.json\n", with: "profile.json\n  link: link.json\n")
    .replacingOccurrences(of: "engine:\n", with: "engine:\n  tensor_parallel_size: 2\n")

  private func fixture(_ link: String?, scenario: String = scenario) throws -> Fixture {
    let fixture = try Fixture()
    try fixture.write("scenario.yaml", scenario)
    if let link { try fixture.write("link.json", link) }
    return fixture
  }

  @Test("a scenario's link is what the file says, whatever else the scenario shares")
  func good() throws {
    let fixture = try fixture(LinkFileTests.good)
    defer { fixture.remove() }
    let scenario = try fixture.load()
    let link = try #require(scenario.parallelism.link)
    #expect(scenario.parallelism.tensorParallelSize == 2)
    #expect(
      link.measurements
        == Link.Measurements(
          device: "Made up", software: "Library 3", measuredAtUTC: "2026-11-29T01:56:53Z",
          points: [
            .init(
              exchange: .allReduce, algorithm: "a", devices: 2, bytes: 2048, timesNs: [9, 7, 8]),
            .init(exchange: .allGather, algorithm: "b", devices: 4, bytes: 4096, timesNs: [5]),
            .init(exchange: .send, algorithm: "b", devices: 2, bytes: 1, timesNs: [3]),
          ]))
    #expect(link.latencyNs == 8 && link.bytesPerSecond == 256_000_000_000)
    #expect(scenario.setup.linkText == LinkFileTests.good)
  }

  @Test("one device has a link's file checked and no link")
  func oneDevice() throws {
    let alone = LinkFileTests.scenario.replacingOccurrences(of: "size: 2", with: "size: 1")
    let fixture = try fixture(LinkFileTests.good, scenario: alone)
    defer { fixture.remove() }
    let scenario = try fixture.load()
    #expect(scenario.parallelism == .none && scenario.setup.linkText == nil)
    try fixture.write("link.json", "{}")
    #expect(!fixture.errors().isEmpty)
  }

  @Test("a link that cannot be read is the scenario's error, and one of neither form too")
  func unreadable() throws {
    let fixture = try fixture(nil)
    defer { fixture.remove() }
    #expect(
      fixture.errors() == [
        "scenario.yaml:8:9: error: device.link: `link.json` cannot be read: there is no such file"
      ])
    let list = LinkFileTests.scenario.replacingOccurrences(of: "link.json", with: "[1]")
    let errors = try Fixture.errors("scenario.yaml", list)
    #expect(errors.count == 1 && errors[0].contains("device.link: a list"), "\(errors)")
    #expect(errors[0].contains("or a mapping of `bandwidth`, `latency`"), "\(errors)")
  }

  @Test("a malformed link gives one error at its place", arguments: malformed)
  func malformedLink(_ input: BadInput) throws {
    let fixture = try fixture(input.applied(to: LinkFileTests.good))
    defer { fixture.remove() }
    let errors = fixture.errors()
    try #require(errors.count == 1, "\(errors)")
    #expect(errors[0].hasPrefix("link.json:\(input.place): "), "\(errors[0])")
    for part in input.says { #expect(errors[0].contains(part), "\(errors[0])") }
  }

  static let malformed: [BadInput] = [
    BadInput("no JSON", "[\"warm\"],", "[\"warm\"]", "7:3", "this is not JSON"),
    BadInput("a list", good, "[]", "1:1", "a mapping of `kvsim_link`"),
    BadInput("newer", "_link\": 1", "_link\": 2", "2:17", "version 2", "reads version 1"),
    BadInput("no version", "  \"kvsim_link\": 1,\n", "", "1:1", "kvsim_link: missing"),
    BadInput("no date", "2026-11-29T01:56:53Z", "yesterday", "3:22", "a date and time in UTC"),
    BadInput("no name", "\"Made up\"", "\"\"", "4:22", "the devices' name"),
    BadInput("misspelt", "software", "sofware", "5:3", "mean `software`?"),
    BadInput("no notes", "[\"warm\"]", "true", "6:12", "a list of texts"),
    BadInput("unknown", "all-gather", "all-gatter", "9:20", "mean `all-gather`?"),
    BadInput("one device", "\"devices\": 4", "\"devices\": 1", "9:63", "devices from 2 to 1024"),
    BadInput(
      "sent by three", "\"send\", \"algorithm\": \"b\", \"devices\": 2",
      "\"send\", \"algorithm\": \"b\", \"devices\": 3", "10:57", "accepted: 2"),
    BadInput("nothing sent", "\"bytes\": 4096", "\"bytes\": 0", "9:75", "out of range"),
    BadInput("no times", "[5]", "[]", "9:93", "from 1 to"),
    BadInput("no time at all", "[5]", "[0]", "9:94", "out of range"),
    BadInput(
      "twice", "\"send\", \"algorithm\": \"b\", \"devices\": 2, \"bytes\": 1",
      "\"all-reduce\", \"algorithm\": \"a\", \"devices\": 2, \"bytes\": 2048", "10:5",
      "the same point stands above"),
    BadInput("no all-reduce", "all-reduce", "all-gather", "7:19", "no `all-reduce` was measured"),
  ]

  @Test("the shipped link is of two devices, and never slower than its slowest library")
  func shipped() throws {
    let link = try LinkFile.read(
      path: Shipped.folder + "devices/links/nvidia-h200-nvlink.json"
    ).link
    for exchange in Link.Exchange.allCases { #expect(link.isMeasured(exchange, devices: 2)) }
    // Eighteen NVLinks have 450 GB/s each way together, and no message took a microsecond.
    #expect((200_000_000_000...450_000_000_000).contains(link.bytesPerSecond))
    #expect((1_000...20_000).contains(link.latencyNs))
    // A size that is left out and predicted from both neighbours, twice as far apart.
    let points = link.measurements?.points.filter { $0.exchange == .allReduce } ?? []
    let fastest = Dictionary(points.map { ($0.bytes, Double($0.medianNs)) }, uniquingKeysWith: min)
      .sorted { $0.key < $1.key }
    let errors = zip(zip(fastest, fastest.dropFirst()), fastest.dropFirst(2)).map { pair, high in
      let (low, middle) = pair
      let share = Double(middle.key - low.key) / Double(high.key - low.key)
      return abs((low.value + share * (high.value - low.value)) / middle.value - 1)
    }.sorted()
    #expect(errors.count == 33 && errors[16] < 0.01 && errors[32] < 0.12, "\(errors)")
    let readme = try String(
      contentsOfFile: Shipped.folder + "devices/README.md", encoding: .utf8)
    #expect(readme.contains("`links/nvidia-h200-nvlink.json`"))
  }
}
