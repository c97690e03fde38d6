import Foundation
import TestSupport
import Testing

@testable import KernelStudies

/// Readers of tensors: what they take, and what they refuse by name.
@Suite struct AccuracyFileTests {
  // MARK: .npy

  @Test("every version and type of .npy gives its elements")
  func numpy() throws {
    let values: [Float] = [0, 1, -2.5, 0.25, 1024, -0.125]
    let files: [(String, [UInt8])] = [
      ("<f2", values.flatMap { TensorFiles.littleEndian(Float16($0).bitPattern) }),
      ("<f4", TensorFiles.singles(values)),
      ("<f8", values.flatMap { TensorFiles.littleEndian(Double($0).bitPattern) }),
    ]
    for (descr, data) in files {
      for version: UInt8 in 1...3 {
        let bytes = TensorFiles.npy(
          version: version, header: TensorFiles.header(descr, "(2, 3)"), data: data)
        let tensor = try NPYFile.read(MemoryBytes(bytes))
        #expect(tensor.shape == [2, 3] && tensor.elements == values, "\(descr) \(version)")
      }
    }
  }

  @Test("keys in any order and quotes, no trailing comma, one dimension")
  func numpyHeaders() throws {
    for header in [
      "{\"shape\":(2,),'fortran_order':False,'descr':'<f4'}",
      "{ 'fortran_order' : False , 'descr' : \"<f4\" , 'shape' : ( 2 , ) , }\n",
    ] {
      let bytes = TensorFiles.npy(header: header, data: TensorFiles.singles([1, 2]))
      #expect(try NPYFile.read(MemoryBytes(bytes)).shape == [2])
    }
  }

  @Test("types and orders that are not read are named with those that are")
  func numpyTypes() {
    for descr in [">f4", "|O", "<i8", "|V2", "<c8", "=f4", "|u1", "<f16", "f4", "<U3"] {
      let bytes = TensorFiles.npy(header: TensorFiles.header(descr, "(1,)"), data: [0, 0, 0, 0])
      guard case .unsupportedType(let file, let given, let accepted) = npyRefusal(bytes) else {
        Issue.record("\(descr) is read")
        continue
      }
      #expect(file == "k.npy" && given.contains(descr) && accepted.contains("'<f4'"))
    }
    let structured =
      "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,)}"
    let error = npyRefusal(TensorFiles.npy(header: structured, data: []))
    guard case .unsupportedType(_, let given, _) = error else {
      Issue.record("structured: \(String(describing: error))")
      return
    }
    #expect(given.contains("('b', '<i4')"))
    let turned = TensorFiles.npy(
      header: TensorFiles.header("<f4", "(1,)", order: "True"), data: [0, 0, 0, 0])
    #expect(npyRefusal(turned)?.parts.accepted.contains("C order") == true)
  }

  @Test("headers that numpy does not write are refused where they go wrong")
  func malformedNumpyHeaders() {
    let good = "'descr': '<f4', 'fortran_order': False"
    for header in [
      "", "{", "}", "{}", "[]", "{\(good)}", "{\(good), 'shape': (1)}", "{\(good), 'shape': (1,)",
      "{\(good), 'shape': (-1,)}", "{\(good), 'shape': (1.0,)}", "{\(good), 'shape': (1 1)}",
      "{\(good), 'shape': (,)}", "{\(good), 'shape': (1,,)}", "{\(good), 'shape': [1]}",
      "{\(good), 'shape': (1,), 'shape': (1,)}", "{\(good), 'shape': (1,), 'more': 1}",
      "{\(good), 'shape': (1,)} x", "{\(good), 'shape': (1,)}\n ", "{\(good) 'shape': (1,)}",
      "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", "{'descr: 1",
      "{'descr': [[[", "{'descr': '<f\\x34', 'fortran_order': False, 'shape': (1,)}",
      "{\(good), 'shape': (99999999999999999999,)}", "{\(good), 'shape': (1,1,1,1,1,1,1,1,1)}",
    ] {
      let error = npyRefusal(TensorFiles.npy(header: header, data: [0, 0, 0, 0]))
      guard case .badHeader = error else {
        Issue.record("\(header): \(String(describing: error))")
        continue
      }
    }
  }

  @Test("truncated and over-long data, wrong magic and versions, absurd sizes")
  func numpyLengths() {
    let header = TensorFiles.header("<f4", "(2, 2)")
    let good = TensorFiles.npy(header: header, data: TensorFiles.singles([1, 2, 3, 4]))
    #expect(npyRefusal(good) == nil)
    for count in 0..<good.count {
      #expect(npyRefusal(Array(good[..<count])) != nil, "\(count) bytes")
    }
    guard case .badLength(_, let given, let accepted) = npyRefusal(good + [0]) else {
      Issue.record("one byte more is read")
      return
    }
    #expect(given.contains("17") && accepted.contains("16") && accepted.contains("[2, 2]"))
    var other = good
    other[6] = 4
    #expect(npyRefusal(other)?.parts.given == "version 4.0")
    let huge = "(4611686018427387904, 4, 4)"
    for shape in [huge, "(134217729,)", "(0, 9223372036854775807, 2)"] {
      let error = npyRefusal(TensorFiles.npy(header: TensorFiles.header("<f4", shape), data: [1]))
      #expect(error != nil, "\(shape)")
    }
  }

  // MARK: safetensors

  @Test("every type of safetensors gives its elements; a lone tensor needs no name")
  func safetensors() throws {
    let header = """
      {"__metadata__": {"format": "pt"}, "half": {"dtype": "F16", "shape": [2], \
      "data_offsets": [0, 4]}, "brain": {"dtype": "BF16", "shape": [2], "data_offsets": [4, 8]}, \
      "single": {"dtype": "F32", "shape": [1, 2], "data_offsets": [8, 16]}, "double": \
      {"dtype": "F64", "shape": [2, 1], "data_offsets": [16, 32]}, "whole": {"dtype": "I64", \
      "shape": [1], "data_offsets": [32, 40]}}  
      """
    let data =
      [Float16(1.5), -2].flatMap { TensorFiles.littleEndian($0.bitPattern) }
      + [Float(1.5), -2].flatMap { TensorFiles.littleEndian(UInt16($0.bitPattern >> 16)) }
      + TensorFiles.singles([1.5, -2])
      + [1.5, -2].flatMap { TensorFiles.littleEndian($0.bitPattern) } + [0, 0, 0, 0, 0, 0, 0, 0]
    let file = try SafetensorsFile(
      MemoryBytes(TensorFiles.safetensors(header, data: data), name: "kv.safetensors"))
    for name in ["half", "brain", "single", "double"] {
      let tensor = try file.tensor(named: name)
      #expect(tensor.elements == [1.5, -2] && tensor.name == "kv.safetensors:\(name)")
    }
    #expect(
      refusal { () throws(TensorFileError) in try file.tensor(named: "whole") }
        == .unsupportedType(
          file: "kv.safetensors:whole", given: "elements of type `I64`",
          accepted: "F16, BF16, F32, F64"))
    for name in [nil, "keys"] {
      let error = refusal { () throws(TensorFileError) in try file.tensor(named: name) }
      guard case .unknownTensor(_, _, let accepted) = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
      #expect(accepted.contains("`brain`") && accepted.contains("`single`"))
    }
    let lone = try SafetensorsFile(MemoryBytes(AccuracyFileTests.loneTensor))
    #expect(try lone.tensor(named: nil).elements == [1, 2, 3])
  }

  private static let loneTensor = TensorFiles.safetensors(
    #"{"k": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}"#,
    data: TensorFiles.singles([1, 2, 3]))

  @Test("places outside the file, overlaps, holes, wrong lengths and wrong JSON are refused")
  func malformedSafetensors() {
    func entry(_ name: String, _ place: String, shape: String = "[1]") -> String {
      "\"\(name)\": {\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": \(place)}"
    }
    for header in [
      "", "{", "[]", "{\"k\": 1}", "{\"k\": {\"dtype\": \"F32\"}}", "\u{1}", "null",
      "{\(entry("k", "[0]"))}", "{\(entry("k", "[-4, 4]"))}", "{\(entry("k", "[0, 4.5]"))}",
      "{\(entry("k", "[0, 8]"))}", "{\(entry("k", "[4, 8]"))}", "{\(entry("k", "[8, 0]"))}",
      "{\(entry("k", "[0, 4]")), \(entry("v", "[0, 8]"))}",
      "{\(entry("k", "[0, 4]")), \(entry("v", "[8, 8]", shape: "[0]"))}",
      "{\(entry("k", "[0, 9223372036854775807]"))}", "{\(entry("k", "[0, 12]"))}",
      "{\(entry("k", "[0, 8]", shape: "[-1, -2]"))}", "{}",
      "{\(entry("k", "[0, 8]", shape: "[4611686018427387904, 8]"))}",
      String(repeating: "[", count: 100_000), "{\(entry("k", "[0, 18446744073709551616]"))}",
    ] {
      let bytes = TensorFiles.safetensors(header, data: [0, 0, 0, 0, 0, 0, 0, 0])
      #expect(safetensorsRefusal(bytes) != nil, "\(header.prefix(80))")
    }
    #expect(safetensorsRefusal([255, 255, 255, 255, 255, 255, 255, 255]) != nil)
    #expect(safetensorsRefusal(AccuracyFileTests.loneTensor + [0]) != nil)
  }

  @Test("names twice, numbers that are not whole and negative dimensions are refused by name")
  func strictSafetensors() {
    func header(_ shape: String, more: String = "") -> String {
      "{\"k\": {\"dtype\": \"F32\", \"shape\": \(shape), \"data_offsets\": [0, 8]\(more)}}"
    }
    let good = header("[2]")
    for (text, given, accepted) in [
      (header("[-1, 2]"), "`-1` as a dimension of `k`", "whole numbers from 0"),
      (header("[2.0]"), "`2.0` as a dimension of `k`", "whole numbers from 0"),
      (header("[2e0]"), "`2e0`", "whole"), (header("[02]"), "`02`", "whole"),
      (good.dropLast() + ", " + good.dropFirst(), "the name `k` a second time", "once"),
      (header("[2]", more: ", \"shape\": [2]"), "the key `shape`", "each once"),
      ("{\"__metadata__\": {\"a\": \"b\", \"a\": \"b\"}}", "the name `a` a second time", "once"),
      (header("[2]", more: ", \"x\": 1"), "the key `x`", "`dtype`"),
      (good + "x", "`x`", "spaces"), (header("[2,]"), "`]`", "a dimension of `k`"),
    ] {
      let error = safetensorsRefusal(
        TensorFiles.safetensors(String(text), data: [0, 0, 0, 0, 0, 0, 0, 0]))
      guard case .badHeader(_, let found, let wanted) = error else {
        Issue.record("\(text): \(String(describing: error))")
        continue
      }
      #expect(found.contains(given) && wanted.contains(accepted), "\(text): \(error!)")
    }
  }

  @Test("escapes of JSON in names are those of JSON")
  func safetensorsEscapes() throws {
    let names = [
      #"a\"\\\/\u00e9\ud83d\ude00\n"#: "a\"\\/é😀\n", "é": "é",
    ]
    for (written, name) in names {
      let header = "{\"\(written)\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]}}"
      let file = try SafetensorsFile(
        MemoryBytes(TensorFiles.safetensors(header, data: TensorFiles.singles([3]))))
      #expect(try file.tensor(named: name).elements == [3])
    }
    for written in [#"\x"#, #"\u12"#, #"\ud83d"#, #"\ude00"#, #"\ud83dx"#, #"\u+123"#, "\n"] {
      let header = "{\"\(written)\": {\"dtype\": \"F32\", \"shape\": [], \"data_offsets\": [0, 4]}}"
      let bytes = TensorFiles.safetensors(header, data: TensorFiles.singles([3]))
      #expect(safetensorsRefusal(bytes) != nil, "\(written)")
    }
  }

  @Test("FP64 beyond FP32 is named as it stands, not as infinity")
  func beyondSingle() {
    func file(_ value: Double) -> [UInt8] {
      TensorFiles.npy(
        header: TensorFiles.header("<f8", "(1, 2)"),
        data: [1, value].flatMap { TensorFiles.littleEndian($0.bitPattern) })
    }
    let error = npyRefusal(file(-1e300))
    guard case .badValue(_, let given, let accepted) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(given == "-1e+300 at [0, 1], which is beyond float32" && accepted.contains("65504"))
    #expect(npyRefusal(file(.infinity)) == nil, "the sample refuses it at its place")
  }

  // MARK: mutations

  @Test("mutated files load or are refused; nothing traps or reads beyond the end")
  func mutations() {
    var random = SeededRandom(11)
    let npy = TensorFiles.npy(
      header: TensorFiles.header("<f4", "(4, 2, 16)"),
      data: TensorFiles.singles(random.normals(128)))
    var refused = 0
    let rounds = 400 * testDepth
    for _ in 0..<rounds {
      if npyRefusal(mutated(npy, &random)) != nil { refused += 1 }
      if safetensorsRefusal(mutated(AccuracyFileTests.loneTensor, &random)) != nil { refused += 1 }
    }
    // A mutator that changes nothing, or a reader that takes anything, would pass too.
    #expect(refused > rounds / 2 && refused < 2 * rounds)
  }

  /// A copy that is cut, or longer, or differs in some bytes, mostly of the header.
  private func mutated(_ bytes: [UInt8], _ random: inout SeededRandom) -> [UInt8] {
    var bytes = bytes
    switch random.next() % 4 {
    case 0: bytes.removeLast(Int(random.next() % UInt64(bytes.count)))
    case 1: bytes.insert(UInt8(random.next() & 0xFF), at: Int(random.next() % UInt64(bytes.count)))
    default:
      for _ in 0..<1 + random.next() % 3 {
        let index = Int(random.next() % UInt64(min(bytes.count, 100)))
        bytes[index] = UInt8(random.next() & 0xFF)
      }
    }
    return bytes
  }

  private func npyRefusal(_ bytes: [UInt8]) -> TensorFileError? {
    refusal { () throws(TensorFileError) in try NPYFile.read(MemoryBytes(bytes)) }
  }

  private func safetensorsRefusal(_ bytes: [UInt8]) -> TensorFileError? {
    refusal { () throws(TensorFileError) in
      try SafetensorsFile(MemoryBytes(bytes)).tensor(named: nil)
    }
  }
}
