/// The form of a scenario file as a JSON Schema, for editors that complete and check one.
public enum ScenarioSchema {
  /// The schema (draft 2020-12), of the declarations that the readers of a scenario go by.
  ///
  /// Whatever a scenario may be is accepted. Refused is what can be said of a file by itself: keys,
  /// kinds, ranges, units, and which keys go together; not that two numbers fit together or that
  /// files exist, which `kvsim check` says.
  public static let text: String = {
    let head: [JSONValue.Member] = [
      ("$schema", "https://json-schema.org/draft/2020-12/schema"),
      ("$id", .text("urn:kvsim:scenario:\(ServingScenario.schemaVersion)")),
      ("title", "kvsim scenario"),
      ("description", "A question to kvsim. docs/scenarios.md explains every key."),
    ]
    return JSONValue.object(head + ScenarioKeys.form.schema).written() + "\n"
  }()
}
