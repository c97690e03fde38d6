/// The file of a sweep: YAML with the one key `vary`, a mapping of keys of scenarios. Each has a
/// list of values, or a text of several as the command line takes them.
public enum SweepFile {
  private static let vary = SchemaKey(
    PlanKeys.vary.name, PlanKeys.vary.form, .required, PlanKeys.vary.declaration.meaning)

  /// The keys that vary, in the file's order.
  /// - Throws: ``ScenarioError`` with every error.
  public static func read(path: String) throws(ScenarioError) -> [Variation] {
    let file = try SourceFile.read(path: path, limit: Limits.scenarioBytes)
    let log = DiagnosticLog(file: path, dialect: .yaml)
    guard let text = file.text(into: log), let root = YAMLSource.parse(text, into: log) else {
      throw .invalid(log.sorted)
    }
    let variations = Cursor(node: root, path: "", log: log).mapping(keys: [vary.name])?
      .required(vary)
    try log.throwIfAny()
    guard let variations else { preconditionFailure("a file is neither valid nor refused") }
    return variations
  }
}
