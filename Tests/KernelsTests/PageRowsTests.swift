import Operators
import Testing

@testable import Kernels

@Suite("Rows of block tables")
struct PageRowsTests {
  private let layout = PageLayout(format: .fp16, blockSize: 16, kvHeads: 2, headDim: 32)

  @Test("Each sequence has its own pages, rows are as wide as the longest's, call after call")
  func rows() throws {
    // 1, 2 and 3 pages.
    let rows = try PageRows([16, 17, 48], of: layout)
    #expect(rows.width == 3 && rows.pages == 6)
    let tables = rows.tables(of: [1, 2, 3, 4, 5, 6, 11, 12, 13, 14, 15, 16])
    #expect(
      tables == [1, 0, 0, 2, 3, 0, 4, 5, 6, 11, 0, 0, 12, 13, 0, 14, 15, 16])
  }

  @Test("Contexts that are alike leave the pages as they come")
  func even() throws {
    let rows = try PageRows([20, 20], of: layout)
    #expect(rows.tables(of: [7, 8, 9, 10]) == [7, 8, 9, 10])
  }
}
