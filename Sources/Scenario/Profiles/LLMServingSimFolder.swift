import CostModel
import Operators

/// The files of one folder of LLMServingSim's: what was measured where, and the times.
struct LLMServingSimFolder {
  let folder: String
  /// The whole model.
  let whole: ModelArchitecture
  /// What one device has of it.
  let model: ModelArchitecture
  /// The tensor parallelism that is read.
  let degree: Int
  /// The times.
  var points = ImportedPoints()
  /// Layers that no operator stands for.
  var unknownLayers: [String] = []
  /// Rows of `skew.csv` that are passed over: prompts in one launch with ragged decodes.
  var skewedLaunches = 0
  /// Whether the ragged batches of `skew.csv` are read.
  let readsRagged: Bool
  private var logs: [DiagnosticLog] = []
  /// Files that are not there.
  private var unreadable: [Diagnostic] = []

  /// What the folder says of itself.
  struct Meta {
    let gpu: String
    /// What `cluster.json` calls the GPU.
    let hardware: String?
    let version: String
    let cuda: String?
    let profiledAtUTC: String
    let blockSize: Int
    /// Calls that a time of `skew.csv` is the sum of; nil where that is not read.
    let iterations: Int?
  }

  struct Memory {
    let bytes: Int
    let bytesPerSecond: Int
  }

  /// One file and where its errors go.
  struct File {
    let source: SourceFile
    let log: DiagnosticLog

    var place: ImportedPoints.Place { ImportedPoints.Place(log: log) }
  }

  init(folder: String, model whole: ModelArchitecture, degree: Int, readsRagged: Bool) {
    self.folder = folder
    self.readsRagged = readsRagged
    self.whole = whole
    self.degree = degree
    model = whole.rank(ofDegree: degree)
  }

  /// A file, or nil with an error where it cannot be read.
  mutating func file(_ name: String, _ dialect: DiagnosticLog.Dialect) -> File? {
    do throws(ScenarioError) {
      let path = folder + name
      let log = DiagnosticLog(file: path, dialect: dialect)
      let file = File(source: try SourceFile.read(path: path, limit: Limits.profileBytes), log: log)
      logs.append(log)
      return file
    } catch {
      unreadable += error.diagnostics
      return nil
    }
  }

  /// The folder as a whole.
  var root: ImportedPoints.Place { ImportedPoints.Place(log: logs[0]) }

  /// Whether no file has an error so far.
  var isValid: Bool { unreadable.isEmpty && logs.allSatisfy(\.isEmpty) }

  /// Throws the errors of all files, if there are any.
  func throwIfAny() throws(ScenarioError) {
    let all = unreadable + logs.flatMap(\.sorted)
    if !all.isEmpty { throw .invalid(all.sorted()) }
  }

  /// Where the tables of the degree stand: in a folder of their own, or beside the rest.
  var tables: String { SourceFile.isFolder("\(folder)tp\(degree)") ? "tp\(degree)/" : "" }

  // MARK: What was measured where

  /// `profile-meta.yaml`, which some versions call `meta.yaml`.
  mutating func meta() -> Meta? {
    let names = ["profile-meta.yaml", "meta.yaml"]
    let name = names.first { SourceFile.exists(folder + $0) } ?? names[0]
    guard let file = file(name, .yaml), let text = file.source.text(into: file.log),
      let root = YAMLSource.parse(text, into: file.log),
      let meta = Cursor(node: root, path: "", log: file.log).anyMapping(
        keys: [
          "gpu", "hardware", "vllm_version", "cuda_version", "profiled_at", "tp_degrees",
          "engine_effective", "measurement_iterations",
        ] + LLMServingSimFolder.formatKeys)
    else { return nil }
    let gpu = meta.required("gpu", accepted: "the GPU's name")
      .flatMap { word($0, "the GPU's name") }
    let version = meta.required("vllm_version", accepted: "vLLM's version")
      .flatMap { word($0, "vLLM's version") }
    let cuda = meta.optional("cuda_version").flatMap { word($0, "CUDA's version") }
    let hardware = meta.optional("hardware").flatMap { word($0, "the GPU's name") }
    let degrees = degrees(meta)
    let accepted = "a time such as '2026-08-17T19:43:32+00:00'"
    let time = meta.required("profiled_at", accepted: accepted)
      .flatMap { cursor -> String? in
        guard let text = word(cursor, accepted) else { return nil }
        guard let utc = Timestamp.utc(text) else {
          cursor.refuse(accepted: accepted)
          return nil
        }
        return utc
      }
    let engine = meta.required("engine_effective", accepted: "the engine's options")?
      .anyMapping(keys: ["block_size", "hf_overrides"] + LLMServingSimFolder.formatKeys)
    let blockSize = engine?.required("block_size", accepted: "tokens per page")?
      .integer(in: 1...Limits.blockSize, unit: "tokens")
    let calls = "the number of calls that a time of skew.csv is the sum of"
    let iterations =
      readsRagged
      ? meta.required("measurement_iterations", accepted: calls)?.integer(in: 1...1_000_000) : nil
    for mapping in [meta, engine] { mapping.map(checkFormats) }
    engine.map { checkModel($0, degrees: degrees) }
    guard let gpu, let version, let time, let blockSize else { return nil }
    return Meta(
      gpu: gpu, hardware: hardware, version: version, cuda: cuda, profiledAtUTC: time,
      blockSize: blockSize, iterations: iterations)
  }

  /// The degrees of the tables, which have to have the one that is read, and a folder for it where
  /// they are several.
  private func degrees(_ meta: MappingCursor) -> [Int] {
    let list = meta.optional("tp_degrees")
    let degrees = list?.items(accepted: "a list of degrees")?
      .compactMap { $0.integer(in: 1...Limits.heads) }
    guard let degrees else { return [] }
    let shown = degrees.map(String.init).joined(separator: ", ")
    if !degrees.contains(degree) {
      list?.refuse(
        "the tables are of \(shown) and not of \(degree); pass the degree with "
          + "--tensor-parallel-size")
    } else if Set(degrees).count > 1, tables.isEmpty {
      list?.refuse(
        "the tables are of \(shown): those of \(degree) have to stand in a folder of their own, "
          + "`tp\(degree)/`, which is not there")
    }
    return degrees
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

  private static let formatKeys = ["variant", "dtype", "quantization", "kv_cache_dtype"]
  private static let sixteenBits = ["bf16", "bfloat16", "fp16", "float16", "half"]

  /// Refuses weights and caches of other than 16 bits: a profile has no other.
  private func checkFormats(_ mapping: MappingCursor) {
    for key in LLMServingSimFolder.formatKeys {
      guard let cursor = mapping.optional(key), case .scalar(let text, _) = cursor.node.kind,
        !["", "~", "null", "none", "auto"].contains(text.lowercased()),
        !LLMServingSimFolder.sixteenBits.contains(text.lowercased())
      else { continue }
      cursor.refuse(
        "times in \(cursor.node.given) would be read as those of 16 bits, of which kvsim keeps "
          + "imported weights and caches; accepted: "
          + LLMServingSimFolder.sixteenBits.map { "`\($0)`" }.joined(separator: ", "))
    }
  }

  /// Refuses a model whose layers are not those that were timed: the sizes that the profiler gave
  /// vLLM are the model's, or those of one device's share.
  private func checkModel(_ engine: MappingCursor, degrees: [Int]) {
    let sizes: [(key: String, of: (ModelArchitecture) -> Int?)] = [
      ("hidden_size", { $0.hiddenSize }), ("num_attention_heads", { $0.heads.queryHeads }),
      ("num_key_value_heads", { $0.heads.kvHeads }), ("head_dim", { $0.heads.headDim }),
      ("vocab_size", { $0.vocabSize }),
      (
        "intermediate_size",
        {
          guard case .dense(let size, _) = $0.layerGroups[0].feedForward else { return nil }
          return size
        }
      ),
    ]
    guard let overrides = engine.mapping(at: "hf_overrides", keys: sizes.map(\.key)) else { return }
    let shares = Set([1, degree] + degrees).filter { whole.obstacle(toDegree: $0) == nil }
      .map { whole.rank(ofDegree: $0) }
    for size in sizes {
      guard let cursor = overrides.optional(size.key), let own = size.of(whole),
        let given = cursor.integer(in: 1...Limits.tokens),
        !shares.contains(where: { size.of($0) == given })
      else { continue }
      cursor.refuse(
        "the tables are of a model with \(given), and \(whole.name) has \(own); pass the model "
          + "whose layers were timed")
    }
  }

  /// Of the instance of this hardware, GiB and GB/s; without a name of the first.
  mutating func memory(of hardware: String?) -> Memory? {
    guard let file = file("cluster.json", .json), let text = file.source.text(into: file.log),
      let root = JSONSource.parse(text, into: file.log)
    else { return nil }
    let accepted = "a list with the node's instances"
    let nodes = Cursor(node: root, path: "", log: file.log).anyMapping(keys: ["nodes"])?
      .required("nodes", accepted: accepted)?.items(accepted: accepted)
    let instances = nodes?.flatMap {
      $0.anyMapping(keys: ["instances"])?.required("instances", accepted: accepted)?
        .items(accepted: accepted)?.compactMap { $0.anyMapping(keys: ["npu_mem", "hardware"]) }
        ?? []
    }
    let names =
      instances?.compactMap { $0.optional("hardware").flatMap { word($0, "a name") } } ?? []
    let instance = instances?.first { instance in
      guard let hardware, !names.isEmpty else { return true }
      return instance.optional("hardware").flatMap { word($0, "a name") } == hardware
    }
    if let hardware, instance == nil, !names.isEmpty {
      file.place.refuse(
        "no instance of `hardware` \(Escaping.quoted(hardware)), on which the tables were taken; "
          + "it has \(names.map(Escaping.quoted).joined(separator: ", "))")
    }
    let memory = instance?.required("npu_mem", accepted: "the memory of a GPU")?
      .anyMapping(keys: ["mem_size", "mem_bw"])
    func positive(_ key: String, _ unit: String) -> Double? {
      memory?.required(key, accepted: "a positive number of \(unit)")?
        .number(in: { $0 > 0 && $0 < 1e6 }, accepted: "a positive number of \(unit)")
    }
    guard let gib = positive("mem_size", "GiB"), let gigabytes = positive("mem_bw", "GB/s") else {
      if file.log.isEmpty {
        file.place.refuse("no instance with `npu_mem`; accepted: a cluster of one GPU")
      }
      return nil
    }
    return Memory(
      bytes: Int((gib * 0x1p30).rounded()), bytesPerSecond: Int((gigabytes * 1e9).rounded()))
  }
}
