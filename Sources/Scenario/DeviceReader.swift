import CostModel

/// `device`: a profile as it was written, or one derived for another device.
struct DeviceReader {
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  let profileOverride: String?
  /// Errors in the profile and the data sheets.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  private static let path =
    "the path of a profile, relative to this file, or its name in `devices`"
  private static let advice =
    "; measure one with `kvsim calibrate --device cpu -o FILE` and pass `--profile FILE`"

  init(folder: String, profileOverride: String?) {
    self.folder = folder
    self.profileOverride = profileOverride
  }

  /// Nil with at least one error where the device is refused.
  mutating func profile(_ file: MappingCursor) -> LoadedProfile? {
    let accepted = "a mapping with `profile` or `derive`"
    // With a profile on the command line, a scenario need not name a device.
    let cursor =
      profileOverride == nil
      ? file.required("device", accepted: accepted) : file.optional("device")
    let device = cursor?.mapping(keys: SchemaKeys.device)
    let given = device?.optional("profile")
    let derive = device?.optional("derive")
    if given != nil, derive != nil {
      device?.refuse(key: "derive", "does not go with `profile`; accepted: one of the two")
      return nil
    }
    if let profileOverride {
      _ = given?.nonEmptyText(accepted: DeviceReader.path)
      _ = derive?.mapping(keys: SchemaKeys.derive)
      // The place in the scenario is not at fault where the command line named the file.
      return read(profileOverride, at: nil)
    }
    if let derive { return derived(derive) }
    guard let device, !device.isMisspelt("derive"),
      let cursor = device.required("profile", accepted: "\(DeviceReader.path), or `derive`"),
      let relative = cursor.nonEmptyText(accepted: DeviceReader.path)
    else { return nil }
    return read(path(of: relative), at: cursor)
  }

  private mutating func derived(_ cursor: Cursor) -> LoadedProfile? {
    let accepted = "a data sheet's id, such as `nvidia-h100-sxm`, or its path"
    guard let keys = cursor.mapping(keys: SchemaKeys.derive) else { return nil }
    let from = keys.required("from", accepted: DeviceReader.path)
    let device = keys.required("device", accepted: accepted)
    let source = keys.optional("source")
    let words = (
      from?.nonEmptyText(accepted: DeviceReader.path), device?.nonEmptyText(accepted: accepted),
      source?.nonEmptyText(accepted: accepted)
    )
    guard let from, let relative = words.0 else { return nil }
    let path = path(of: relative)
    let profile = read(path, at: from)
    guard let device, let targetWord = words.1, source == nil || words.2 != nil,
      !keys.isMisspelt("source")
    else { return nil }
    let (shelf, folder) = (DataSheetShelf(beside: [path]), folder)
    let target = sheet(at: device) { () throws(ScenarioError) in
      try shelf.read(targetWord, in: folder)
    }
    // One file has its errors once.
    if target == nil, words.2 == targetWord { return nil }
    let origin = sheet(at: source ?? cursor) { () throws(ScenarioError) in
      if let profile { return try shelf.source(words.2, of: profile, in: folder) }
      guard let word = words.2 else { return nil }
      return try shelf.read(word, in: folder)
    }
    guard let profile, let target, let origin else { return nil }
    return ProfileFile.derived(from: profile, source: origin, target: target)
  }

  /// The profile that a scenario names: by its path, or as `nvidia-h200` one in the folder
  /// `devices` beside the scenario.
  private func path(of word: String) -> String {
    SourceFile.path(ScenarioReader.isName(word) ? "devices/\(word).json" : word, in: folder)
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
      return try ProfileFile.read(path: path)
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
