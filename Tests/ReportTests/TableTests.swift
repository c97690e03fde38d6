import Testing

@testable import Report

@Suite("Figures and tables")
struct TableTests {
  @Test("Counts are grouped by thousands, decimals have three significant digits")
  func numbers() {
    #expect(
      [0, 999, 1000, 1_234_567, -1000].map(Figures.count) == [
        "0", "999", "1,000", "1,234,567", "-1,000",
      ])
    #expect(
      [0, 0.001234, 0.1234, 1.234, 12.34, 123.4, 1234.5].map(Figures.decimal) == [
        "0.00", "0.00123", "0.123", "1.23", "12.3", "123", "1,235",
      ])
    #expect(Figures.percent(0.12345) == "12.3 %")
    #expect([1, 1.5, 0.875].map(Figures.change) == ["+0.0 %", "+50.0 %", "-12.5 %"])
  }

  @Test("A row of times has the unit that its largest needs")
  func units() {
    #expect(Figures.TimeUnit(largestNs: 2.5e9).name == "s")
    #expect(Figures.TimeUnit(largestNs: 2.5e6).text(2_500_000) == "2.50")
    #expect(Figures.TimeUnit(largestNs: 999).name == "ns")
  }

  @Test("The first column is flush left, the others right, no line ends in a space")
  func columns() {
    var table = TextTable()
    table.add(["name", "a", "bbb"])
    table.addRule()
    table.add(["x", "1000", ""])
    #expect(table.rendered() == "name     a  bbb\n───────────────\nx     1000\n")
  }
}
