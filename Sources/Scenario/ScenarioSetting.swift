/// A value put in the place of what a scenario's file says under a key: what the points of a sweep
/// differ in.
public struct ScenarioSetting: Hashable, Sendable {
  /// The key from the file's root, as messages show it: `engine.max_num_seqs`,
  /// `workload.classes[1].share`.
  public let path: String
  /// The value as a scenario would have it: `64`, `2/s`, `[fp16, int4]`, `{fixed: 512}`.
  public let value: String

  /// A setting; nothing is checked yet.
  public init(path: String, value: String) {
    self.path = path
    self.value = value
  }
}

/// A key's path, taken apart.
struct SettingPath {
  enum Step: Hashable {
    case key(String)
    case item(Int)
  }

  let steps: [Step]

  /// Nil where it is no path: an empty key, or what is no number in brackets.
  init?(_ text: String) {
    var steps: [Step] = []
    for part in text.split(separator: ".", omittingEmptySubsequences: false) {
      let pieces = part.split(separator: "[", omittingEmptySubsequences: false)
      guard let key = pieces.first, !key.isEmpty else { return nil }
      steps.append(.key(String(key)))
      for piece in pieces.dropFirst() {
        guard piece.last == "]", let index = PlainNumber.fewDigits(String(piece.dropLast())),
          index >= 0
        else { return nil }
        steps.append(.item(index))
      }
    }
    self.steps = steps
  }

  /// The path with the first place of each list in the place of its own, as the keys of a scenario
  /// are listed.
  var inFirstPlaces: String {
    steps.reduce(into: "") { path, step in
      switch step {
      case .key(let key): path += path.isEmpty ? key : ".\(key)"
      case .item: path += "[0]"
      }
    }
  }
}

extension SourceNode {
  /// The node with a setting's value where its path leads. Mappings on the way that are not there
  /// are made; an error goes to `log` where the path leads through something else.
  func setting(_ setting: ScenarioSetting, into log: DiagnosticLog) -> SourceNode {
    guard let path = SettingPath(setting.path) else {
      log.report(at: .start, key: setting.path, "this is no path of a key")
      return self
    }
    let valueLog = DiagnosticLog(file: log.file, dialect: .yaml)
    guard let value = YAMLSource.parse(setting.value, into: valueLog) else {
      let reason = valueLog.sorted.first?.message ?? "it is not YAML"
      log.report(
        at: .start, key: setting.path,
        "cannot be set to \(Escaping.quoted(setting.value)): \(reason)")
      return self
    }
    return self.setting(path.steps[...], to: value, named: setting.path, into: log)
  }

  private func setting(
    _ steps: ArraySlice<SettingPath.Step>, to value: SourceNode, named path: String,
    into log: DiagnosticLog
  ) -> SourceNode {
    guard let step = steps.first else {
      // Errors of the value are shown where the file has what it replaces.
      return value.placed(at: position)
    }
    let rest = steps.dropFirst()
    switch (step, kind) {
    case (.key(let key), .mapping(var members)):
      if let index = members.firstIndex(where: { $0.key == key }) {
        let old = members[index]
        members[index] = Member(
          key: key, keyPosition: old.keyPosition,
          value: old.value.setting(rest, to: value, named: path, into: log))
      } else {
        let empty = SourceNode(kind: .mapping([]), position: position)
        members.append(
          Member(
            key: key, keyPosition: position,
            value: empty.setting(rest, to: value, named: path, into: log)))
      }
      return SourceNode(kind: .mapping(members), position: position)
    case (.item(let index), .sequence(var items)) where items.indices.contains(index):
      items[index] = items[index].setting(rest, to: value, named: path, into: log)
      return SourceNode(kind: .sequence(items), position: position)
    case (.item(let index), .sequence(let items)):
      log.report(at: position, key: path, "there is no item \(index) of \(items.count)")
    case (.item, _):
      log.report(at: position, key: path, "a place in a list is set, and \(given) stands here")
    case (.key, _):
      log.report(at: position, key: path, "a key is set, and \(given) stands here")
    }
    return self
  }

  /// The node as if it stood, with all that is in it, at one place.
  private func placed(at position: Position) -> SourceNode {
    let kind: Kind =
      switch self.kind {
      case .scalar: self.kind
      case .sequence(let items): .sequence(items.map { $0.placed(at: position) })
      case .mapping(let members):
        .mapping(
          members.map {
            Member(key: $0.key, keyPosition: position, value: $0.value.placed(at: position))
          })
      }
    return SourceNode(kind: kind, position: position)
  }
}
