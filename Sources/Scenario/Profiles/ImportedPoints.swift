import CostModel
import Operators

/// Points of files from outside, each with its place there, on their way to a profile.
///
/// What a profile's reader would refuse is refused here first, at the row that it comes from.
struct ImportedPoints {
  /// Where a point or an error of several comes from.
  struct Place {
    let log: DiagnosticLog
    var position = Position.start
    /// The key, from the file's root; empty in CSV.
    var key = ""

    func refuse(_ message: String) { log.report(at: position, key: key, message) }
  }

  /// What two rows must not share: the name of a layer, if it has one, and a shape.
  private struct Row: Hashable {
    let name: String
    let shape: OperatorShape
  }

  /// The points, in the order of the rows.
  private(set) var measurements: [Measurement] = []
  private var places: [Place] = []
  private var rows: [Row: Int] = [:]

  /// Keeps a point, or refuses it where the same row was there before.
  ///
  /// - Parameter name: what tells layers of one shape apart.
  mutating func add(_ shape: OperatorShape, ns: Int64, named name: String = "", at place: Place) {
    if let first = rows.updateValue(places.count, forKey: Row(name: name, shape: shape)) {
      let line = places[first].position.line
      place.refuse("the same operator and sizes stand in line \(line); accepted: one row for each")
    }
    measurements.append(Measurement(shape: shape, isHeldOut: false, timesNs: [ns]))
    places.append(place)
  }

  /// Reports what keeps a fit from being made of the points.
  ///
  /// - Parameter place: of an operator's points as a whole, and what its rows are in the file.
  func refuseGaps(at place: (OperatorKind) -> (Place, rows: String)) {
    for gap in ProfileCoverage(measurements).gaps {
      let (place, rows) = place(gap.kind)
      place.refuse(gap.message(isFitted: rows.isEmpty ? "" : " (\(rows))"))
    }
  }

  /// Reports what a reader of profiles finds wrong with one made of the points.
  ///
  /// - Parameter root: for what is not of one point.
  func refuseUnreadable(_ profile: Profile, at root: Place) {
    for error in ProfileFile.readingErrors(ProfileFile.encode(profile)) {
      guard let index = ImportedPoints.index(error.keyPath), places.indices.contains(index) else {
        root.refuse(
          "the profile made of it cannot be read: "
            + (error.keyPath.isEmpty ? "" : "\(error.keyPath): ") + error.message)
        continue
      }
      places[index].refuse("`\(measurements[index].shape.kind.name)` \(error.message)")
    }
  }

  /// The point that an error in a profile is of: 10 of `measurements[10].tokens`.
  private static func index(_ keyPath: String) -> Int? {
    let list = "measurements["
    guard keyPath.hasPrefix(list) else { return nil }
    return Int(keyPath.dropFirst(list.count).prefix { $0.isNumber })
  }
}
