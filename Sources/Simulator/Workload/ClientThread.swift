import DequeModule

/// The thread of a load generator: a server of tasks, first come, first served
/// (``Workload/Client``). Requests are sent in the order in which they were prepared.
struct ClientThread: Sendable {
  /// What a task that has ended did.
  enum Outcome {
    /// The request's clock starts.
    case prepared
    /// The engine has the request, whose clock started at `arrivalNs`.
    case sent(ArrivingRequest, arrivalNs: Int64)
  }

  /// To prepare a request, or, once its clock has started, to send it.
  private struct Task {
    let request: ArrivingRequest
    var arrivalNs: Int64?
  }

  private let times: Workload.Client
  /// The one under way and those behind it.
  private var tasks = Deque<Task>()

  init(_ times: Workload.Client) {
    self.times = times
  }

  /// Whether its tasks take no time, so that the engine has a request as soon as it is due.
  var isInstant: Bool { times == .instant }

  /// What the first task takes, in nanoseconds; nil where there is none.
  var taskNs: Int64? {
    tasks.first.map { $0.arrivalNs == nil ? times.prepareNs : times.sendNs }
  }

  /// A request is due; whether its task is the first, and so begins at once.
  mutating func append(_ request: ArrivingRequest) -> Bool {
    tasks.append(Task(request: request))
    return tasks.count == 1
  }

  /// The first task ends.
  /// - Precondition: there is one.
  mutating func endTask(now: Int64) -> Outcome {
    var task = tasks.removeFirst()
    if let arrivalNs = task.arrivalNs { return .sent(task.request, arrivalNs: arrivalNs) }
    task.arrivalNs = now
    tasks.append(task)
    return .prepared
  }
}
