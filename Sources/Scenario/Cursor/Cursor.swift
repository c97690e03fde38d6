/// A value of a file while it is read: the value, its key path, and where errors go.
///
/// Every method either yields the value that is wanted or reports one error and yields nil, so
/// that a reader goes on and a file's errors come out together.
struct Cursor {
  let node: SourceNode
  /// The key, from the file's root; empty for the root.
  let path: String
  let log: DiagnosticLog

  /// Reports an error at this value.
  func refuse(_ message: String) {
    log.report(at: node.position, key: path, message)
  }

  /// Reports that this value is not what is `accepted`.
  func refuse(accepted: String) {
    refuse("\(node.given) is not accepted here; accepted: \(accepted)")
  }

  /// Judges an error of a file that this value names: one in the file stays with the file and is
  /// returned; that it cannot be read is this value's fault.
  func refuse(file error: ScenarioError, advice: String = "") -> [Diagnostic] {
    guard case .unreadable(let path, let reason) = error else { return error.diagnostics }
    refuse("`\(path)` \(reason)\(advice)")
    return []
  }

  /// The members of a mapping, of which only those in `keys` are known.
  func mapping(keys: [String]) -> MappingCursor? {
    anyMapping(keys: keys)?.refusingUnknownKeys()
  }

  /// The members of a mapping that may have keys other than `keys` too.
  func anyMapping(keys: [String]) -> MappingCursor? {
    guard case .mapping(let members) = node.kind else {
      let shown = keys.map { "`\($0)`" }.joined(separator: ", ")
      refuse(accepted: "a mapping of \(shown)")
      return nil
    }
    return MappingCursor(
      members: members, position: node.position, path: path, keys: keys, log: log)
  }

  /// The items of a list.
  func items(accepted: String) -> [Cursor]? {
    guard case .sequence(let items) = node.kind else {
      refuse(accepted: accepted)
      return nil
    }
    return items.enumerated().map { index, item in self.item(index, item) }
  }

  /// An item of this list.
  func item(_ index: Int, _ node: SourceNode) -> Cursor {
    Cursor(node: node, path: "\(path)[\(index)]", log: log)
  }

  // MARK: Text

  /// Text; an unquoted word that YAML 1.1 would not keep as text is refused.
  func text(accepted: String = "text", limit: Int = Limits.nameCharacters) -> String? {
    guard case .scalar(let text, let quoted) = node.kind, quoted || !text.isEmpty else {
      refuse(accepted: accepted)
      return nil
    }
    if !quoted, log.dialect == .json {
      refuse(accepted: "\(accepted), in quotes")
      return nil
    }
    if !quoted, let reading = PlainWord.reading(of: text) {
      refuse("\(node.given) is \(reading) in YAML 1.1; if text is meant, quote it: \"\(text)\"")
      return nil
    }
    guard text.unicodeScalars.count <= limit else {
      refuse("the text is longer than \(limit) characters")
      return nil
    }
    return text
  }

  /// Text that is not empty.
  func nonEmptyText(accepted: String, limit: Int = Limits.nameCharacters) -> String? {
    guard let text = text(accepted: accepted, limit: limit) else { return nil }
    guard !text.isEmpty else {
      refuse(accepted: accepted)
      return nil
    }
    return text
  }

  /// One of `choices`.
  func choice(of choices: [String]) -> String? {
    if case .scalar(let word, quoted: true) = node.kind, choices.contains(word) { return word }
    let accepted = choices.map { "`\($0)`" }.joined(separator: ", ")
    guard let text = text(accepted: accepted) else { return nil }
    guard choices.contains(text) else {
      let advice = Spelling.advice(for: text, among: choices, accepted: accepted)
      refuse("\(node.given) is unknown\(advice)")
      return nil
    }
    return text
  }

  /// `true` or `false`, unquoted.
  func boolean() -> Bool? {
    guard case .scalar(let text, quoted: false) = node.kind, text == "true" || text == "false"
    else {
      refuse(accepted: "true or false")
      return nil
    }
    return text == "true"
  }

  // MARK: Numbers

  /// A whole number within `range`, of `unit`.
  func integer(in range: ClosedRange<Int>, unit: String = "") -> Int? {
    // Profiles have tens of thousands of numbers: what is accepted is put in words on demand.
    var accepted: String {
      "a whole number\(unit.isEmpty ? "" : " of \(unit)") from \(range.lowerBound) to "
        + "\(range.upperBound)"
    }
    guard let number = plainNumber(accepted: accepted) else { return nil }
    guard let integer = number.integer else {
      refuse(accepted: number.isWhole ? accepted : "\(accepted), written with digits only")
      return nil
    }
    guard range.contains(integer) else {
      refuse("\(node.given) is out of range; accepted: \(accepted)")
      return nil
    }
    return integer
  }

  /// A number; `range` is described by `accepted`.
  func number(in range: (Double) -> Bool, accepted: String) -> Double? {
    guard let number = plainNumber(accepted: accepted) else { return nil }
    guard range(number.value) else {
      refuse("\(node.given) is out of range; accepted: \(accepted)")
      return nil
    }
    return number.value
  }

  private func plainNumber(accepted: @autoclosure () -> String) -> PlainNumber? {
    guard case .scalar(let text, let quoted) = node.kind, !text.isEmpty else {
      refuse(accepted: accepted())
      return nil
    }
    if quoted {
      let advice = PlainNumber(text) == nil ? "" : ", without quotes"
      refuse(accepted: accepted() + advice)
      return nil
    }
    if let number = PlainNumber(text) { return number }
    let reading = PlainWord.reading(of: text)
    if let reading, reading.contains("number") {
      let what = reading == "a number" ? "a number in an unusual form" : reading
      refuse("\(node.given) is \(what); write it plainly; accepted: \(accepted())")
    } else {
      refuse(accepted: accepted())
    }
    return nil
  }
}
