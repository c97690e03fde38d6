import Foundation
import TestSupport
import Testing

@testable import KernelStudies

/// From tensors to a sample: shapes, values that no format holds, and files on disk.
@Suite struct AccuracyShapeTests {
  private func zeros(_ shape: [Int]) -> Tensor {
    Tensor(
      name: "k.npy", shape: shape, elements: [Float](repeating: 0, count: shape.reduce(1, *)))
  }

  private func tensor(_ name: String, _ shape: [Int], from: Int = 0) -> Tensor {
    let count = shape.reduce(1, *)
    return Tensor(name: name, shape: shape, elements: (from..<from + count).map(Float.init))
  }

  @Test("three conventions of one sample are the same sample")
  func conventions() throws {
    let (tokens, heads, headDim) = (3, 2, 16)
    let rows = tensor("k", [tokens, heads, headDim])
    var turned: [Float] = []
    for head in 0..<heads {
      for token in 0..<tokens {
        turned +=
          rows.elements[(token * heads + head) * headDim..<(token * heads + head + 1) * headDim]
      }
    }
    let cache = Tensor(name: "k", shape: [1, heads, tokens, headDim], elements: turned)
    let first = try KVSample(keys: rows, values: rows, queries: rows, queryTokens: 64)
    let second = try KVSample(keys: cache, values: rows, queries: cache, queryTokens: 64)
    #expect(first.keys == rows.elements && second.keys == first.keys)
    #expect(second.values == first.values && second.queries == first.queries)
    #expect(second.tokens == 3 && second.heads.kvHeads == 2 && second.queryTokens == 3)
    let flat = try KVSample(
      keys: tensor("k", [5, 16]), values: tensor("v", [5, 16]), queryHeads: nil, queryTokens: 2,
      seed: 1)
    #expect(flat.tokens == 5 && flat.heads.kvHeads == 1 && flat.heads.queryHeads == 4)
  }

  @Test("the last queries ask, and belong to the last keys")
  func lastQueries() throws {
    let queries = tensor("q", [4, 2, 16])
    let sample = try KVSample(
      keys: tensor("k", [6, 1, 16]), values: tensor("v", [6, 1, 16]), queries: queries,
      queryTokens: 3)
    #expect(sample.queryTokens == 3 && sample.queries == Array(queries.elements.suffix(96)))
  }

  @Test("shapes that are none are refused with those that are")
  func badShapes() {
    for shape in [
      [16], [2, 2, 2, 16], [2, 1, 2, 16], [1, 1, 1, 2, 16], [2, 2, 15], [2, 2, 8], [2, 2, 528],
      [0, 2, 16], [2, 0, 16], [2, 2, 0], [],
    ] {
      let keys = tensor("k.npy", shape)
      let error = refusal { () throws(TensorFileError) in
        try KVSample(keys: keys, values: keys, queryHeads: nil, queryTokens: 1, seed: 1)
      }
      guard case .badShape(let file, let given, let accepted) = error else {
        Issue.record("\(shape): \(String(describing: error))")
        continue
      }
      #expect(file == "k.npy" && given.contains(Tensor.text(shape)))
      #expect(accepted.contains("[tokens, kv_heads, head_dim]"))
    }
  }

  @Test("axes that look swapped are refused with how to mend them")
  func swappedAxes() throws {
    for shape in [
      [8, 300, 16], [2, 3, 16], [1, 300, 8, 16], [400, 129, 16], [1, 129, 400, 16],
    ] {
      let keys = zeros(shape)
      let error = refusal { () throws(TensorFileError) in
        try KVSample(keys: keys, values: keys, queryHeads: nil, queryTokens: 1, seed: 1)
      }
      guard case .badShape(_, let given, let accepted) = error else {
        Issue.record("\(shape): \(String(describing: error))")
        continue
      }
      #expect(given.contains(Tensor.text(shape)) && given.contains("look swapped"))
      #expect(accepted.contains("array.swapaxes(\(shape.count == 3 ? "0, 1" : "1, 2"))"))
    }
    for shape in [[128, 128, 16], [3, 3, 16], [9, 8, 16], [1, 16], [1, 1, 16]] {
      let keys = zeros(shape)
      let sample = try KVSample(keys: keys, values: keys, queryHeads: nil, queryTokens: 1, seed: 1)
      #expect(sample.heads.queryHeads <= TensorLimits.heads)
    }
  }

  @Test("few queries of many heads are taken; all of a prompt with swapped axes are not")
  func swappedQueries() throws {
    let keys = tensor("k", [64, 2, 16])
    func refused(_ shape: [Int]) -> TensorFileError? {
      refusal { () throws(TensorFileError) in
        try KVSample(keys: keys, values: keys, queries: tensor("q", shape), queryTokens: 64)
      }
    }
    for shape in [[1, 32, 16], [4, 128, 16], [64, 8, 16], [1, 8, 4, 16]] {
      #expect(refused(shape) == nil, "\(shape)")
    }
    for shape in [[8, 64, 16], [1, 64, 8, 16], [8, 130, 16]] {
      #expect(refused(shape)?.parts.given.contains("look swapped") == true, "\(shape)")
    }
    let many = refusal { () throws(TensorFileError) in
      try KVSample(keys: keys, values: keys, queryHeads: 514, queryTokens: 1, seed: 1)
    }
    #expect(many?.parts.accepted.contains("512") == true)
  }

  @Test("values and queries that do not go with the keys are refused")
  func mismatches() {
    let keys = tensor("k", [4, 2, 32])
    for shape in [[3, 2, 32], [4, 1, 32], [4, 2, 16]] {
      let error = refusal { () throws(TensorFileError) in
        try KVSample(
          keys: keys, values: tensor("v", shape), queryHeads: 4, queryTokens: 1, seed: 1)
      }
      #expect(error?.parts.file == "v" && error?.parts.accepted.contains("4 tokens") == true)
    }
    for shape in [[5, 2, 32], [4, 3, 32], [4, 2, 16]] {
      let error = refusal { () throws(TensorFileError) in
        try KVSample(keys: keys, values: keys, queries: tensor("q", shape), queryTokens: 1)
      }
      #expect(error?.parts.file == "q")
    }
    let error = refusal { () throws(TensorFileError) in
      try KVSample(keys: keys, values: keys, queryHeads: 3, queryTokens: 1, seed: 1)
    }
    #expect(error != nil)
  }

  @Test("NaN, infinity and what pages of some format do not hold are refused at their place")
  func badValues() {
    // A head size of 16 is rotated by order 16: a fourth of 65,504.
    #expect(TensorLimits.magnitude(headDim: 16) == 16_376)
    for value in [Float.nan, .infinity, -.infinity, Float(16_376).nextUp] {
      var elements = [Float](repeating: 1, count: 4 * 2 * 16)
      elements[(2 * 2 + 1) * 16 + 7] = value
      let bad = Tensor(name: "v.npy", shape: [4, 2, 16], elements: elements)
      let good = tensor("k.npy", [4, 2, 16])
      for (keys, values) in [(bad, good), (good, bad)] {
        let error = refusal { () throws(TensorFileError) in
          try KVSample(keys: keys, values: values, queryHeads: 2, queryTokens: 1, seed: 1)
        }
        guard case .badValue(let file, let given, _) = error else {
          Issue.record("\(value): \(String(describing: error))")
          continue
        }
        #expect(file == "v.npy" && given.contains("at [2, 1, 7]"))
      }
    }
  }

  @Test("files on disk: by ending and by tensor; folders, pipes and nothing are refused")
  func files() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
      "kvsim-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
      let file = folder.appendingPathComponent(name)
      try Data(bytes).write(to: file)
      return file.path
    }
    let data = TensorFiles.singles([1, 2])
    let npy = try write(
      "k.npy", TensorFiles.npy(header: TensorFiles.header("<f4", "(2,)"), data: data))
    let header = #"{"a:b": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}"#
    let tensors = try write("kv.safetensors", TensorFiles.safetensors(header, data: data))
    for argument in [npy, tensors, tensors + ":a:b"] {
      #expect(try Tensor.load(argument).elements == [1, 2])
    }
    let sub = folder.appendingPathComponent("d.npy")
    try FileManager.default.createDirectory(at: sub, withIntermediateDirectories: true)
    for argument in [npy + "x", folder.path + "/no.npy", sub.path, tensors + ":b", "/dev/zero.npy"]
    {
      let error = refusal { () throws(TensorFileError) in try Tensor.load(argument) }
      #expect(error != nil && !"\(error!)".isEmpty, "\(argument)")
    }
  }
}
