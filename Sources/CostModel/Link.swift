/// What connects the devices of one replica: stated, or measured.
public struct Link: Hashable, Sendable {
  /// What devices do over it.
  public enum Exchange: String, Hashable, Sendable, CaseIterable {
    /// Adds up a message of each device, for all of them.
    case allReduce = "all-reduce"
    /// Puts together a message of which each device has a share, for all of them.
    case allGather = "all-gather"
    /// Passes a message from one device to another.
    case send
  }

  /// One exchange of one message size, timed several times.
  public struct Point: Hashable, Sendable {
    /// What was timed.
    public let exchange: Exchange
    /// How it was done, for people: engines choose by size what is fastest.
    public let algorithm: String
    /// Devices that took part; 2 of ``Exchange/send``.
    public let devices: Int
    /// Bytes of the message that every device has at the end.
    public let bytes: Int
    /// Nanoseconds of each call, of the slowest device; not empty.
    public let timesNs: [Int64]

    /// - Precondition: two devices or more, a byte or more, and positive times.
    public init(
      exchange: Exchange, algorithm: String, devices: Int, bytes: Int, timesNs: [Int64]
    ) {
      precondition(devices > 1 && bytes > 0 && !timesNs.isEmpty && timesNs.allSatisfy { $0 > 0 })
      self.exchange = exchange
      self.algorithm = algorithm
      self.devices = devices
      self.bytes = bytes
      self.timesNs = timesNs
    }

    /// The median, in nanoseconds: the lower of the middle two for an even count.
    public var medianNs: Int64 { timesNs.sorted()[(timesNs.count - 1) / 2] }
  }

  /// What was measured, where and when.
  public struct Measurements: Hashable, Sendable {
    /// The devices' name.
    public let device: String
    /// What ran: `PyTorch 2.11.0, NCCL 2.28.9`.
    public let software: String
    /// When, as ISO 8601 in UTC.
    public let measuredAtUTC: String
    /// Every point.
    public let points: [Point]

    /// Measurements, complete.
    public init(device: String, software: String, measuredAtUTC: String, points: [Point]) {
      self.device = device
      self.software = software
      self.measuredAtUTC = measuredAtUTC
      self.points = points
    }

    /// The fastest time of each message size, in the order of sizes; empty where so many devices
    /// were not measured.
    func fastest(_ exchange: Exchange, devices: Int) -> [(bytes: Int, ns: Int64)] {
      let points = points.filter { $0.exchange == exchange && $0.devices == devices }
      return Dictionary(points.map { ($0.bytes, $0.medianNs) }, uniquingKeysWith: min)
        .sorted { $0.key < $1.key }.map { (bytes: $0.key, ns: $0.value) }
    }
  }

  /// Bytes a second that a device sends, and receives, at most.
  public let bytesPerSecond: Int
  /// Nanoseconds that a message takes however short it is.
  public let latencyNs: Int64
  /// What the times come from; nil of a link that is stated.
  public let measurements: Measurements?

  /// A link that is stated.
  /// - Precondition: the bandwidth is positive, the latency not negative.
  public init(bytesPerSecond: Int, latencyNs: Int64) {
    self.init(bytesPerSecond: bytesPerSecond, latencyNs: latencyNs, measurements: nil)
  }

  /// A link that was measured. For what was not, its latency is the time of the shortest
  /// all-reduce, and its bandwidth what each of n devices sends in the longest, 2 (n − 1)/n of the
  /// message, over its time; both of the most devices that were measured.
  ///
  /// Nil where no all-reduce was measured.
  public init?(_ measurements: Measurements) {
    let counts = measurements.points.filter { $0.exchange == .allReduce }.map(\.devices)
    guard let devices = counts.max() else { return nil }
    let points = measurements.fastest(.allReduce, devices: devices)
    let (shortest, longest) = (points[0], points[points.count - 1])
    let sent = 2 * Double(devices - 1) / Double(devices) * Double(longest.bytes)
    // No link is as slow or as fast as these bounds; a file may say anything.
    let rate = min(max(1, sent / Double(longest.ns) * 1e9), 1e18)
    self.init(
      bytesPerSecond: Int(rate.rounded()), latencyNs: shortest.ns, measurements: measurements)
  }

  /// Whether so many devices' exchange was measured; if not, its time is derived.
  public func isMeasured(_ exchange: Exchange, devices: Int) -> Bool {
    measurements?.points.contains { $0.exchange == exchange && $0.devices == devices } ?? false
  }

  private init(bytesPerSecond: Int, latencyNs: Int64, measurements: Measurements?) {
    precondition(bytesPerSecond > 0 && latencyNs >= 0)
    self.bytesPerSecond = bytesPerSecond
    self.latencyNs = latencyNs
    self.measurements = measurements
  }
}
