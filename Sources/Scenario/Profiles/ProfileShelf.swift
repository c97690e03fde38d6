import CostModel
import Synchronization

/// The profiles that scenarios name, each read and derived once: the points of a sweep, which are
/// loaded one by one, mostly share theirs, and to read one takes longer than to play many a point.
///
/// Any number of threads may use it at a time. Files are taken to stay as they are meanwhile.
final class ProfileShelf: Sendable {
  private struct Derivation: Hashable {
    let checksum: String
    let source: DataSheet
    let target: DataSheet
  }

  private let files = Mutex<[String: Result<LoadedProfile, ScenarioError>]>([:])
  private let derivations = Mutex<[Derivation: LoadedProfile]>([:])

  /// As ``ProfileFile/read(path:)``.
  func profile(path: String) throws(ScenarioError) -> LoadedProfile {
    let result = files.withLock { files in
      if let known = files[path] { return known }
      let result = Result { () throws(ScenarioError) in try ProfileFile.read(path: path) }
      files[path] = result
      return result
    }
    return try result.get()
  }

  /// As ``ProfileFile/derived(from:source:target:)``.
  func derived(
    from profile: LoadedProfile, source: DataSheet, target: DataSheet
  ) -> LoadedProfile {
    let derivation = Derivation(checksum: profile.checksum, source: source, target: target)
    return derivations.withLock { derivations in
      if let known = derivations[derivation] { return known }
      let result = ProfileFile.derived(from: profile, source: source, target: target)
      derivations[derivation] = result
      return result
    }
  }
}

/// Where a scenario's profiles come from.
struct ProfileSource {
  /// A profile to use instead of the one that the scenario names, relative to the working
  /// directory.
  var override: String?
  let shelf: ProfileShelf

  /// As if nothing stood instead of what the scenario names.
  var withoutOverride: ProfileSource { ProfileSource(shelf: shelf) }
}
