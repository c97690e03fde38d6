/// A form in which a trace is exported.
public enum ExportForm: String, CaseIterable, Sendable {
  /// Chrome's trace events in JSON, which ui.perfetto.dev opens: tracks and counters.
  case perfetto
  /// Comma-separated values, a file for each table.
  case csv
  /// JSON Lines, an object for each row of each table.
  case jsonl
  /// Spans of requests, as the OpenTelemetry protocol has them in JSON.
  case otlp
  /// A snapshot at the end of a run, under vLLM's metric names, as Prometheus reads it.
  case prometheus
  /// Results with the fields of `vllm bench serve --save-result`.
  case vllmBench = "vllm-bench"
  /// Mooncake's JSON Lines of one run's requests, to be replayed.
  case mooncake

  /// Whether it takes runs that have not ended: what tells a run as a whole does not.
  var takesOpenRuns: Bool {
    switch self {
    case .perfetto, .csv, .jsonl: true
    case .otlp, .prometheus, .vllmBench, .mooncake: false
    }
  }

  /// Whether it tells the tables as they are. Others are made of records: a sweep has none.
  var isOfTables: Bool { self == .csv || self == .jsonl }

  /// Whether it has room for several runs.
  var takesSeveralRuns: Bool { self != .mooncake }
}

/// What an export takes from a trace, and where it goes.
public struct ExportOptions: Sendable {
  /// Where an export goes.
  public enum Target: Hashable, Sendable {
    /// Standard output, as it is made.
    case standardOutput
    /// A file, whole or not at all.
    case file(String)
    /// A folder with a file for each table, all or none.
    case folder(String)
  }

  /// Where it goes.
  public var target: Target
  /// Whether files that stand there are replaced.
  public var overwrites: Bool
  /// The only run that is taken; nil for all.
  public var run: Int64?
  /// The KV format of the runs that are taken; nil for all.
  public var format: String?
  /// The only table that is taken, of `csv` and `jsonl`; nil for all.
  public var table: String?
  /// The time that is taken, of `perfetto`, in nanoseconds since the start of the run; nil for all.
  public var window: Range<Int64>?
  /// How long it may take; nil for as long as it takes.
  public var timeLimit: Duration?

  /// All of a trace.
  public init(to target: Target, overwrites: Bool = false) {
    self.target = target
    self.overwrites = overwrites
  }
}

/// What a scenario says of its model and its traffic. A trace keeps its text alone, so whoever
/// reads scenarios has to say it.
public struct StatedTraffic: Hashable, Sendable {
  /// When requests come, as `vllm bench serve --request-rate` has it.
  public enum RequestRate: Hashable, Sendable {
    /// So many a second.
    case perSecond(Double)
    /// Whenever a client is free.
    case unlimited
  }

  /// What the model is called.
  public var modelName: String?
  /// When requests come; nil where that is no single number.
  public var requestRate: RequestRate?
  /// The shape of the gaps between them, of which 1 is Poisson; nil where it is none.
  public var burstiness: Double?
  /// Requests that are under way at most; nil without such a limit.
  public var maxConcurrency: Int?

  /// What is known; nothing by default.
  public init(
    modelName: String? = nil, requestRate: RequestRate? = nil, burstiness: Double? = nil,
    maxConcurrency: Int? = nil
  ) {
    self.modelName = modelName
    self.requestRate = requestRate
    self.burstiness = burstiness
    self.maxConcurrency = maxConcurrency
  }
}
