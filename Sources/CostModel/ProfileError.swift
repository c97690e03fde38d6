import Operators

/// Why a profile cannot price a model.
public enum ProfileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The profile has no point of this operator to interpolate from.
  case notMeasured(OperatorKind, KVFormat?)

  /// One sentence for people.
  public var description: String {
    switch self {
    case .notMeasured(let kind, let format):
      let what = format.map { "\(kind.name) in format \($0.name)" } ?? kind.name
      return "the profile holds no measurement of \(what); measure again with `kvsim calibrate`"
    }
  }
}
