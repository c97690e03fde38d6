import Yams

/// YAML into nodes with places, over Yams' `Parser`.
///
/// Yams' decoders are not used: they lose the line, pass unknown keys over and turn `on` into
/// true. Anchors, aliases and tags are refused: a scenario needs none, and they are how a small
/// file becomes a large one.
enum YAMLSource {
  /// The root of the only document, or nil with at least one error in `log`.
  static func parse(_ text: String, into log: DiagnosticLog) -> SourceNode? {
    guard !hasAliasBomb(text) else {
      log.report(
        at: .start, "more than \(Limits.aliases) YAML aliases (`*name`); write values out")
      return nil
    }
    do {
      let parser = try Parser(yaml: text)
      guard let root = try parser.singleRoot() else {
        log.report(at: .start, "the file is empty")
        return nil
      }
      // Anchors live as long as the parser that found them.
      return withExtendedLifetime(parser) { YAMLConversion(log: log).node(root, depth: 1) }
    } catch let error as YamlError {
      report(error, text, into: log)
    } catch {
      log.report(at: .start, "this is not YAML: \(error)")
    }
    return nil
  }

  /// Whether aliases are so many that comparing keys made of them could take for ever. Words
  /// that merely start with a star are harmless as long as no word starts with `&`.
  private static func hasAliasBomb(_ text: String) -> Bool {
    var aliases = 0
    var anchors = 0
    var previous: UInt8 = 10
    for byte in text.utf8 {
      let startsWord = previous <= 32 || "[{,:-?".utf8.contains(previous)
      if startsWord, byte == UInt8(ascii: "*") { aliases += 1 }
      if startsWord, byte == UInt8(ascii: "&") { anchors += 1 }
      previous = byte
    }
    return anchors > 0 && aliases > Limits.aliases
  }

  private static func report(_ error: YamlError, _ text: String, into log: DiagnosticLog) {
    switch error {
    case .scanner(let context, let problem, let mark, _),
      .parser(let context, let problem, let mark, _),
      .composer(let context, let problem, let mark, _):
      let position = inside(text, position(mark))
      if problem.contains("found another document") {
        log.report(at: position, "a second document starts here; a file holds one")
      } else if isTab(at: position, in: text) {
        log.report(at: position, "a tab; YAML is indented with spaces")
      } else {
        let place = context.map { " (\($0.text) at \($0.mark.line):\($0.mark.column))" } ?? ""
        log.report(at: position, "this is not YAML: \(problem)\(place)")
      }
    case .duplicatedKeysInMapping(let duplicates, let context):
      let first = position(context.mark)
      // Yams gives the first place only: the second is the next such key in the same column.
      let second = duplicates.first.flatMap { position(of: $0, after: first, in: text) }
      log.report(
        at: second ?? first, key: duplicates.first ?? "",
        "stands twice in one mapping\(second == nil ? "" : ", first at line \(first.line)")")
    default:
      log.report(at: .start, "this is not YAML: \(error)")
    }
  }

  private static func position(of key: String, after first: Position, in text: String) -> Position?
  {
    for (index, line) in lines(of: text).enumerated() where index >= first.line {
      let rest = line.dropFirst(first.column - 1)
      let isIndentation = line.prefix(first.column - 1).allSatisfy { $0 == " " }
      guard isIndentation, rest.starts(with: key.unicodeScalars),
        rest.dropFirst(key.unicodeScalars.count).first(where: { $0 != " " }) == ":"
      else { continue }
      return Position(line: index + 1, column: first.column)
    }
    return nil
  }

  /// `position`, or the end of the text where libyaml counts on beyond it.
  private static func inside(_ text: String, _ position: Position) -> Position {
    let lines = lines(of: text)
    guard position.line > lines.count else { return position }
    return Position(line: lines.count, column: (lines.last?.count ?? 0) + 1)
  }

  private static func isTab(at position: Position, in text: String) -> Bool {
    let lines = lines(of: text)
    guard position.line <= lines.count else { return false }
    return lines[position.line - 1].dropFirst(position.column - 1).first == "\t"
  }

  private static func lines(of text: String) -> [Substring.UnicodeScalarView] {
    text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
  }

  fileprivate static func position(_ mark: Mark?) -> Position {
    Position(line: mark?.line ?? 1, column: mark?.column ?? 1)
  }
}

/// Yams' nodes into ours, refusing what a scenario has no use for.
private struct YAMLConversion {
  let log: DiagnosticLog

  /// Nil with an error where the node or a part of it is refused.
  func node(_ node: Node, depth: Int) -> SourceNode? {
    let position = YAMLSource.position(node.mark)
    guard depth <= Limits.nesting else {
      log.report(at: position, "nested deeper than \(Limits.nesting) levels")
      return nil
    }
    // Not going into anchored nodes keeps a chain of aliases from being walked at all.
    guard node.anchor == nil else {
      log.report(at: position, "anchors (`&name`) are not accepted; write the value out")
      return nil
    }
    switch node {
    case .scalar(let scalar):
      let isPlain = scalar.style == .plain
      guard isAccepted(scalar.tag, onPlain: isPlain, at: position) else { return nil }
      return SourceNode(kind: .scalar(scalar.string, quoted: !isPlain), position: position)
    case .sequence(let sequence):
      guard isAccepted(sequence.tag, onPlain: true, at: position) else { return nil }
      var items: [SourceNode] = []
      for item in sequence {
        guard let item = self.node(item, depth: depth + 1) else { return nil }
        items.append(item)
      }
      return SourceNode(kind: .sequence(items), position: position)
    case .mapping(let mapping):
      guard isAccepted(mapping.tag, onPlain: true, at: position) else { return nil }
      return members(mapping, depth: depth).map {
        SourceNode(kind: .mapping($0), position: position)
      }
    case .alias:
      log.report(at: position, "aliases (`*name`) are not accepted; write the value out")
      return nil
    }
  }

  private func members(_ mapping: Node.Mapping, depth: Int) -> [SourceNode.Member]? {
    var members: [SourceNode.Member] = []
    var names: Set<String> = []
    for (key, value) in mapping {
      let position = YAMLSource.position(key.mark)
      guard case .scalar(let name) = key, key.anchor == nil else {
        log.report(at: position, "a key is a word; a list, a mapping or an anchor stands here")
        return nil
      }
      guard let value = node(value, depth: depth + 1) else { return nil }
      // Yams tells `1` from `"1"`; a key is text either way.
      if !names.insert(name.string).inserted {
        log.report(at: position, key: name.string, "stands twice in one mapping")
      }
      members.append(
        SourceNode.Member(key: name.string, keyPosition: position, value: value))
    }
    return members
  }

  private func isAccepted(_ tag: Tag, onPlain isPlain: Bool, at position: Position) -> Bool {
    let name = tag.description
    if name.isEmpty || !isPlain && name == Tag.Name.str.rawValue { return true }
    log.report(at: position, "YAML tags (`!…`) are not accepted; leave the tag out")
    return false
  }
}
