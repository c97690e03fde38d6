import KernelStudies

/// What `kvsim kernels check` found, for programs.
public struct KernelCheckJSON: Encodable {
  private let seed: UInt64
  private let device: String
  private let passed: Bool
  private let paths: [String]
  private let skippedPaths: [String]
  private let aim: Double
  private let gate: Double
  private let cases: Int
  private let aboveAim: Int
  private let aboveAimCases: [Remark]
  private let covered: Covered
  private let operators: [Row]
  /// Only where there was another device to compare with.
  private let againstCPU: Peer?
  private let properties: [Property]
  private let failures: [Failure]

  private struct Row: Encodable {
    let `operator`: String
    let format: String
    let path: String
    let cases: Int
    /// NMSE; for append the share of what a stored element may err by. Null where it is NaN.
    let worstError: Double?
    let aboveAim: Int
    let failed: Int
  }

  private struct Peer: Encodable {
    let path: String
    let cases: Int
    let operators: [Comparison]
  }

  private struct Comparison: Encodable {
    let `operator`: String
    let path: String
    let cases: Int
    /// NMSE against the outputs of the CPU; for append 0 where all bytes are equal.
    let worstDifference: Double?
    let failed: Int
  }

  private struct Property: Encodable {
    let name: String
    let path: String
    let checks: Int
    let worstDeviation: Double?
    let limit: Double
    let failed: Int
  }

  private struct Remark: Encodable {
    let seed: UInt64
    let `case`: Int
    let `operator`: String
    let path: String
    let shape: String
    let error: Double
  }

  private struct Covered: Encodable {
    let headDims: [Int]
    let groupSizes: [Int]
    let blockSizes: [Int]
    let contexts: [Int]
    let windows: [Int]
    let linearTokens: [Int]
    let normWidths: [Int]
    let largestPositions: [Int]
  }

  private struct Failure: Encodable {
    let `case`: Int?
    let subject: String
    let path: String
    let shape: String
    let reason: String
  }

  /// The document of a report; `skippedPaths` are kernels that this machine does not run.
  public init(_ report: CheckReport, skippedPaths: [String]) {
    seed = report.seed
    device = report.device
    passed = report.passed
    paths = report.paths
    self.skippedPaths = skippedPaths
    aim = CheckReport.aim
    gate = CheckReport.gate
    cases = report.caseCount
    aboveAim = report.aboveAim
    aboveAimCases = report.remarks.map { each in
      Remark(
        seed: report.seed, case: each.index, operator: each.kind.rawValue, path: each.path,
        shape: each.shape, error: each.error)
    }
    let coverage = report.coverage
    covered = Covered(
      headDims: coverage.headDims, groupSizes: coverage.groupSizes,
      blockSizes: coverage.blockSizes, contexts: coverage.contexts, windows: coverage.windows,
      linearTokens: coverage.linearTokens, normWidths: coverage.normWidths,
      largestPositions: coverage.largestPositions)
    operators = report.tallies.map { tally in
      Row(
        operator: tally.kind.rawValue, format: tally.format?.name ?? tally.kind.numbers,
        path: tally.path, cases: tally.cases,
        worstError: tally.worst.isFinite ? tally.worst : nil, aboveAim: tally.aboveAim,
        failed: tally.failed)
    }
    againstCPU = report.peer.map { peer in
      Peer(
        path: peer, cases: report.comparedCount,
        operators: report.comparisons.map { each in
          Comparison(
            operator: each.kind.rawValue, path: each.path, cases: each.cases,
            worstDifference: each.worst.isFinite ? each.worst : nil, failed: each.failed)
        })
    }
    properties = report.properties.map { each in
      Property(
        name: each.name, path: each.path, checks: each.checks,
        worstDeviation: each.worst.isFinite ? each.worst : nil, limit: each.limit,
        failed: each.failed)
    }
    failures = report.failures.map { each in
      Failure(
        case: each.index, subject: each.subject, path: each.path, shape: each.shape,
        reason: each.reason)
    }
  }

  /// Sorted keys in snake case, ended by a newline.
  public func rendered() throws -> String { try snakeCaseJSON() }
}
