/// The members of a mapping while it is read.
struct MappingCursor {
  let members: [SourceNode.Member]
  /// Where the mapping starts: missing keys are reported here.
  let position: Position
  let path: String
  /// The keys that mean something here.
  let keys: [String]
  let log: DiagnosticLog

  /// The value of `key`, or nil where it is absent.
  func optional(_ key: String) -> Cursor? {
    precondition(keys.contains(key), "`\(key)` is read but not declared")
    guard let member = members.first(where: { $0.key == key }) else { return nil }
    return Cursor(node: member.value, path: path(to: key), log: log)
  }

  /// The value of `key`; where it is absent, an error says what is `accepted`.
  func required(_ key: String, accepted: String) -> Cursor? {
    if let cursor = optional(key) { return cursor }
    log.report(at: position, key: path(to: key), "missing; accepted: \(accepted)")
    return nil
  }

  /// Reports an error at the key itself rather than at its value.
  func refuse(key: String, _ message: String) {
    guard let member = members.first(where: { $0.key == key }) else { return }
    log.report(at: member.keyPosition, key: path(to: key), message)
  }

  /// Reports every key that is not in ``keys``.
  func refuseUnknownKeys() {
    for member in members where !keys.contains(member.key) {
      let question = Spelling.question(for: member.key, among: keys)
      let known = keys.map { "`\($0)`" }.joined(separator: ", ")
      log.report(
        at: member.keyPosition, key: path(to: member.key),
        "unknown key\(question); accepted: \(known)")
    }
  }

  private func path(to key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }
}
