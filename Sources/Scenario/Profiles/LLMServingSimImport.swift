import CostModel
import Operators

/// Reads the operator times that LLMServingSim 2.0 profiles inside vLLM, as a profile.
///
/// A folder of its holds, for one model on one GPU:
///
///     profile-meta.yaml    the GPU, the software, its block size
///     cluster.json         the GPU's memory and bandwidth
///     dense.csv            layer, tokens, time_us
///     per_sequence.csv     layer, sequences, time_us
///     attention.csv        prefill_chunk, kv_prefill, n_decode, kv_decode, time_us
///     moe.csv              tokens, activated_experts, time_us; of models with experts
///
/// The tables of one degree of tensor parallelism may stand in a folder of their own, `tp2/`. The
/// widths of the layers come from the model's `config.json`. Times are those of one layer on one
/// device, and attention's contain writing the cache.
public struct LLMServingSimImport {
  /// Why the import is not quite the folder.
  public let notes: [String]
  /// The profile.
  public let profile: Profile

  /// Reads a folder; every error of every file comes out at once.
  ///
  /// - Parameter degree: the tensor parallelism whose tables are read: those of one device's share.
  public init(
    folder: String, model whole: ModelArchitecture, degree: Int = 1
  ) throws(ScenarioError) {
    let folder = folder.hasSuffix("/") ? folder : folder + "/"
    if let obstacle = whole.obstacle(toDegree: degree) {
      throw .unreadable(path: folder, reason: "cannot be read for \(whole.name): \(obstacle)")
    }
    let model = whole.rank(ofDegree: degree)
    guard model.layerGroups.count == 1 else {
      throw .unreadable(
        path: folder,
        reason:
          "cannot be read for \(model.name): its layers differ, and the tables are of one layer"
      )
    }
    var reader = FolderReader(
      folder: folder, model: model, vocabulary: whole.vocabSize, degree: degree)
    let software = try reader.read("profile-meta.yaml", .yaml) { $0.software($1) }
    let memory = try reader.read("cluster.json", .json) { $0.memory($1) }
    let tables = SourceFile.isFolder("\(folder)tp\(degree)") ? "tp\(degree)/" : ""
    let dense = try reader.read("\(tables)dense.csv", .csv) { $0.dense($1) }
    let outputs = try reader.read("\(tables)per_sequence.csv", .csv) { $0.perSequence($1) }
    let attention = try reader.read("\(tables)attention.csv", .csv) { $0.attention($1) }
    var experts: [Measurement]? = []
    if model.layerGroups[0].feedForward.expertCount > 0 {
      experts = try reader.read("\(tables)moe.csv", .csv) { $0.experts($1) }
    }
    guard reader.diagnostics.isEmpty, let experts, let software, let memory, let dense, let outputs,
      let attention
    else { throw .invalid(reader.diagnostics.sorted()) }
    profile = Profile(
      provenance: .imported,
      device: Device(
        name: software.gpu, kind: "gpu", kernelPath: "vLLM \(software.version)", threads: 0,
        memoryBytes: memory.bytes, lastLevelCacheBytes: 0,
        driver: software.cuda.map { "CUDA \($0)" },
        kernelVersion: "LLMServingSim profile of \(model.name)"
          + (degree > 1 ? ", tensor parallelism \(degree)" : "")),
      measuredAtUTC: software.profiledAtUTC, blockSize: software.blockSize,
      readBytesPerSecond: memory.bytesPerSecond, measurements: dense + experts + outputs + attention
    )
    notes = reader.unknownLayers.map {
      "\($0): left out, because no operator of kvsim is like it; steps will be priced without it"
    }
  }
}

/// The files of one folder.
private struct FolderReader {
  let folder: String
  /// What one device has of the model.
  let model: ModelArchitecture
  /// The whole model's: sampling needs all logits.
  let vocabulary: Int
  /// The tensor parallelism that is read.
  let degree: Int
  /// Errors of all files.
  private(set) var diagnostics: [Diagnostic] = []
  /// Layers that no operator stands for.
  private(set) var unknownLayers: [String] = []

  struct Software {
    let gpu: String
    let version: String
    let cuda: String?
    let profiledAtUTC: String
    let blockSize: Int
  }

  struct Memory {
    let bytes: Int
    let bytesPerSecond: Int
  }

  /// One file and where its errors go.
  struct File {
    let source: SourceFile
    let log: DiagnosticLog
  }

  init(folder: String, model: ModelArchitecture, vocabulary: Int, degree: Int) {
    self.folder = folder
    self.model = model
    self.vocabulary = vocabulary
    self.degree = degree
  }

  mutating func read<Value>(
    _ name: String, _ dialect: DiagnosticLog.Dialect,
    _ body: (inout FolderReader, File) -> Value?
  ) throws(ScenarioError) -> Value? {
    let path = folder + name
    let file = File(
      source: try SourceFile.read(path: path, limit: Limits.profileBytes),
      log: DiagnosticLog(file: path, dialect: dialect))
    let value = body(&self, file)
    diagnostics += file.log.sorted
    return file.log.isEmpty ? value : nil
  }

  // MARK: What was measured where

  func software(_ file: File) -> Software? {
    guard let text = file.source.text(into: file.log),
      let root = YAMLSource.parse(text, into: file.log),
      let meta = Cursor(node: root, path: "", log: file.log).anyMapping(keys: [
        "gpu", "vllm_version", "cuda_version", "profiled_at", "tp_degrees", "engine_effective",
      ])
    else { return nil }
    let gpu = meta.required("gpu", accepted: "the GPU's name")
      .flatMap { word($0, "the GPU's name") }
    let version = meta.required("vllm_version", accepted: "vLLM's version")
      .flatMap { word($0, "vLLM's version") }
    let cuda = meta.optional("cuda_version").flatMap { word($0, "CUDA's version") }
    let list = meta.optional("tp_degrees")
    let degrees = list?.items(accepted: "a list of degrees")?
      .compactMap { $0.integer(in: 1...Limits.heads) }
    if let degrees, !degrees.contains(degree) {
      list?.refuse(
        "the tables are of \(degrees.map(String.init).joined(separator: ", ")) and not of "
          + "\(degree); pass the degree with --tensor-parallel-size")
    }
    let accepted = "a time such as '2026-08-17T19:43:32+00:00'"
    let time = meta.required("profiled_at", accepted: accepted)
      .flatMap { cursor -> String? in
        guard let text = word(cursor, accepted) else { return nil }
        let utc = text.hasSuffix("+00:00") ? text.dropLast(6) + "Z" : text[...]
        guard Timestamp.isISO8601UTC(String(utc)) else {
          cursor.refuse(accepted: accepted)
          return nil
        }
        return String(utc)
      }
    let blockSize = meta.required("engine_effective", accepted: "the engine's options")?
      .anyMapping(keys: ["block_size"])?
      .required("block_size", accepted: "tokens per page")?
      .integer(in: 1...Limits.blockSize, unit: "tokens")
    guard let gpu, let version, let time, let blockSize else { return nil }
    return Software(
      gpu: gpu, version: version, cuda: cuda, profiledAtUTC: time, blockSize: blockSize)
  }

  /// A scalar as it stands there: PyYAML writes versions and times without quotes.
  private func word(_ cursor: Cursor, _ accepted: String) -> String? {
    guard case .scalar(let text, _) = cursor.node.kind, !text.isEmpty,
      text.count <= Limits.nameCharacters
    else {
      cursor.refuse(accepted: accepted)
      return nil
    }
    return text
  }

  /// Of the first instance: GiB and GB/s.
  func memory(_ file: File) -> Memory? {
    guard let text = file.source.text(into: file.log),
      let root = JSONSource.parse(text, into: file.log)
    else { return nil }
    let accepted = "a list with the node's instances"
    let memory = Cursor(node: root, path: "", log: file.log)
      .anyMapping(keys: ["nodes"])?
      .required("nodes", accepted: accepted)?.items(accepted: accepted)?.first?
      .anyMapping(keys: ["instances"])?
      .required("instances", accepted: accepted)?.items(accepted: accepted)?.first?
      .anyMapping(keys: ["npu_mem"])?
      .required("npu_mem", accepted: "the memory of a GPU")?
      .anyMapping(keys: ["mem_size", "mem_bw"])
    func positive(_ key: String, _ unit: String) -> Double? {
      memory?.required(key, accepted: "a positive number of \(unit)")?
        .number(in: { $0 > 0 && $0 < 1e6 }, accepted: "a positive number of \(unit)")
    }
    guard let gib = positive("mem_size", "GiB"), let gigabytes = positive("mem_bw", "GB/s") else {
      if file.log.isEmpty {
        file.log.report(at: .start, "no instance with `npu_mem`; accepted: a cluster of one GPU")
      }
      return nil
    }
    return Memory(
      bytes: Int((gib * 0x1p30).rounded()), bytesPerSecond: Int((gigabytes * 1e9).rounded()))
  }

  // MARK: Times

  mutating func dense(_ file: File) -> [Measurement]? {
    layers(file, rows: "tokens") { name, tokens, model in
      let heads = model.heads
      let group = model.layerGroups[0]
      let projections = model.projections(of: group)
      func linear(_ projection: ModelArchitecture.Projection?) -> OperatorShape? {
        projection.map { .linear(tokens: tokens, outputs: $0.outputs, inputs: $0.inputs) }
      }
      // Where tokens go to experts, only an expert that all share has layers of its own.
      let mlp = projections.dropFirst(2)
      func small(_ kind: ElementwiseOperator, _ width: Int) -> OperatorShape {
        .elementwise(kind, rows: tokens, width: width)
      }
      return switch name {
      case "qkv_proj": linear(projections[0])
      case "o_proj": linear(projections[1])
      case "gate_up_proj": linear(mlp.first)
      case "down_proj": linear(mlp.last)
      case "gate", "router": linear(model.router(of: group))
      case "layernorm": small(.norm, model.hiddenSize)
      case "final_layernorm": small(.finalNorm, model.hiddenSize)
      case "rotary_emb": small(.rotary, (heads.queryHeads + heads.kvHeads) * heads.headDim)
      case "act_fn" where group.feedForward.expertCount == 0:
        small(.activation, group.feedForward.activationElements / 3)
      case "embedding": small(.embedding, model.hiddenSize)
      default: nil
      }
    }
  }

  mutating func perSequence(_ file: File) -> [Measurement]? {
    let vocabulary = vocabulary
    return layers(file, rows: "sequences") { name, sequences, model in
      switch name {
      case "lm_head":
        .linear(
          tokens: sequences, outputs: model.outputHead.outputs, inputs: model.outputHead.inputs)
      case "sampler": .elementwise(.sampling, rows: sequences, width: vocabulary)
      default: nil
      }
    }
  }

  /// Rows of a layer's name, a number of rows and a time.
  private mutating func layers(
    _ file: File, rows column: String,
    shape: (_ layer: String, _ rows: Int, ModelArchitecture) -> OperatorShape?
  ) -> [Measurement]? {
    guard
      let table = CSVTable(file.source, columns: ["layer", column, "time_us"], into: file.log)
    else { return nil }
    return table.rows.compactMap { row in
      guard let count = table.integer(row, column, in: 1...Limits.tokens),
        let ns = table.nanoseconds(row, microseconds: "time_us")
      else { return nil }
      let layer = table.word(row, "layer")
      guard let shape = shape(layer, count, model) else {
        if !unknownLayers.contains(layer) { unknownLayers.append(layer) }
        return nil
      }
      return Measurement(shape: shape, isHeldOut: false, timesNs: [ns])
    }
  }

  /// The experts of one layer, by how many of them have work.
  func experts(_ file: File) -> [Measurement]? {
    guard
      let table = CSVTable(
        file.source, columns: ["tokens", "activated_experts", "time_us"], into: file.log),
      let layer = model.layerGroups[0].feedForward.expertShape(inputs: model.hiddenSize)
    else { return nil }
    let count = model.layerGroups[0].feedForward.expertCount
    return table.rows.compactMap { row in
      guard let tokens = table.integer(row, "tokens", in: 1...Limits.tokens),
        let active = table.integer(row, "activated_experts", in: 1...count),
        let ns = table.nanoseconds(row, microseconds: "time_us")
      else { return nil }
      return Measurement(
        shape: .experts(tokens: tokens, active: active, layer: layer), isHeldOut: false,
        timesNs: [ns])
    }
  }

  mutating func attention(_ file: File) -> [Measurement]? {
    let columns = ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"]
    guard let table = CSVTable(file.source, columns: columns + ["time_us"], into: file.log) else {
      return nil
    }
    let (heads, format) = (model.heads, KVFormat.fp16)
    return table.rows.compactMap { row in
      let sizes = columns.compactMap { table.integer(row, $0, in: 0...Limits.tokens) }
      guard sizes.count == 4, let ns = table.nanoseconds(row, microseconds: "time_us") else {
        return nil
      }
      let (tokens, prefix, sequences, context) = (sizes[0], sizes[1], sizes[2], sizes[3])
      guard tokens > 0 || sequences > 0, context > 0 || sequences == 0 else {
        table.refuse(row, "n_decode", "a chunk, or decodes with a context")
        return nil
      }
      let shape: OperatorShape =
        tokens == 0
        ? .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
        : sequences == 0
          ? .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
          : .mixedAttention(
            tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
            format: format)
      return Measurement(shape: shape, isHeldOut: false, timesNs: [ns])
    }
  }
}
