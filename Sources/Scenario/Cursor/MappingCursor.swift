/// The members of a mapping while it is read.
struct MappingCursor {
  let members: [SourceNode.Member]
  /// Where the mapping starts: missing keys are reported here.
  let position: Position
  let path: String
  /// The keys that mean something here.
  let keys: [String]
  let log: DiagnosticLog
  /// Whether unknown keys have been refused.
  private(set) var isStrict = false

  init(
    members: [SourceNode.Member], position: Position, path: String, keys: [String],
    log: DiagnosticLog
  ) {
    self.members = members
    self.position = position
    self.path = path
    self.keys = keys
    self.log = log
  }

  /// The value of `key`, or nil where it is absent.
  func optional(_ key: String) -> Cursor? {
    precondition(keys.contains(key), "`\(key)` is read but not declared")
    guard let member = members.first(where: { $0.key == key }) else { return nil }
    return Cursor(node: member.value, path: path(to: key), log: log)
  }

  /// The members of the mapping that `key` holds; nil where it is absent, and without an error
  /// where it is no mapping: for a second look at what another reader judges.
  func mapping(at key: String, keys: [String]) -> MappingCursor? {
    guard let cursor = optional(key), case .mapping = cursor.node.kind else { return nil }
    return cursor.anyMapping(keys: keys)
  }

  /// The value of `key`; where it is absent, an error says what is `accepted`. A key that was
  /// refused as a misspelling of this one is error enough.
  func required(_ key: String, accepted: @autoclosure () -> String) -> Cursor? {
    if let cursor = optional(key) { return cursor }
    if isStrict, isMisspelt(key) { return nil }
    log.report(at: position, key: path(to: key), "missing; accepted: \(accepted())")
    return nil
  }

  /// Whether a key that is unknown looks like this one.
  func isMisspelt(_ key: String) -> Bool {
    members.prefix(Limits.diagnosticsPerFile).contains { member in
      !keys.contains(member.key) && Spelling.suggestion(for: member.key, among: keys) == key
    }
  }

  /// Reports an error at the key itself rather than at its value.
  func refuse(key: String, _ message: String) {
    guard let member = members.first(where: { $0.key == key }) else { return }
    log.report(at: member.keyPosition, key: path(to: key), message)
  }

  /// The same members, every key that is not in ``keys`` reported.
  func refusingUnknownKeys() -> MappingCursor {
    for member in members where !keys.contains(member.key) {
      // Beyond the limit errors are only counted: do not look for suggestions.
      guard !log.isFull else {
        log.report(at: member.keyPosition, "")
        continue
      }
      let known = keys.map { "`\($0)`" }.joined(separator: ", ")
      let advice = Spelling.advice(for: member.key, among: keys, accepted: known)
      log.report(at: member.keyPosition, key: path(to: member.key), "unknown key\(advice)")
    }
    var strict = self
    strict.isStrict = true
    return strict
  }

  private func path(to key: String) -> String {
    path.isEmpty ? key : "\(path).\(key)"
  }
}

extension MappingCursor {
  /// Whether the file is of the version that this code reads, or says none: whoever forgot or
  /// misspelt it wants to hear about the rest too. Of another version nothing else is judged,
  /// because its rules are not known here.
  ///
  /// - Parameters:
  ///   - what: what the file holds, such as `this link`.
  ///   - advice: what helps besides another kvsim.
  func isOfVersion(
    _ version: Int, key: String, what: String, advice: String = ""
  ) -> Bool {
    guard let cursor = optional(key), let given = cursor.integer(in: 1...Int(Int32.max)),
      given != version
    else { return true }
    cursor.refuse(
      "\(what) has version \(given); this kvsim reads version \(version); update kvsim\(advice)")
    return false
  }
}
