import CostModel
import Foundation
import Operators
import Testing

@testable import Scenario

@Suite("Import of a table of operator times")
final class OperatorTableImportTests {
  private let path = NSTemporaryDirectory() + "kvsim-table-\(UUID().uuidString)"

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  /// 4 query heads and 2 KV heads of 16, hidden size 64, MLP 128, vocabulary 1000.
  private static let model = ModelArchitecture(
    name: "m", hiddenSize: 64, intermediateSize: 128, layers: 2,
    heads: HeadGeometry(queryHeads: 4, kvHeads: 2, headDim: 16), vocabSize: 1000,
    maxPositions: 4096, tiesEmbeddings: false)

  private static let sheet = DataSheet(
    name: "Sheet", memoryBytes: 1 << 34, bytesPerSecond: 2_000_000_000_000,
    flopsPerSecond: 1_000_000_000_000_000, source: "made up")

  private static func context(
    device: String? = nil, software: String? = nil, measured: String? = nil, read: Int? = nil
  ) -> OperatorTableImport.Context {
    OperatorTableImport.Context(
      device: device, software: software, measured: measured, sheet: sheet,
      readBytesPerSecond: read, blockSize: 1, metadataBytesPerVector: 8, chunksShareLaunch: true)
  }

  private static let json = """
    {"device": "Some GPU", "software": "kernels 1", "measured": "2026-11-23, at night",
     "method": "passed over",
     "rows": [
      {"op": "linear", "name": "qkv", "m": 1, "k": 64, "n": 128, "us": 10.5},
      {"op": "attention_decode", "batch": 2, "context": 128, "splits": 8, "bf16_us": 5.288,
       "int4_us": 6, "int4_rotated_us": 6.5},
      {"op": "attention_prefill", "query": 32, "context": 0, "us": 7},
      {"op": "kv_append", "tokens": 3, "bf16_us": 4, "int4_us": 5, "int4_rotated_us": 5.5},
      {"op": "kv_dequantise", "tokens": 256, "rotated": false, "us": 2.5},
      {"op": "rms_norm", "m": 1, "width": 64, "us": 4},
      {"op": "rms_norm", "m": 8, "width": 64, "us": 4.5},
      {"op": "residual_add", "m": 1, "width": 64, "us": 1},
      {"op": "silu_mul", "m": 1, "width": 128, "us": 3},
      {"op": "all_reduce", "m": 1, "us": 3},
      {"op": "all_reduce", "m": 2, "us": 3}
     ]}
    """

  /// The same rows.
  private static let csv = """
    op,m,k,n,batch,query,context,tokens,us,fp16_us,int4_us,int4_rotated_us,name
    linear,1,64,128,,,,,10.5,,,,qkv
    attention_decode,,,,2,,128,,,5.288,6,6.5,
    attention_prefill,,,,,32,,,7,,,,
    kv_append,,,,,,,3,,4,5,5.5,
    kv_dequantise,,,,,,,256,2.5,,,,
    rms_norm,1,,,,,,,4,,,,
    rms_norm,8,,,,,,,4.5,,,,
    residual_add,1,,,,,,,1,,,,
    silu_mul,1,,,,,,,3,,,,
    all_reduce,1,,,,,,,3,,,,

    """

  private func read(
    _ text: String, _ context: OperatorTableImport.Context = context(), degree: Int = 1
  ) throws -> OperatorTableImport {
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    return try OperatorTableImport(
      path: path, model: Self.model, degree: degree, context: context)
  }

  private func errors(
    _ text: String, _ context: OperatorTableImport.Context = context(), degree: Int = 1
  ) throws -> [String] {
    do {
      _ = try read(text, context, degree: degree)
      return []
    } catch let error as ScenarioError {
      return error.diagnostics.map {
        $0.description.replacingOccurrences(of: path, with: "table")
      }
    }
  }

  @Test("Each row becomes an operator of the model's shapes, in the formats that it has times of")
  func rows() throws {
    let result = try read(Self.json)
    let heads = Self.model.heads
    let int4 = KVFormat.int4.with(metadataBytesPerVector: 8)
    let rotated = KVFormat.int4Rotated.with(metadataBytesPerVector: 8)
    let all = [KVFormat.fp16, int4, rotated]
    let written = heads.withoutGroups
    var expected: [(OperatorShape, Int64)] = [
      (.linear(tokens: 1, outputs: 128, inputs: 64), 10_500)
    ]
    expected += zip(all, [5_288, 6_000, 6_500]).map {
      (.decodeAttention(sequences: 2, context: 128, heads: heads, format: $0), $1)
    }
    expected += all.map {
      (.prefillAttention(tokens: 32, prefix: 0, heads: heads, format: $0), 7_000)
    }
    expected += zip(all, [4_000, 5_000, 5_500]).map {
      (.append(tokens: 3, heads: written, format: $0), $1)
    }
    expected += [int4, rotated].map { (.gather(tokens: 256, heads: written, format: $0), 2_500) }
    expected += [
      // The residual addition and the norm behind it; rows that have both.
      (.elementwise(.norm, rows: 1, width: 64), 5_000),
      (.elementwise(.finalNorm, rows: 1, width: 64), 4_000),
      (.elementwise(.finalNorm, rows: 8, width: 64), 4_500),
      // Six heads of 16.
      (.elementwise(.rotary, rows: 1, width: 96), 5_000),
      (.elementwise(.activation, rows: 1, width: 128), 3_000),
    ]
    let points = result.profile.measurements
    #expect(points.map(\.shape) == expected.map(\.0))
    #expect(points.map(\.timesNs) == expected.map { [$0.1] })
    #expect(points.allSatisfy { !$0.isHeldOut })
    #expect(result.notes.count == 3)
    #expect(result.notes[0].hasPrefix("kv_dequantise: the table has no times of it with"))
    #expect(result.notes[1].hasPrefix("rotary: "))
    #expect(result.notes[2].hasPrefix("all_reduce: left out"))
  }

  @Test("The device is the table's, its memory and bandwidth the data sheet's")
  func device() throws {
    let profile = try read(Self.json).profile
    #expect(profile.provenance == .imported && profile.chunksShareLaunch)
    #expect(profile.device.name == "Some GPU" && profile.device.kernelPath == "kernels 1")
    #expect(profile.device.memoryBytes == 1 << 34 && profile.blockSize == 1)
    #expect(profile.readBytesPerSecond == 2_000_000_000_000)
    #expect(profile.measuredAtUTC == "2026-11-23T00:00:00Z")
    let other = try read(
      Self.json,
      Self.context(device: "D", software: "S", measured: "2026-01-02T03:04:05Z", read: 7)
    ).profile
    #expect(other.device.name == "D" && other.device.kernelPath == "S")
    #expect(other.measuredAtUTC == "2026-01-02T03:04:05Z" && other.readBytesPerSecond == 7)
  }

  @Test("CSV with the same rows gives the same profile, which reads back as it was written")
  func csvRows() throws {
    let context = Self.context(
      device: "Some GPU", software: "kernels 1", measured: "2026-11-23")
    let profile = try read(Self.csv, context).profile
    #expect(try profile == read(Self.json).profile)
    let text = ProfileFile.encode(profile)
    let loaded = try ProfileFile.parse(SourceFile(path: "p", bytes: Array(text.utf8)))
    #expect(loaded.profile == profile)
  }

  @Test("Of a device's share the heads are those of the share")
  func share() throws {
    let narrow = Self.json.replacingOccurrences(of: "\"width\": 128", with: "\"width\": 64")
    let profile = try read(narrow, degree: 2).profile
    let heads = Set(profile.measurements.compactMap(\.shape.heads))
    #expect(heads.contains(HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 16)))
    #expect(try errors(Self.json, degree: 3)[0].contains("3 does not divide"))
  }

  @Test("A wrong table is refused with each of its errors at its place")
  func wrongTables() throws {
    func change(_ old: String, _ new: String) throws -> [String] {
      try errors(Self.json.replacingOccurrences(of: old, with: new))
    }
    #expect(
      try change("\"m\": 1, \"k\": 64", "\"m\": 0, \"k\": 64")[0].hasPrefix(
        "table:4:40: error: rows[0].m: `0` is out of range"))
    #expect(
      try change("\"us\": 10.5", "\"us\": -1")[0].hasSuffix(
        "`-1` is out of range; accepted: a positive number of microseconds"))
    let times = "\"bf16_us\": 4, \"int4_us\": 5, \"int4_rotated_us\": 5.5"
    #expect(
      try change("\"tokens\": 3, \(times)", times).contains {
        $0.contains("rows[3].tokens: missing")
      })
    #expect(
      try change(times, "\"us\": 4").contains {
        $0.contains("rows[3]: no time; accepted: `bf16_us`")
      })
    #expect(
      try change("attention_prefill", "attention_other").contains {
        $0.contains("no measurement of `prefill_attention` (`op` `attention_prefill`); a fit needs")
      })
    #expect(try change("\"device\": \"Some GPU\", ", "")[0].contains("--device-name"))
    #expect(
      try change("2026-11-23, at night", "last night")[0].contains("does not begin with a date"))
    #expect(try errors(Self.csv)[0].contains("give it with --device-name"))
    #expect(
      try errors(
        Self.csv.replacingOccurrences(of: "linear,1,64", with: "linear,1,x"),
        Self.context(device: "D", software: "S", measured: "2026-11-23"))[0]
        .hasPrefix("table:2:10: error: rows[0].k: "))
    #expect(try errors("op2\n")[0].contains("the header lacks `op`"))
  }

  @Test("Rows that stand twice are refused with both places; layers of other names are two rows")
  func duplicates() throws {
    func with(_ row: String) throws -> [String] {
      try errors(Self.json.replacingOccurrences(of: "\n ]}", with: ",\n  \(row)\n ]}"))
    }
    let linear = "{\"op\": \"linear\", \"m\": 1, \"k\": 64, \"n\": 128, \"us\": 10"
    let twice = "the same operator and sizes stand in line"
    #expect(
      try with(linear + ", \"name\": \"qkv\"}") == [
        "table:16:3: error: rows[11]: \(twice) 4; accepted: one row for each"
      ])
    #expect(try with(linear + ", \"name\": \"other\"}").isEmpty)
    #expect(
      try with("{\"op\": \"rms_norm\", \"m\": 8, \"us\": 4}")[0].contains("\(twice) 11"))
    #expect(
      try with("{\"op\": \"attention_prefill\", \"query\": 32, \"us\": 4}").allSatisfy {
        $0.contains("\(twice) 7")
      })
    let times = "\"tokens\": 3, \"bf16_us\": 4"
    #expect(
      try errors(Self.json.replacingOccurrences(of: times, with: times + ", \"fp16_us\": 4")) == [
        "table:8:36: error: rows[3].bf16_us: does not go with `fp16_us`: both are of 16 bits"
      ])
  }

  @Test("A table of another model is refused with what its rows should be")
  func otherModel() throws {
    #expect(
      try errors(Self.json.replacingOccurrences(of: "\"k\": 64", with: "\"k\": 96")) == [
        "table:4:3: error: rows[0]: no `linear` of the table is of a layer of m, whose `k` x `n` "
          + "are 64 x 128, 64 x 64, 64 x 256, 128 x 64, 64 x 1000; pass the model whose layers "
          + "were timed"
      ])
    let wide = Self.json.replacingOccurrences(of: "\"width\": 128", with: "\"width\": 256")
    #expect(
      try errors(wide) == [
        "table:13:39: error: rows[8].width: the table's `silu_mul` are of width 256; accepted: "
          + "128, the width in m"
      ])
  }

  @Test("Rows of another width than the model's are left out with a note")
  func otherWidths() throws {
    let heads = ",\n  {\"op\": \"rms_norm\", \"m\": 1, \"width\": 16, \"us\": 99}\n ]}"
    let result = try read(Self.json.replacingOccurrences(of: "\n ]}", with: heads))
    #expect(try result.profile == read(Self.json).profile)
    #expect(
      result.notes.contains("rms_norm: rows of width 16 left out, because those of m are of 64"))
  }

  @Test("In a table of 16 bits alone, one time of a prompt stands for these")
  func sixteenBits() throws {
    let json = Self.json.replacingOccurrences(
      of: ", \"int4_us\": 5, \"int4_rotated_us\": 5.5", with: ""
    ).replacingOccurrences(of: ",\n   \"int4_us\": 6, \"int4_rotated_us\": 6.5", with: "")
    let profile = try read(json).profile
    #expect(Set(profile.measurements.compactMap(\.shape.format)) == [.fp16])
    #expect(profile.measurements.filter { $0.shape.kind == .prefillAttention }.count == 1)
    #expect(profile.measurements.allSatisfy { $0.shape.kind != .gather })
  }

  @Test("A time of reading back with the rotation undone is that of the rotated format")
  func rotated() throws {
    let row = "{\"op\": \"kv_dequantise\", \"tokens\": 256, \"rotated\": true, \"us\": 3.5}"
    let result = try read(Self.json.replacingOccurrences(of: "\n ]}", with: ",\n  \(row)\n ]}"))
    let gathers = result.profile.measurements.filter { $0.shape.kind == .gather }
    #expect(gathers.map(\.shape.format?.name) == ["int4", "int4-rotated"])
    #expect(gathers.map(\.timesNs) == [[2_500], [3_500]])
    #expect(result.notes.allSatisfy { !$0.hasPrefix("kv_dequantise") })
    #expect(
      try errors(Self.json.replacingOccurrences(of: "false", with: "0"))[0]
        .contains("rows[4].rotated: `0` is not accepted here; accepted: true or false"))
  }

  @Test("What the reader of profiles would refuse is refused at its row")
  func unreadable() throws {
    let most = "16777216"
    #expect(
      try errors(
        Self.json.replacingOccurrences(
          of: "\n ]}",
          with: ",\n  {\"op\": \"linear\", \"m\": \(most), \"k\": \(most), \"n\": \(most), "
            + "\"us\": 1}\n ]}")) == [
          "table:16:3: error: rows[11]: `linear` the product of these sizes leaves 64 bits"
        ])
    let decodes = try errors(
      Self.json.replacingOccurrences(
        of: "\"batch\": 2, \"context\": 128", with: "\"batch\": \(most), \"context\": \(most)"))
    #expect(
      decodes.count == 3
        && decodes.allSatisfy {
          $0.hasPrefix("table:5:3: error: rows[1]: `decode_attention` takes ")
            && $0.contains("times as fast as a plain read")
        }, "\(decodes)")
    // Milliseconds as microseconds: a thousand times as fast as the memory.
    let fast = Self.json.replacingOccurrences(
      of: "\n ]}",
      with: ",\n  {\"op\": \"linear\", \"m\": 1, \"k\": 65536, \"n\": 65536, \"us\": 4.3}\n ]}")
    let errors = try errors(fast)
    #expect(
      errors.count == 1
        && errors[0].hasPrefix("table:16:3: error: rows[11]: `linear` takes 4300 ns")
        && errors[0].contains("a wrong unit makes a factor of a thousand"), "\(errors)")
  }

  @Test("A list of rows is a table, and so is CSV in quotes")
  func otherForms() throws {
    let context = Self.context(device: "Some GPU", software: "kernels 1", measured: "2026-11-23")
    let list = Self.json.components(separatedBy: "\"rows\": ")[1].dropLast()
    #expect(try read(String(list), context).profile == read(Self.json).profile)
    let quoted = Self.csv.split(separator: "\n").map { line in
      line.split(separator: ",", omittingEmptySubsequences: false).map { "\"\($0)\"" }
        .joined(separator: ",")
    }.joined(separator: "\n")
    #expect(try read(quoted, context).profile == read(Self.json).profile)
    let comma = Self.csv.replacingOccurrences(of: "10.5,,,,qkv", with: "10.5,,,,\"q, \"\"k\"\"\"")
    #expect(try read(comma, context).profile == read(Self.json).profile)
    for (wrong, place) in [("\"qkv", "2:29"), ("\"q\"kv", "2:29")] {
      let text = Self.csv.replacingOccurrences(of: "qkv", with: wrong)
      #expect(try errors(text, context)[0].hasPrefix("table:\(place): error: the quotation marks"))
    }
  }
}
