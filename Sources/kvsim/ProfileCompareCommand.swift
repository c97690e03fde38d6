import ArgumentParser
import Report
import Scenario

/// `kvsim profile compare`.
struct ProfileCompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Show how the times of two profiles compare, operator by operator.",
    discussion: """
      At each point of the second profile its time is divided by that of the first: measured where \
      both have the shape, else as the first one's fit predicts it. With a derived profile first \
      and one of the same device measured second, it shows how good the derivation was.
      """)

  @Argument(help: ArgumentHelp("The profile to compare with.", valueName: "a"))
  var first: String

  @Argument(help: ArgumentHelp("The profile that is compared.", valueName: "b"))
  var second: String

  func run() throws {
    let table = try readingInput { () throws(ScenarioError) in
      ProfileComparisonTable(
        try ProfileFile.read(path: first).profile, try ProfileFile.read(path: second).profile)
    }
    try printResult(table.rendered())
  }
}
