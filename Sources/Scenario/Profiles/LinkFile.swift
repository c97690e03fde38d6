import CostModel

/// A measured link as read from its file.
public struct LoadedLink: Hashable, Sendable {
  /// The validated link.
  public let link: Link
  /// The file's text, verbatim.
  public let text: String
}

/// Reads measured links: JSON of version ``LinkFile/schemaVersion``, described in
/// `docs/scenarios.md`; `Scenarios/devices/measure-link.py` writes them.
public enum LinkFile {
  /// The version of a measured link's file form that this code reads.
  public static let schemaVersion = 1

  /// Reads a measured link of at most ``Limits/linkBytes`` and checks it whole.
  /// - Throws: ``ScenarioError/unreadable(path:reason:)``, or ``ScenarioError/invalid(_:)`` with
  ///   every error of the file.
  public static func read(path: String) throws(ScenarioError) -> LoadedLink {
    try parse(SourceFile.read(path: path, limit: Limits.linkBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> LoadedLink {
    let (link, text) = try file.json("a link") { root, _ in LinkFile.link(root) }
    return LoadedLink(link: link, text: text)
  }

  /// Nil with at least one error where the link is refused.
  private static func link(_ root: Cursor) -> Link? {
    guard let any = root.anyMapping(keys: SchemaKeys.linkFile),
      any.isOfVersion(schemaVersion, key: "kvsim_link", what: "this link")
    else { return nil }
    let file = any.refusingUnknownKeys()
    _ = file.required("kvsim_link", accepted: "\(schemaVersion), the version of this form")
    let measuredAt = file.measuredAt()
    let name = file.required("device", accepted: "a mapping that names the devices")
      .flatMap(deviceName)
    let what = "what ran, such as `PyTorch 2.11.0, NCCL 2.28.9`"
    let software = file.required("software", accepted: what)?.nonEmptyText(accepted: what)
    // Notes are for people: only their kind is checked.
    for note in file.optional("notes")?.items(accepted: "a list of texts") ?? [] {
      _ = note.text(limit: Limits.descriptionCharacters)
    }
    let accepted = "a list of measurements"
    guard let cursor = file.required("measurements", accepted: accepted),
      let points = points(cursor, accepted: accepted)
    else { return nil }
    guard let measuredAt, let name, let software else { return nil }
    let measurements = Link.Measurements(
      device: name, software: software, measuredAtUTC: measuredAt, points: points)
    guard let link = Link(measurements) else {
      cursor.refuse("no `all-reduce` was measured; accepted: at least one")
      return nil
    }
    return link
  }

  private static func deviceName(_ cursor: Cursor) -> String? {
    guard let device = cursor.mapping(keys: SchemaKeys.linkDevice) else { return nil }
    _ = device.optional("driver")?.nonEmptyText(accepted: "the driver's name and version")
    _ = device.optional("links")?.nonEmptyText(accepted: "how many links, of which speed")
    return device.required("name", accepted: "the devices' name")?
      .nonEmptyText(accepted: "the devices' name")
  }

  private static func points(_ cursor: Cursor, accepted: String) -> [Link.Point]? {
    guard let items = cursor.items(accepted: accepted) else { return nil }
    guard items.count <= Limits.measurements else {
      cursor.refuse("\(items.count) measurements; accepted: up to \(Limits.measurements)")
      return nil
    }
    struct Key: Hashable {
      let exchange: Link.Exchange
      let algorithm: String
      let devices: Int
      let bytes: Int
    }
    var seen: Set<Key> = []
    let points = items.compactMap { item -> Link.Point? in
      guard let point = point(item) else { return nil }
      let key = Key(
        exchange: point.exchange, algorithm: point.algorithm, devices: point.devices,
        bytes: point.bytes)
      guard seen.insert(key).inserted else {
        item.refuse("the same point stands above; accepted: one of each message size")
        return nil
      }
      return point
    }
    return points.count == items.count ? points : nil
  }

  private static func point(_ cursor: Cursor) -> Link.Point? {
    guard let keys = cursor.mapping(keys: SchemaKeys.linkPoint) else { return nil }
    let names = Link.Exchange.allCases.map(\.rawValue)
    let exchange = keys.required("collective", accepted: "what the devices did")?
      .choice(of: names).flatMap(Link.Exchange.init)
    let how = "how it was done, such as `nccl`"
    let algorithm = keys.required("algorithm", accepted: how)?.nonEmptyText(accepted: how)
    let place = keys.required("devices", accepted: "how many took part")
    let devices = place?.integer(in: 2...Limits.heads, unit: "devices")
    let bytes = keys.required("bytes", accepted: "the message's bytes")?
      .integer(in: 1...Limits.messageBytes, unit: "bytes")
    let times = keys.required("times_ns", accepted: "a list of nanoseconds")?.times()
    guard let exchange, let algorithm, let devices, let bytes, let times else { return nil }
    guard exchange != .send || devices == 2 else {
      place?.refuse("\(devices) devices, but a `send` goes from one to another; accepted: 2")
      return nil
    }
    return Link.Point(
      exchange: exchange, algorithm: algorithm, devices: devices, bytes: bytes, timesNs: times)
  }
}
