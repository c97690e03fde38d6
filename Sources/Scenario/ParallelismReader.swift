import CostModel
import Simulator

/// The devices of a replica: `engine.tensor_parallel_size` and `engine.pipeline_parallel_size`, and
/// `device.link`.
struct ParallelismReader {
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  /// Errors in the measured link.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []
  /// The file of the measured link that the devices use, verbatim.
  private(set) var linkText: String?

  init(folder: String) {
    self.folder = folder
  }

  /// Nil with an error where the devices cannot share the model or have no link.
  mutating func parallelism(
    _ file: MappingCursor, _ engine: EngineOptions?, _ model: ModelArchitecture?
  ) -> Parallelism? {
    var link: GivenLink?
    let device = file.mapping(at: ScenarioKeys.device.name, keys: DeviceKeys.form.names)
    if let stated = device?.given(DeviceKeys.link) {
      guard let given = stated.flatMap({ read($0) }) else { return nil }
      link = given
    }
    guard let engine, engine.tensorParallelSize * engine.pipelineParallelSize > 1 else {
      return Parallelism.none
    }
    let (degree, stages) = (engine.tensorParallelSize, engine.pipelineParallelSize)
    let keys = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)
    let degreeKey = keys?.optional(EngineKeys.tensorParallelSize)
    let stagesKey = keys?.optional(EngineKeys.pipelineParallelSize)
    if let obstacle = model?.obstacle(toDegree: degree) {
      degreeKey?.refuse("\(obstacle); accepted: a degree that shares the layers evenly")
      return nil
    }
    if let obstacle = model?.obstacle(toStages: stages) {
      stagesKey?.refuse("\(obstacle); accepted: at most a stage for each layer")
      return nil
    }
    guard let link else {
      (degree > 1 ? degreeKey : stagesKey)?.refuse(
        "\(degree * stages) devices need a link; give `device` a `link`, a file that was measured "
          + "or a mapping with `bandwidth` and `latency`")
      return nil
    }
    linkText = link.text
    return Parallelism(
      tensorParallelSize: degree, pipelineParallelSize: stages, link: link.link)
  }

  /// A link, and the file where it was measured.
  private typealias GivenLink = (link: Link, text: String?)

  private mutating func read(_ given: ScalarOrMapping<GivenPath>) -> GivenLink? {
    switch given {
    case .mapping(let mapping, _): return stated(mapping).map { ($0, nil) }
    case .scalar(let path):
      do throws(ScenarioError) {
        let loaded = try LinkFile.read(path: path.relative(to: folder))
        return (loaded.link, loaded.text)
      } catch {
        diagnosticsOfOtherFiles += path.cursor.refuse(file: error)
        return nil
      }
    }
  }

  private func stated(_ mapping: MappingCursor) -> Link? {
    let values = (mapping.value(DeviceKeys.bandwidth), mapping.value(DeviceKeys.latency))
    guard let bandwidth = values.0, let latency = values.1 else { return nil }
    return Link(bytesPerSecond: bandwidth, latencyNs: latency)
  }
}
