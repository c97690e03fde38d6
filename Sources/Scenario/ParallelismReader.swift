import CostModel
import Simulator

/// The devices of a replica: `engine.tensor_parallel_size` and `device.link`.
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
    if let cursor = file.mapping(at: "device", keys: SchemaKeys.device)?.optional("link") {
      guard let given = read(cursor) else { return nil }
      link = given
    }
    guard let degree = engine?.tensorParallelSize, degree > 1 else { return Parallelism.none }
    let key = file.mapping(at: "engine", keys: SchemaKeys.engine)?
      .optional("tensor_parallel_size")
    if let obstacle = model?.obstacle(toDegree: degree) {
      key?.refuse("\(obstacle); accepted: a degree that shares the layers evenly")
      return nil
    }
    guard let link else {
      key?.refuse(
        "\(degree) devices need a link; give `device` a `link`, a file that was measured or a "
          + "mapping with `bandwidth` and `latency`")
      return nil
    }
    linkText = link.text
    return Parallelism(tensorParallelSize: degree, link: link.link)
  }

  /// A link, and the file where it was measured.
  private typealias GivenLink = (link: Link, text: String?)

  private mutating func read(_ cursor: Cursor) -> GivenLink? {
    guard case .scalar = cursor.node.kind else { return stated(cursor).map { ($0, nil) } }
    let accepted =
      "the path of a measured link, relative to this file, or a mapping of "
      + "`bandwidth`, `latency`"
    guard let relative = cursor.nonEmptyText(accepted: accepted) else { return nil }
    do throws(ScenarioError) {
      let loaded = try LinkFile.read(path: SourceFile.path(relative, in: folder))
      return (loaded.link, loaded.text)
    } catch {
      diagnosticsOfOtherFiles += cursor.refuse(file: error)
      return nil
    }
  }

  private func stated(_ cursor: Cursor) -> Link? {
    guard let mapping = cursor.mapping(keys: SchemaKeys.link) else { return nil }
    let bandwidth = mapping.required("bandwidth", accepted: "a rate such as 450 GB/s")?
      .bytesPerSecond()
    let latency = mapping.required("latency", accepted: "a time such as 3 us")?.nanoseconds()
    guard let bandwidth, let latency else { return nil }
    return Link(bytesPerSecond: bandwidth, latencyNs: latency)
  }
}
