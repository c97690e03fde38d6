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
    #expect(result.notes.count == 2)
    #expect(result.notes[0].hasPrefix("rotary: "))
    #expect(result.notes[1].hasPrefix("all_reduce: left out"))
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
    let profile = try read(Self.json, degree: 2).profile
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
        $0.contains("no measurement of `prefill_attention`")
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
    #expect(try errors("[]")[0].contains("the header lacks `op`"))
  }
}
