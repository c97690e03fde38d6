/// The file of a sweep: YAML with the one key `vary`, a mapping of keys of scenarios. Each has a
/// list of values, or a text of several as the command line takes them.
public enum SweepFile {
  /// The values of a key.
  public enum Values: Hashable, Sendable {
    /// Each as a scenario would have it.
    case list([String])
    /// A text of several.
    case text(String)
  }

  /// The keys that vary, in the file's order.
  /// - Throws: ``ScenarioError`` with every error.
  public static func read(
    path: String
  ) throws(ScenarioError) -> [(path: String, values: Values)] {
    let file = try SourceFile.read(path: path, limit: Limits.scenarioBytes)
    let log = DiagnosticLog(file: path, dialect: .yaml)
    guard let text = file.text(into: log), let root = YAMLSource.parse(text, into: log) else {
      throw .invalid(log.sorted)
    }
    var axes: [(path: String, values: Values)] = []
    let accepted = "a mapping such as `{engine.max_num_seqs: [8, 16, 32]}`"
    if let vary = Cursor(node: root, path: "", log: log).mapping(keys: ["vary"])?
      .required("vary", accepted: accepted)
    {
      guard case .mapping(let members) = vary.node.kind, !members.isEmpty else {
        vary.refuse(accepted: accepted)
        throw .invalid(log.sorted)
      }
      for member in members {
        if let fault = ScenarioSetting.fault(ofPath: member.key) {
          log.report(at: member.keyPosition, key: "vary", fault)
        }
        axes.append((member.key, values(member.value)))
      }
    }
    try log.throwIfAny()
    return axes
  }

  private static func values(_ node: SourceNode) -> Values {
    switch node.kind {
    case .sequence(let items): .list(items.map(written))
    case .scalar(let text, _): .text(text)
    case .mapping: .list([written(node)])
    }
  }

  /// A value in one line of YAML.
  private static func written(_ node: SourceNode) -> String {
    switch node.kind {
    case .scalar(let text, quoted: false): text
    case .scalar(let text, quoted: true): JSONValue.text(text).written()
    case .sequence(let items): "[" + items.map(written).joined(separator: ", ") + "]"
    case .mapping(let members):
      "{" + members.map { "\($0.key): \(written($0.value))" }.joined(separator: ", ") + "}"
    }
  }
}
