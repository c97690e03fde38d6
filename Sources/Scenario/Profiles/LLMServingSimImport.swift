import CostModel
import Operators

/// Reads the operator times that LLMServingSim 2.0 profiles inside vLLM, as a profile.
///
/// A folder of its holds, for one model on one GPU:
///
///     profile-meta.yaml    the GPU, the software, its block size; or meta.yaml
///     cluster.json         the GPU's memory and bandwidth
///     dense.csv            layer, tokens, time_us
///     per_sequence.csv     layer, sequences, time_us
///     attention.csv        prefill_chunk, kv_prefill, n_decode, kv_decode, time_us
///     moe.csv              tokens, activated_experts, time_us; of models with experts
///     skew.csv             regime, n, kv_big, kv_mean, t_max_us, t_skew_us; only on request
///
/// The tables of one degree of tensor parallelism may stand in a folder of their own, `tp2/`, and
/// have to where there are several. The widths of the layers come from the model's `config.json`,
/// which has to be of the model that was timed. Times are those of one layer on one device, and
/// attention's contain writing the cache.
public struct LLMServingSimImport {
  /// Why the import is not quite the folder.
  public let notes: [String]
  /// The profile.
  public let profile: Profile

  /// Reads a folder; every error of every file comes out at once.
  ///
  /// - Parameters:
  ///   - degree: the tensor parallelism whose tables are read: those of one device's share.
  ///   - readsRagged: whether decode batches of uneven contexts are read, which `skew.csv` has.
  public init(
    folder: String, model whole: ModelArchitecture, degree: Int = 1, readsRagged: Bool = false
  ) throws(ScenarioError) {
    let folder = folder.hasSuffix("/") ? folder : folder + "/"
    if let obstacle = whole.obstacle(toDegree: degree) {
      throw .unreadable(path: folder, reason: "cannot be read for \(whole.name): \(obstacle)")
    }
    guard whole.layerGroups.count == 1 else {
      throw .unreadable(
        path: folder,
        reason:
          "cannot be read for \(whole.name): its layers differ, and the tables are of one layer"
      )
    }
    var reader = LLMServingSimFolder(
      folder: folder, model: whole, degree: degree, readsRagged: readsRagged)
    let meta = reader.meta()
    let memory = reader.memory(of: meta?.hardware)
    reader.readTables()
    if readsRagged { reader.readRaggedBatches(iterations: meta?.iterations) }
    try reader.throwIfAny()
    guard let meta, let memory else {
      preconditionFailure("a folder is neither valid nor refused")
    }
    profile = Profile(
      provenance: .imported,
      device: Device(
        name: meta.gpu, kind: "gpu", kernelPath: "vLLM \(meta.version)", threads: 0,
        memoryBytes: memory.bytes, lastLevelCacheBytes: 0,
        driver: meta.cuda.map { "CUDA \($0)" },
        kernelVersion: "LLMServingSim profile of \(whole.name)"
          + (degree > 1 ? ", tensor parallelism \(degree)" : "")),
      measuredAtUTC: meta.profiledAtUTC, blockSize: meta.blockSize,
      readBytesPerSecond: memory.bytesPerSecond, measurements: reader.points.measurements)
    reader.points.refuseUnreadable(profile, at: reader.root)
    try reader.throwIfAny()
    var notes = reader.unknownLayers.map {
      "\($0): left out, because no operator of kvsim is like it; steps will be priced without it"
    }
    let skewed = reader.skewedLaunches
    if skewed > 0 {
      notes.append(
        "skew.csv: \(skewed) \(skewed == 1 ? "row" : "rows") of regime `mixed` left out; decodes "
          + "in one launch with a prompt will be priced by their mean context")
    }
    self.notes = notes
  }
}
