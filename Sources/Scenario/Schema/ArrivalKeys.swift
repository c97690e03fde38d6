import Simulator

/// `arrivals`.
enum ArrivalKeys {
  static let closedLoop = "closed-loop"
  static let replay = "replay"
  static let clients = "clients"

  /// The keys that go with each process.
  static let processes: [(value: String, keys: [String])] = [
    ("poisson", [rate.name]), ("deterministic", [rate.name]),
    ("gamma", [rate.name, burstiness.name]), ("rate-curve", [points.name, period.name]),
    ("on-off", [rate.name, on.name, off.name, offRate.name]),
    (clients, [file.name, rateScale.name]),
    (closedLoop, [concurrency.name, thinkTime.name]),
    (replay, [trace.name, start.name, end.name, repeats.name, jitter.name, timeScale.name]),
  ]

  static let process = SchemaKey(
    "process", .choice(of: processes.map(\.value)) { $0 }, .required,
    "How requests come: open loops, clients in a closed loop, or the times of a request trace.")
  /// `process` of a class, which can come beside others in an open loop alone.
  static let openLoop = SchemaKey(
    process.name,
    .choice(of: processes.map(\.value).filter { $0 != closedLoop && $0 != replay }) { $0 },
    .required, "How requests come; open loops alone.")

  static let rate = SchemaKey(
    "rate", .rate, .required, "How many requests come; of `on-off`, while on.",
    option: "vllm bench serve --request-rate")
  static let burstiness = SchemaKey(
    "burstiness", .number(Limits.burstiness, note: "; 1 is Poisson, less burstier"), .required,
    "The shape of the gamma distribution that gaps have.",
    option: "vllm bench serve --burstiness")
  static let points = SchemaKey(
    "points", .list(of: .mapping(RatePointKeys.form), upTo: Limits.ratePoints, called: "points"),
    .required, "The rate is linear from one point to the next; the first stands at 0 s.")
  static let period = SchemaKey(
    "period", .positiveTime,
    .otherwise("none: the last rate, which must be above 0, holds for ever"),
    "Time after which the curve begins again.")
  static let on = SchemaKey("on", .positiveTime, .required, "How long requests come at `rate`.")
  static let off = SchemaKey(
    "off", .positiveTime, .required, "How long they come at `off_rate` then.")
  static let offRate = SchemaKey(
    "off_rate", .rateOrNone, .standard("0/s"), "How many requests come while off.")
  static let file = SchemaKey(
    "file", .path("the path of a table of clients, relative to this file"), .required,
    "A table of clients, each with a rate and a variation of its own.")
  static let rateScale = SchemaKey(
    "rate_scale", .number(Limits.rateScales, note: ", by which all rates are multiplied"),
    .standard(1), "Makes all clients send more, or less.")
  static let concurrency = SchemaKey(
    "concurrency", .wholeNumber(1...Limits.clients, of: "clients"), .required,
    "Clients, each of which sends its next request when the last has finished.",
    option: "vllm bench serve --max-concurrency")
  static let thinkTime = SchemaKey(
    "think_time",
    .either(
      .time(upTo: Limits.arrivalSeconds, like: "300 ms"), or: .mapping(ThinkTimeKeys.form)),
    .standard("0 s"), "A client's pause between a request that has finished and its next one.")
  static let trace = SchemaKey(
    "trace", .path("the path of a request trace, relative to this file"), .required,
    "The request trace whose times are replayed.", option: "vllm bench serve --dataset-path")
  static let start = SchemaKey(
    "start", .time(upTo: Limits.arrivalSeconds, like: "10 min"), .standard("0 s"),
    "Rows before it are left out, and times count from it.")
  static let end = SchemaKey(
    "end", .positiveTime, .otherwise("none: the trace's own"),
    "Rows from it on are left out; by the trace's times, as `start`.")
  static let repeats = SchemaKey(
    "repeats", .wholeNumber(1...Limits.requests), .standard(1),
    "How often the rows come, again from `end` on; needs `end`.")
  static let jitter = SchemaKey(
    "jitter", .time(like: "3 s"), .standard("0 s"),
    "Each request comes later by a draw between 0 and this.")
  static let timeScale = SchemaKey(
    "time_scale", .positiveNumber(note: "; 2 halves the rate"), .standard(1),
    "By which times are multiplied, those that the keys above gave.")

  static let form = mapping(by: process)
  /// Of a class. The keys of other processes are known there too, so that of a closed loop one
  /// error says what is wrong.
  static let formOfClass = mapping(by: openLoop)

  private static func mapping(by process: SchemaKey<String>) -> MappingForm {
    MappingForm(
      process, rate, burstiness, points, period, on, off, offRate, file, rateScale, concurrency,
      thinkTime, trace, start, end, repeats, jitter, timeScale,
      variants: .byValue(of: process.name, processes))
  }
}

/// A point of a rate curve.
enum RatePointKeys {
  static let at = SchemaKey(
    "at", .time(upTo: Limits.arrivalSeconds, like: "10 min"), .required,
    "When, from the start of the curve; never before the point in front of it.")
  static let rate = SchemaKey("rate", .rateOrNone, .required, "How many requests come then.")

  static let form = MappingForm(at, rate, example: "{at: 0 s, rate: 2.5/s}")
}

/// `think_time` as a mapping.
enum ThinkTimeKeys {
  static let exponential = SchemaKey(
    "exponential", .mapping(distribution), .required,
    "Each pause is drawn from an exponential distribution.")
  static let form = MappingForm(exponential, example: "{exponential: {mean: 300 ms}}")

  static let mean = SchemaKey(
    "mean", .time(upTo: Limits.arrivalSeconds, like: "300 ms"), .required, "The mean pause.")
  static let distribution = MappingForm(mean)
}
