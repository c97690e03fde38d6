import Foundation
import Testing

@Suite("kvsim accuracy")
struct AccuracyCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  private func accuracy(_ arguments: String...) throws -> CommandLineRun {
    try CommandLineRun(["accuracy"] + arguments, in: folder.url)
  }

  /// An `.npy` file of 8 tokens, 2 heads of 16, whose first element is `first`.
  private func write(_ name: String, first: Float, type: String = "<f4") throws {
    let header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (8, 2, 16), }\n"
    var bytes = Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(header.utf8.count), 0])
    bytes += Data(header.utf8)
    for index in 0..<8 * 2 * 16 {
      let value = index == 0 ? first : Float(index % 7) - 3
      withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += Data($0) }
    }
    try bytes.write(to: folder.url.appendingPathComponent(name))
  }

  @Test("Without files: generated keys, every format, a verdict; the same for the same seed")
  func generated() throws {
    let small = ["--tokens", "48", "--kv-heads", "1", "--head-dim", "64", "--query-tokens", "4"]
    func run(_ more: String...) throws -> CommandLineRun {
      try CommandLineRun(["accuracy"] + small + more, in: folder.url)
    }
    let table = try run()
    #expect(table.status == 0 && table.errors.isEmpty)
    for text in [
      "generated", "seed 1", "fp16", "int4 ", "int4-rotated-16 ", "int4-rotated-64-kv",
      "bytes/token", "logits", "output", "outlier channels", "times less than plain int4",
    ] {
      #expect(table.output.contains(text), "\(text)")
    }
    let json = try run("--format", "json")
    #expect(json.output == (try run("--format", "json").output))
    #expect(json.output != (try run("--format", "json", "--seed", "2").output))
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8))
    let formats = try #require((object as? [String: Any])?["formats"] as? [[String: Any]])
    #expect(formats.count == 8 && formats[0]["format"] as? String == "fp16")
  }

  @Test("With a device, times stand beside the errors, of the same formats")
  func times() throws {
    let small = ["--tokens", "48", "--kv-heads", "1", "--head-dim", "32", "--query-tokens", "4"]
    let table = try CommandLineRun(
      ["accuracy"] + small + ["--device", "cpu"], in: folder.url)
    #expect(table.status == 0, "\(table.errors)")
    for text in [
      "decode 16 x 4096, prefill 512 after 0, append 2048", "output error", "decode µs", "/ int4",
      "row in cache ns", "Over plain int4 int4-rotated",
    ] {
      #expect(table.output.contains(text), "\(text)")
    }
    let json = try CommandLineRun(
      ["accuracy"] + small + ["--device", "cpu", "--format", "json"], in: folder.url)
    let object = try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any]
    let formats = try #require(object?["formats"] as? [[String: Any]])
    let times = try #require(object?["times"] as? [String: Any])
    let timed = try #require(times["formats"] as? [[String: Any]])
    #expect(timed.map { $0["format"] as? String } == formats.map { $0["format"] as? String })
    for row in timed {
      let decode = try #require(row["decode"] as? [String: [String: Double]])
      #expect(decode["time_ns"]?["median"] ?? 0 > 0 && decode["over_int4"]?["median"] ?? 0 > 0)
    }
  }

  @Test("Files are read and named in the result; drawn queries are said to be")
  func files() throws {
    try write("k.npy", first: 1)
    let drawn = try accuracy("--keys", "k.npy", "--values", "k.npy")
    #expect(drawn.status == 0 && drawn.output.contains("queries: independent normal draws, seed 1"))
    let own = try accuracy("--keys", "k.npy", "--values", "k.npy", "--queries", "k.npy")
    #expect(own.status == 0 && own.output.contains("queries: k.npy"))
    #expect(own.output.contains("8 tokens, 2 KV heads of 16, 2 query heads"))
  }

  @Test("A bad file is exit 65, says what it gives and what is accepted")
  func badFiles() throws {
    try write("k.npy", first: 1)
    try write("nan.npy", first: .nan)
    try write("big.npy", first: 1, type: ">f4")
    for (name, given) in [
      ("nan.npy", "nan at [0, 0, 0]"), ("big.npy", ">f4"), ("no.npy", "No such"),
    ] {
      let run = try accuracy("--keys", "k.npy", "--values", name)
      #expect(run.status == 65 && run.output.isEmpty, "\(name)")
      #expect(run.errors.contains(name) && run.errors.contains(given))
      #expect(run.errors.contains("accepted: "))
    }
  }

  @Test("Numbers that are out of range, negative ones too, are refused with the range")
  func ranges() throws {
    for (arguments, range) in [
      (["--tokens", "-1"], "--tokens takes a whole number from 1 to 65536"),
      (["--query-tokens", "-1"], "--query-tokens takes a whole number from 1 to 4096"),
      (["--seed", "-1"], "--seed takes a whole number from 0 to 18446744073709551615"),
      (["--scale", "-1"], "--scale takes a number from 0.000001 to 1000000"),
      (["--scale", "inf"], "--scale takes a number"), (["--scale", "nan"], "--scale takes"),
      (["--soft-cap", "0"], "--soft-cap takes a number from 0.000001 to 1000000"),
    ] {
      let run = try CommandLineRun(["accuracy"] + arguments, in: folder.url)
      #expect(run.status == 64 && run.errors.contains(range), "\(run.errors)")
    }
  }

  @Test("One of a thing is one; scale and cap are named; files have no floor")
  func words() throws {
    let one = try accuracy(
      "--tokens", "1", "--kv-heads", "1", "--query-heads", "1", "--head-dim", "16",
      "--scale", "0.0625", "--soft-cap", "50")
    #expect(one.output.contains("1 token, 1 KV head of 16, 1 query head; the last token asks\n"))
    #expect(one.output.contains("logits: scale 0.0625, soft cap 50.0\n"))
    #expect(one.output.contains("int4, no outliers"))
    try write("k.npy", first: 1)
    let files = try accuracy("--keys", "k.npy", "--values", "k.npy")
    #expect(!files.output.contains("no outliers") && !files.output.contains("logits: scale"))
  }

  @Test("A wrong command line is exit 64")
  func usage() throws {
    for arguments in [
      ["--keys", "k.npy"], ["--queries", "q.npy"], ["--head-dim", "20"], ["--tokens", "0"],
      ["--query-heads", "3"], ["--keys", "k.npy", "--values", "v.npy", "--tokens", "9"],
      ["--tokens", "65536", "--kv-heads", "64"], ["--format", "xml"], ["--seed", "-1"],
      ["--device", "tpu"],
    ] {
      let run = try CommandLineRun(["accuracy"] + arguments, in: folder.url)
      #expect(run.status == 64, "\(arguments)")
    }
  }
}
