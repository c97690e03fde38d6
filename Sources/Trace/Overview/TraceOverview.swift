/// What a report shows of a trace. Its size does not grow with the requests of the runs.
public struct TraceOverview: Sendable {
  /// The first runs of the file, at most ``mostRuns``.
  public var runs: [RunOverview]
  /// How many runs the file has.
  public var runsInFile: Int
  /// The part of the runs that their timelines show, in nanoseconds since their starts; nil where
  /// nothing happened.
  public var window: Range<Int64>?

  /// Runs that are looked at. A comparison has one for each KV format.
  public static let mostRuns = 8
  /// Slices of time that a run is cut into.
  public static let slices = 100
  /// Requests of one timeline.
  public static let timelineRequests = 60
  /// Pauses of one request in a timeline; what came later is left out.
  public static let mostPauses = 200
}

/// One run, summed up.
public struct RunOverview: Sendable {
  /// The run: format, replicas, how it ended.
  public var run: StoredRun
  /// What was asked.
  public var scenario: ScenarioDescription
  /// The profile of each of its groups of replicas, without the text.
  public var profiles: [ProfileDescription]
  /// The figures that the simulator worked out.
  public var metrics: [Metric]
  /// The time of the last event. Of a run that has not ended, the last that was recorded.
  public var lastEventNs: Int64
  /// Arrival to the first step on a request.
  public var queueing: LatencyCurve
  /// Arrival to the first token.
  public var ttft: LatencyCurve
  /// Mean time per token after the first, of requests with two or more.
  public var tpot: LatencyCurve
  /// Arrival to the last token.
  public var e2e: LatencyCurve
  /// Times between tokens, of steps that gave a sample some: of runs that kept the times of tokens.
  public var itl = LatencyCurve(count: 0, percentilesNs: [])
  /// The run over time, in ``TraceOverview/slices`` slices of equal length; none for an empty run.
  public var slices: [TimeSlice]
  /// What happened between steps.
  public var events = RunEvents()
  /// Where the time of all steps together went.
  public var stepTimes: StepTimes
  /// Steps that do nothing but decode, by how many sequences do so at once, rising; where every
  /// step that decodes computes prompts besides, those.
  public var concurrency: [ConcurrencyPoint]
  /// Whether the points are of steps that compute prompts besides, as there are no others.
  public var pointsHavePrompts: Bool
  /// How many steps of a replica are under way at once, the mean over its busy time: 1 but for
  /// pipelines, whose lanes overlap.
  public var lanes: Double
  /// Requests of the window.
  public var timeline: Timeline
}

/// How a latency is distributed.
public struct LatencyCurve: Hashable, Sendable {
  /// How many requests have it, or how many gaps there are between tokens.
  public var count: Int
  /// The times in nanoseconds that so many per cent of the requests do not exceed, by nearest rank:
  /// 101 of them, from 0 to 100 per cent; none without a request. They are those of a histogram of
  /// three significant digits, never below the exact ones and less than 0.1 % above.
  public var percentilesNs: [Int64]

  /// The time that `percentage` per cent of the requests do not exceed; nil without a request.
  /// - Precondition: a whole percentage, 0 to 100.
  public subscript(percentage: Int) -> Int64? {
    percentilesNs.isEmpty ? nil : percentilesNs[percentage]
  }
}

/// All replicas of a run in a slice of its time.
public struct TimeSlice: Hashable, Sendable {
  /// When it begins, in nanoseconds since the start of the run.
  public var startNs: Double
  /// When it ends.
  public var endNs: Double
  /// Sequences in steps, the mean over the slice. Nothing runs between steps.
  public var running = 0.0
  /// Requests waiting as the steps began, the mean over the slice.
  public var waiting = 0.0
  /// The most requests waiting at one replica.
  public var mostWaiting: Int64 = 0
  /// Owned blocks as a share of all, the mean over the slice; a row of steps counts with what it
  /// had at its end, and time between steps with none.
  public var usedShare = 0.0
  /// Sequences preempted by rows of steps that begin in the slice.
  public var preemptions: Int64 = 0
  /// Requests rejected in the slice.
  public var rejections: Int64 = 0
  /// Replicas that got requests, the mean over the slice: that were there, and neither had failed
  /// nor were on their way out. All of them where so much happened that not all is known.
  public var openReplicas = 0.0
}

/// Where the time of steps went, in nanoseconds over all steps of a run.
public struct StepTimes: Hashable, Sendable {
  /// What can take time, in the order of the columns of `step`.
  public enum Part: Int, CaseIterable, Sendable {
    /// Projections and the language-model head.
    case linear
    /// Writing new keys and values.
    case append
    /// Attention of decode tokens.
    case decodeAttention
    /// Attention of prompt tokens.
    case prefillAttention
    /// Norms, activation, sampling and the like.
    case elementwise
    /// Exchange between the devices of one replica.
    case collective
    /// What the engine does between steps.
    case host
    /// Copies between pool and host memory.
    case swap
    /// The rest of a step: waiting for stages of a pipeline that have other steps.
    case stageWait
  }

  /// How many steps.
  public var steps = 0.0
  /// How long all of them took together.
  public var busyNs = 0.0
  private var partsNs = [Double](repeating: 0, count: Part.allCases.count)

  /// The time of one part.
  public subscript(part: Part) -> Double {
    get { partsNs[part.rawValue] }
    set { partsNs[part.rawValue] = newValue }
  }
}

/// Steps in which about as many sequences decode.
public struct ConcurrencyPoint: Hashable, Sendable {
  /// Sequences that decode at once, the mean over the steps.
  public var sequences: Double
  /// How many steps.
  public var steps: Double
  /// How long one takes, the mean: what a sequence waits for a token while so many decode.
  public var stepNs: Double
  /// Tokens that one replica, all its lanes together, decodes in a second of such steps; a sequence
  /// counts one a step.
  public var tokensPerSecond: Double
  /// The same for each device of the replica.
  public var tokensPerDeviceSecond: Double
}

/// Requests that were there in a part of a run.
public struct Timeline: Hashable, Sendable {
  /// How many were there in all.
  public var requestsInWindow = 0
  /// Those whose numbers are multiples of this are below: a power of two, the smallest that leaves
  /// no more than ``TraceOverview/timelineRequests``.
  public var stride: Int64 = 1
  /// They, by arrival.
  public var requests: [TimelineRequest] = []
}

/// A request, for a timeline. Times are nanoseconds since the start of the run.
public struct TimelineRequest: Hashable, Sendable {
  /// Its number in the run.
  public var id: Int64
  /// When it arrived.
  public var arrivalNs: Int64
  /// When the first step on it started; nil if there was none.
  public var scheduledNs: Int64?
  /// When its first token was ready; nil if none was.
  public var firstTokenNs: Int64?
  /// When its last token was ready, or it was rejected.
  public var finishNs: Int64
  /// Tokens of its prompt.
  public var promptTokens: Int64
  /// Tokens that it produced.
  public var outputTokens: Int64
  /// How often it lost its blocks.
  public var preemptions: Int64
  /// Samples of its prompt that were wanted.
  public var samples: Int64 = 1
  /// When it had lost its blocks, and when it computed again what it had lost: in the order in
  /// which that was over, and only what reaches into the window.
  public var pauses: [Pause] = []

  /// A time in which a request produced nothing because it had lost its blocks.
  public struct Pause: Hashable, Sendable {
    /// When it lost them, or had some again.
    public var startNs: Int64
    /// When it had some again, or had computed all again that was lost.
    public var endNs: Int64
    /// Whether it had blocks, and computed again what it had lost.
    public var isRecomputing: Bool
  }
}
