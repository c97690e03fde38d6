import Foundation

/// A scenario's file, read once, of which scenarios are made that differ in a few settings.
public struct ScenarioTemplate: Sendable {
  private let file: SourceFile
  private let profileOverride: String?
  private let seedOverride: UInt64?
  private let shelf = ProfileShelf()

  /// The file's path.
  public var path: String { file.path }

  /// Reads a file; whether it is a good scenario shows when one is made.
  ///
  /// - Parameters: as of `ServingScenario.load`.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)``.
  public init(
    path: String, profileOverride: String? = nil, seedOverride: UInt64? = nil
  ) throws(ScenarioError) {
    file = try SourceFile.read(path: path, limit: Limits.scenarioBytes)
    self.profileOverride = profileOverride
    self.seedOverride = seedOverride
  }

  /// The scenario with some settings, the last of a key if there are several; its text stays the
  /// file's. Any number of threads may ask at a time; each profile is read once.
  /// - Throws: ``ScenarioError/invalid(_:)`` with every error of every file.
  public func scenario(_ settings: [ScenarioSetting] = []) throws(ScenarioError) -> ServingScenario
  {
    try ServingScenario.parse(
      file, profileOverride: profileOverride, seedOverride: seedOverride, settings: settings,
      shelf: shelf)
  }
}

extension ScenarioTemplate {
  /// What is wrong with a key's path; nil where a scenario may have such a key. What is proposed
  /// instead are keys that this one may have.
  public func fault(ofPath path: String) -> String? {
    let log = DiagnosticLog(file: file.path, dialect: .yaml)
    guard let text = file.text(into: log), let root = YAMLSource.parse(text, into: log) else {
      return ScenarioSetting.fault(ofPath: path)
    }
    return ScenarioSetting.fault(ofPath: path, in: root)
  }

  /// What puts another device in the place of the scenario's: a profile by its name in `devices` or
  /// its path, or a data sheet by its id, for which the times of the scenario's own profile are
  /// derived. The link between devices stays.
  ///
  /// - Throws: ``ScenarioError/invalid(_:)`` where the scenario's text is no mapping,
  ///   ``ScenarioError/unreadable(path:reason:)`` where there is no such device.
  public func setting(of device: PlanQuestion.Device) throws(ScenarioError) -> ScenarioSetting {
    let log = DiagnosticLog(file: file.path, dialect: .yaml)
    guard let text = file.text(into: log), let root = YAMLSource.parse(text, into: log) else {
      throw .invalid(log.sorted)
    }
    let own = root.member(ScenarioKeys.device.name)
    let derivation = own?.member(DeviceKeys.derive.name)
    let from = own?.member(DeviceKeys.profile.name) ?? derivation?.member(DeviceKeys.from.name)
    let name = JSONValue.text(device.name).written()
    var members: [String] = []
    if try isProfile(device.name, orDerivedFrom: from) {
      members.append("profile: \(name)")
    } else {
      let source = derivation?.member(DeviceKeys.source.name).map { ", source: \($0.written)" }
      members.append("derive: {from: \(from?.written ?? name), device: \(name)\(source ?? "")}")
    }
    if let link = own?.member(DeviceKeys.link.name) { members.append("link: \(link.written)") }
    if let price = device.pricePerHour {
      members.append("price_per_hour: \(price)")
    } else if let price = own?.member(DeviceKeys.pricePerHour.name),
      [own?.member(DeviceKeys.profile.name), derivation?.member(DeviceKeys.device.name)]
        .contains(where: { $0?.scalar == device.name })
    {
      // It is the scenario's own.
      members.append("price_per_hour: \(price.written)")
    }
    return ScenarioSetting(
      path: ScenarioKeys.device.name, value: "{\(members.joined(separator: ", "))}")
  }

  /// Whether a device is a profile, and not a data sheet beside the one that stands under `from`.
  private func isProfile(
    _ name: String, orDerivedFrom from: SourceNode?
  ) throws(ScenarioError) -> Bool {
    let folder = file.path.lastIndex(of: "/").map { String(file.path[...$0]) } ?? ""
    guard ScenarioReader.isName(name) else {
      guard FileManager.default.fileExists(atPath: SourceFile.path(name, in: folder)) else {
        throw .unreadable(path: name, reason: "there is no file \(Escaping.quoted(name))")
      }
      return true
    }
    let profiles = (try? FileManager.default.contentsOfDirectory(atPath: folder + "devices")) ?? []
    let names = profiles.filter { $0.hasSuffix(".json") }.map { String($0.dropLast(5)) }
    if names.contains(name) { return true }
    let path = from?.scalar.map { ScenarioReader.isName($0) ? "devices/\($0).json" : $0 } ?? ""
    let sheets = DataSheetShelf(beside: [SourceFile.path(path, in: folder)]).ids
    guard !sheets.contains(name) else { return false }
    let known = names.sorted() + sheets
    // Of `h100` nobody means what is spelt most like it.
    let longer = known.filter { $0.contains(name) }
    let near = longer.isEmpty ? Spelling.suggestion(for: name, among: known).map { [$0] } : longer
    let advice = near.map { "; did you mean \($0.map { "`\($0)`" }.joined(separator: " or "))?" }
    throw .unreadable(
      path: name,
      reason: "\(Escaping.quoted(name)) is neither a profile in `devices` nor a data sheet"
        + "\(advice ?? ";") accepted: \((known + ["a path"]).joined(separator: ", "))")
  }
}

extension SourceNode {
  /// The text of a scalar; nil of others.
  fileprivate var scalar: String? {
    if case .scalar(let text, _) = kind { text } else { nil }
  }

  /// The value of a key; nil where there is none, or no mapping.
  func member(_ key: String) -> SourceNode? {
    guard case .mapping(let members) = kind else { return nil }
    return members.first { $0.key == key }?.value
  }
}
