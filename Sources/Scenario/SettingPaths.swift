/// Which keys may be set, and what was meant by a path that leads to none.
extension ScenarioSetting {
  /// Every key of a scenario that changes its runs, by its path from the root. What stands in a
  /// list is shown in its first place: `workload.classes[0].share`.
  static let paths: [String] = paths(of: ScenarioKeys.form, below: "", in: nil).filter {
    !isQuestion($0)
  }

  /// The paths of a mapping's keys. With the mapping of a scenario, those alone that it may have as
  /// it stands: of the variant that it is of, and in lists that are there.
  private static func paths(
    of form: MappingForm, below path: String, in node: SourceNode?
  ) -> [String] {
    form.keys.filter { form.admits($0.name, beside: node) }.flatMap { key -> [String] in
      let own = path.isEmpty ? key.name : "\(path).\(key.name)"
      var (below, inner) = (own, node?.member(key.name))
      if key.isList {
        below += "[0]"
        if node != nil {
          guard case .sequence(let items) = inner?.kind, let first = items.first else {
            return [own]
          }
          inner = first
        }
      } else if node != nil, inner == nil {
        inner = SourceNode(kind: .mapping([]), position: .start)
      }
      if let inner {
        guard case .mapping = inner.kind else { return [own] }
      }
      return [own] + key.mappings.flatMap { paths(of: $0, below: below, in: inner) }
    }
  }

  /// What is wrong with a path; nil where a scenario may have such a key.
  public static func fault(ofPath path: String) -> String? {
    fault(ofPath: path, proposing: paths)
  }

  /// The same; what is proposed instead are keys that the scenario of `root` may have.
  static func fault(ofPath path: String, in root: SourceNode) -> String? {
    fault(ofPath: path, proposing: paths(of: ScenarioKeys.form, below: "", in: root))
  }

  private static func fault(ofPath path: String, proposing candidates: [String]) -> String? {
    guard let parsed = SettingPath(path) else {
      return "\(Escaping.quoted(path)) is no path of a key, such as `engine.max_num_seqs` or "
        + "`workload.classes[0].share`"
    }
    let listed = parsed.inFirstPlaces
    guard !isQuestion(listed) else {
      return "\(Escaping.quoted(path)) is part of what `kvsim plan` is asked, and changes no run"
    }
    // A list of numbers or words is the value of its key, and each of them has a place.
    let whole = listed.hasSuffix("[0]") ? String(listed.dropLast(3)) : listed
    guard !paths.contains(listed), !paths.contains(whole) else { return nil }
    // What is meant may be a key of another variant: then no other is.
    let known = Set(candidates)
    let near = meant(by: listed).filter(known.contains).prefix(3)
    let advice =
      near.isEmpty
      ? "" : "; did you mean \(near.map { "`\($0)`" }.joined(separator: " or "))?"
    return "no scenario has a key \(Escaping.quoted(path))\(advice) (docs/scenarios.md lists all)"
  }

  /// Whether a path is `plan` or leads into it.
  private static func isQuestion(_ path: String) -> Bool {
    path.prefix { $0 != "." && $0 != "[" } == ScenarioKeys.plan.name
  }

  /// The keys that are the path but for places in lists; or else those that end in it, or in its
  /// last word, or are like the whole, or end in a word like the last.
  private static func meant(by path: String) -> [String] {
    func withoutPlaces(_ path: String) -> String { path.replacing("[0]", with: "") }
    func last(_ path: String) -> String {
      withoutPlaces(path).split(separator: ".").last.map(String.init) ?? path
    }
    let same = paths.filter { withoutPlaces($0) == withoutPlaces(path) }
    if !same.isEmpty { return same }
    let ending = paths.filter { withoutPlaces($0).hasSuffix(".\(withoutPlaces(path))") }
    if !ending.isEmpty { return ending }
    let word = last(path)
    // The keys of groups and classes repeat those of the whole, which stand first.
    let sameEnd = paths.filter { last($0) == word }
    if !sameEnd.isEmpty { return sameEnd }
    if let whole = Spelling.suggestion(for: path, among: paths) { return [whole] }
    guard let like = Spelling.suggestion(for: word, among: paths.map(last)) else { return [] }
    return paths.filter { last($0) == like }
  }
}

extension KeyDeclaration {
  /// Whether the key has a list, of mappings that have places in it.
  fileprivate var isList: Bool {
    schema.contains { member in
      guard member.key == "type", case .text("array") = member.value else { return false }
      return true
    }
  }
}

extension MappingForm {
  /// Whether a mapping with what stands in `node` may have a key: one that conflicts with nothing,
  /// of no variant or of that of the mapping. Without a mapping, any may.
  fileprivate func admits(_ key: String, beside node: SourceNode?) -> Bool {
    guard let node else { return true }
    return isOfVariant(key, of: node) && !conflicts(key, with: node)
  }

  private func isOfVariant(_ key: String, of node: SourceNode) -> Bool {
    switch variants {
    case nil: return true
    case .byPresence(let sets):
      guard let own = sets.first(where: { $0.contains { node.member($0) != nil } }) else {
        return true
      }
      return own.contains(key) || !sets.joined().contains(key)
    case .byValue(let choice, let sets):
      guard case .scalar(let value, _)? = node.member(choice)?.kind,
        let own = sets.first(where: { $0.value == value })
      else { return true }
      return own.keys.contains(key) || !sets.flatMap(\.keys).contains(key)
    }
  }

  private func conflicts(_ key: String, with node: SourceNode) -> Bool {
    guard case .mapping(let members) = node.kind, node.member(key) == nil else { return false }
    let empty = SourceNode(kind: .mapping([]), position: .start)
    let more = SourceNode.Member(key: key, keyPosition: .start, value: empty)
    let both = SourceNode(kind: .mapping(members + [more]), position: .start)
    return conflicts.contains { $0.holds(of: both) && $1.holds(of: both) }
  }
}

extension KeyCondition {
  /// Whether it holds of a mapping.
  fileprivate func holds(of node: SourceNode) -> Bool {
    func items(_ key: String) -> [SourceNode]? {
      guard case .sequence(let items)? = node.member(key)?.kind else { return nil }
      return items
    }
    switch self {
    case .present(let key): return node.member(key) != nil
    case .value(let key, let value):
      guard case .scalar(value, _)? = node.member(key)?.kind else { return false }
      return true
    case .within(let key, let condition):
      return node.member(key).map(condition.holds) ?? false
    case .each(let key, let condition): return items(key)?.allSatisfy(condition.holds) ?? false
    case .some(let key, let condition): return items(key)?.contains(where: condition.holds) ?? false
    case .either(let one, let other): return one.holds(of: node) || other.holds(of: node)
    case .not(let condition): return !condition.holds(of: node)
    }
  }
}
