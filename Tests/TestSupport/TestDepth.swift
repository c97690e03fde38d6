import Foundation

/// How much deeper than usual the seeded worlds of tests are to go: `KVSIM_TEST_DEPTH`, 1 unless
/// set. `make test-deep` sets it.
public let testDepth =
  ProcessInfo.processInfo.environment["KVSIM_TEST_DEPTH"].flatMap(Int.init).map { max(1, $0) } ?? 1
