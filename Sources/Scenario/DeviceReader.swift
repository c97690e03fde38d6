import CostModel

/// `device`: a profile as it was written, or one derived for another device.
struct DeviceReader {
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  let profiles: ProfileSource
  /// Errors in the profile and the data sheets.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  private static let advice =
    "; measure one with `kvsim calibrate --device cpu -o FILE` and pass `--profile FILE`"

  init(folder: String, profiles: ProfileSource) {
    self.folder = folder
    self.profiles = profiles
  }

  /// Nil with at least one error where the device is refused.
  mutating func profile(_ file: MappingCursor) -> LoadedProfile? {
    // With a profile on the command line, a scenario need not name a device.
    let device =
      file.given(ScenarioKeys.device, isNeeded: profiles.override == nil).flatMap { $0 }
    let given = device?.optional(DeviceKeys.profile)
    let derive = device?.optional(DeviceKeys.derive)
    if given != nil, derive != nil {
      device?.refuse(
        key: DeviceKeys.derive.name, "does not go with `profile`; accepted: one of the two")
      return nil
    }
    if let override = profiles.override {
      _ = device?.given(DeviceKeys.profile)
      _ = device?.given(DeviceKeys.derive)
      // The place in the scenario is not at fault where the command line named the file.
      return read(override, at: nil)
    }
    if let derive { return derived(derive) }
    let isMisspelt = device?.isMisspelt(DeviceKeys.derive.name) ?? true
    guard let device, !isMisspelt,
      let path = device.required(DeviceKeys.profile, instead: ", or `derive`")
    else { return nil }
    return read(self.path(of: path), at: path.cursor)
  }

  private mutating func derived(_ cursor: Cursor) -> LoadedProfile? {
    guard let keys = cursor.mapping(DeviceKeys.derivation) else { return nil }
    let from = keys.value(DeviceKeys.from)
    let device = keys.value(DeviceKeys.device)
    let source = keys.given(DeviceKeys.source)
    guard let from else { return nil }
    let path = path(of: from)
    let profile = read(path, at: from.cursor)
    guard let device, let source = source ?? .some(nil),
      !keys.isMisspelt(DeviceKeys.source.name)
    else { return nil }
    let (shelf, folder) = (DataSheetShelf(beside: [path]), folder)
    let target = sheet(at: device.cursor) { () throws(ScenarioError) in
      try shelf.read(device.text, in: folder)
    }
    // One file has its errors once.
    if target == nil, source?.text == device.text { return nil }
    let origin = sheet(at: source?.cursor ?? cursor) { () throws(ScenarioError) in
      if let profile { return try shelf.source(source?.text, of: profile, in: folder) }
      guard let word = source?.text else { return nil }
      return try shelf.read(word, in: folder)
    }
    guard let profile, let target, let origin else { return nil }
    return profiles.shelf.derived(from: profile, source: origin, target: target)
  }

  /// The profile that a scenario names: by its path, or as `nvidia-h200` one in the folder
  /// `devices` beside the scenario.
  private func path(of given: GivenPath) -> String {
    let isName = ScenarioReader.isName(given.text)
    return isName
      ? SourceFile.path("devices/\(given.text).json", in: folder) : given.relative(to: folder)
  }

  private mutating func sheet(
    at cursor: Cursor, _ body: () throws(ScenarioError) -> DataSheet?
  ) -> DataSheet? {
    do throws(ScenarioError) {
      return try body()
    } catch {
      diagnosticsOfOtherFiles += cursor.refuse(file: error)
      return nil
    }
  }

  private mutating func read(_ path: String, at cursor: Cursor?) -> LoadedProfile? {
    do throws(ScenarioError) {
      return try profiles.shelf.profile(path: path)
    } catch {
      if let cursor {
        diagnosticsOfOtherFiles += cursor.refuse(file: error, advice: DeviceReader.advice)
      } else if case .unreadable(let path, let reason) = error {
        let message = reason + DeviceReader.advice
        diagnosticsOfOtherFiles.append(
          Diagnostic(file: path, line: 0, column: 0, keyPath: "", message: message))
      } else {
        diagnosticsOfOtherFiles += error.diagnostics
      }
      return nil
    }
  }
}
