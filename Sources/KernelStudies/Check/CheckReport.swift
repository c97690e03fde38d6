import Kernels
import Operators

/// What a run of the checks found.
public struct CheckReport: Sendable {
  /// The normalised mean squared error that no case may exceed.
  public static let gate = 5e-4
  /// The error that kernels which add in FP32 should stay below.
  public static let aim = 1e-6

  /// The cases of one operator, format and path.
  public struct Tally: Hashable, Sendable {
    /// The operator.
    public let kind: CheckOperator
    /// The format of the cache; nil for operators without one.
    public let format: KVFormat?
    /// The kernels that ran.
    public let path: String
    /// Cases that ran.
    public internal(set) var cases = 0
    /// The largest error: NMSE, and for append the share of what a stored element may err by.
    public internal(set) var worst = 0.0
    /// Cases above ``CheckReport/aim``; none for append.
    public internal(set) var aboveAim = 0
    /// Cases above the gate, or wrong in another way.
    public internal(set) var failed = 0
  }

  /// The cases of one operator on one path, held against the peer's outputs.
  public struct Comparison: Hashable, Sendable {
    /// The operator.
    public let kind: CheckOperator
    /// The kernels that were compared with the peer.
    public let path: String
    /// Cases that were compared.
    public internal(set) var cases = 0
    /// The largest difference: NMSE; for append 0 where all bytes of all pools are equal, else what
    /// ``Tally/worst`` is.
    public internal(set) var worst = 0.0
    /// Cases above the gate, or different in another way.
    public internal(set) var failed = 0
  }

  /// One law on one path.
  public struct PropertyTally: Hashable, Sendable {
    /// What holds.
    public let name: String
    /// The kernels that ran.
    public let path: String
    /// How often it was tried.
    public internal(set) var checks = 0
    /// The largest deviation.
    public internal(set) var worst = 0.0
    /// The deviation up to which it holds.
    public let limit: Double
    /// How often it did not hold.
    public internal(set) var failed = 0
  }

  /// A case that is wrong.
  public struct Failure: Hashable, Sendable {
    /// The case's number; nil for a property.
    public let index: Int?
    /// The operator or property.
    public let subject: String
    /// The kernels that ran.
    public let path: String
    /// All sizes of the case.
    public let shape: String
    /// What is wrong.
    public let reason: String
  }

  /// A case that passed the gate, but whose error is above ``CheckReport/aim``: worth a look.
  public struct Remark: Hashable, Sendable {
    /// The case's number.
    public let index: Int
    /// The operator.
    public let kind: CheckOperator
    /// The kernels that ran.
    public let path: String
    /// All sizes of the case.
    public let shape: String
    /// Its normalised mean squared error.
    public let error: Double
  }

  /// The seed that gives the same cases and data again.
  public let seed: UInt64
  /// How many cases were asked for.
  public let extent: CheckPlan.Extent
  /// The device that was checked, by the name that it gives itself.
  public let device: String
  /// The kernels that ran.
  public let paths: [String]
  /// The other kernels that every case was held against; nil where there were none.
  public let peer: String?
  /// Cases by operator, format and path, in the order of the plan.
  public internal(set) var tallies: [Tally] = []
  /// Cases held against the peer, by operator and path.
  public internal(set) var comparisons: [Comparison] = []
  /// Laws by path.
  public internal(set) var properties: [PropertyTally] = []
  /// Cases that are right, but above the aim.
  public internal(set) var remarks: [Remark] = []
  /// The sizes of the cases that ran.
  public internal(set) var coverage = CheckCoverage()
  /// Everything that is wrong.
  public internal(set) var failures: [Failure] = []

  init(plan: CheckPlan, backends: [any KernelBackend], peer: (any KernelBackend)?) {
    seed = plan.seed
    extent = plan.extent
    device = backends.first?.name ?? "none"
    paths = backends.map(\.kernelPath)
    self.peer = peer?.kernelPath
  }

  /// Cases that ran, over all paths.
  public var caseCount: Int { tallies.reduce(0) { $0 + $1.cases } }
  /// Cases held against the peer, over all paths.
  public var comparedCount: Int { comparisons.reduce(0) { $0 + $1.cases } }
  /// Cases above the aim, over all paths.
  public var aboveAim: Int { tallies.reduce(0) { $0 + $1.aboveAim } }
  /// Whether everything is right.
  public var passed: Bool { failures.isEmpty && caseCount > 0 }
}
