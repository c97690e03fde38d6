import CostModel
import Operators

/// A profile as read from its file.
public struct LoadedProfile: Hashable, Sendable {
  /// The validated profile.
  public let profile: Profile
  /// The file's text, verbatim.
  public let text: String
  /// The file's path.
  public let path: String
  /// The checksum that the file carries: 16 hexadecimal digits.
  public let checksum: String
}

/// Reads and writes profiles: JSON of version ``CostModel/Profile/schemaVersion``, described in
/// `docs/scenarios.md`.
public enum ProfileFile {
  /// Reads a profile of at most ``Limits/profileBytes`` and checks it whole, checksum included.
  public static func read(path: String) throws(ScenarioError) -> LoadedProfile {
    let file = try SourceFile.read(path: path, limit: Limits.profileBytes)
    return try parse(file)
  }

  /// The text of a profile's file: equal values give equal bytes.
  ///
  /// - Parameter residuals: those of this profile, for people to read; nothing computes with them.
  /// - Precondition: errors of residuals are neither negative nor infinite.
  public static func encode(_ profile: Profile, residuals: [Residuals] = []) -> String {
    ProfileEncoder.encode(profile, residuals: residuals)
  }

  /// The text of a profile's file, once it was read back as everybody will read it: no command
  /// writes what kvsim then refuses.
  ///
  /// - Parameters:
  ///   - residuals: as of ``encode(_:residuals:)``.
  ///   - input: the path of what the profile was made from, which errors are about.
  public static func readableText(
    _ profile: Profile, residuals: [Residuals] = [], madeFrom input: String
  ) throws(ScenarioError) -> String {
    let text = encode(profile, residuals: residuals)
    let errors = readingErrors(text)
    guard errors.isEmpty else {
      throw .invalid(
        errors.map {
          Diagnostic(
            file: input, line: 0, column: 0, keyPath: $0.keyPath,
            message: "the profile made of it cannot be read: \($0.message)")
        })
    }
    return text
  }

  /// What readers find wrong with a profile's text.
  static func readingErrors(_ text: String) -> [Diagnostic] {
    let file = SourceFile(path: "", bytes: Array(text.utf8))
    guard file.bytes.count <= Limits.profileBytes else {
      let message =
        "it has \(file.bytes.count) bytes; the limit of profiles is \(Limits.profileBytes) bytes"
      return [Diagnostic(file: "", line: 0, column: 0, keyPath: "", message: message)]
    }
    do throws(ScenarioError) {
      _ = try parse(file)
      return []
    } catch {
      return error.diagnostics
    }
  }

  /// A profile derived from one that was read (see `Profile.derived`), as if from a file of its
  /// own: text and checksum are those that the derived profile has when it is written; the path
  /// stays that of the profile it is derived from.
  public static func derived(
    from loaded: LoadedProfile, source: DataSheet, target: DataSheet
  ) -> LoadedProfile {
    let profile = loaded.profile.derived(from: source, to: target)
    let text = encode(profile)
    return LoadedProfile(
      profile: profile, text: text, path: loaded.path,
      checksum: ProfileChecksum.carried(by: Array(text.utf8)))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> LoadedProfile {
    let (profile, text) = try file.json("a profile") { root, log in
      ProfileReader(log: log, bytes: file.bytes).profile(root)
    }
    return LoadedProfile(
      profile: profile, text: text, path: file.path,
      checksum: ProfileChecksum.carried(by: file.bytes))
  }
}
