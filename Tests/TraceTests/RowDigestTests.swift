import Testing
@testable import Trace
@Suite struct RowDigestTests {}
