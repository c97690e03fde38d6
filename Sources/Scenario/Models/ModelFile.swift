import CostModel

/// A model as read from its file.
public struct LoadedModel: Hashable, Sendable {
  /// The validated architecture.
  public let architecture: ModelArchitecture
  /// The file's text, verbatim.
  public let text: String
  /// The file's path.
  public let path: String
}

/// Reads a Hugging Face `config.json`: the fields as they stand there.
///
/// Keys that are not needed are passed over, because such files have many; keys that are needed
/// are checked, and architectures that the cost model would get wrong are refused by name.
public enum ModelFile {
  /// Reads a model of at most ``Limits/modelBytes``. Its name is the last part of
  /// `_name_or_path`, else the file's name, or the folder's where the file is `config.json`.
  public static func read(path: String) throws(ScenarioError) -> LoadedModel {
    try parse(SourceFile.read(path: path, limit: Limits.modelBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> LoadedModel {
    let (architecture, text) = try file.json("a model") { root, log in
      ModelReader(log: log).architecture(root, fileName: name(ofPath: file.path))
    }
    return LoadedModel(architecture: architecture, text: text, path: file.path)
  }

  /// The file's name without `.json`, or the folder's name where the file is `config.json`.
  static func name(ofPath path: String) -> String {
    let parts = path.split(separator: "/")
    guard let last = parts.last else { return path }
    if last == "config.json", parts.count > 1 { return String(parts[parts.count - 2]) }
    return String(last.hasSuffix(".json") ? last.dropLast(5) : last)
  }
}
