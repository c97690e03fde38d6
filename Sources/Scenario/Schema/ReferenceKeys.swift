/// `reference`.
enum ReferenceKeys {
  static let requests = SchemaKey(
    "requests", .path("the path of a recorded run, relative to this file"), .required,
    "A run that was recorded request by request, with as many requests as the workload.")
  static let timeseries = SchemaKey(
    "timeseries", .path("the path of its log, relative to this file"), .otherwise("none"),
    "The engine's log of that run.")
  static let published = SchemaKey(
    "published", .path("the path of a table of results, relative to this file"), .required,
    "What was published of runs of which nobody has the requests.")
  static let runOverhead = SchemaKey(
    "run_overhead", .time(like: "0.8 s"), .standard("0 s"),
    "What the published runs' wall time contains beside their requests.")

  static let recordedRun = [requests.name, timeseries.name]
  static let publishedResults = [published.name, runOverhead.name]

  static let form = MappingForm(
    requests, timeseries, published, runOverhead,
    variants: .byPresence([recordedRun, publishedResults]))
}
