import Operators

/// What a real engine did, that `kvsim validate` compares a scenario's simulation with.
public enum Reference: Hashable, Sendable {
  /// A run, request by request.
  case recordedRun(RecordedRun)
  /// What somebody published of runs with this scenario's load.
  case published(PublishedResults)
}

/// The rows of a published table that a scenario can play.
public struct PublishedResults: Hashable, Sendable {
  /// The load of a run: a closed loop whose requests are all alike.
  public struct Load: Hashable, Sendable {
    /// Tokens of each prompt.
    public let inputTokens: Int
    /// Tokens of each output; at least 2, or there is no time per output token.
    public let outputTokens: Int
    /// Clients, each of which sends its next request when the last one has finished.
    public let concurrency: Int
    /// Devices that share the layers.
    public let tensorParallelSize: Int
  }

  /// What was published of one run.
  public struct Row: Hashable, Sendable {
    /// The format of the KV cache.
    public let format: KVFormat
    /// The figures that the table states, in their units; positive.
    public let figures: [ServingFigure: Double]
  }

  /// The table's path.
  public let path: String
  /// The load of every row, and of the scenario.
  public let load: Load
  /// One row a format, in the order of the scenario's formats; at least one.
  public let rows: [Row]
  /// What the published runs' wall time contains beside their requests, in nanoseconds.
  public let runOverheadNs: Int64
}

/// What tables of serving results state of a run. Times are nanoseconds.
public enum ServingFigure: Int, Hashable, Sendable, CaseIterable {
  /// Output tokens per second of the run's wall time.
  case outputTokensPerSecond
  /// Mean time to first token.
  case meanTTFT
  /// Time per output token after the first: 1 over the mean of each request's own
  /// (output tokens − 1) / (latency − TTFT).
  case tpot
  /// Mean time from a request's arrival to its last token.
  case meanLatency
  /// 75th percentile of the same.
  case p75Latency
  /// 90th percentile of the same.
  case p90Latency
}
