import Operators
import Simulator

/// Finds a scenario's own load in a table of published results.
struct PublishedMatch {
  /// Why no row can be taken: one clause for people, saying what would be accepted.
  struct Refusal: Error {
    let message: String
  }

  /// A condition on rows: the columns that it is about, and what they hold in a load.
  private struct Condition {
    let columns: String
    let values: @Sendable (PublishedResults.Load) -> String
  }

  /// In the order in which they narrow the rows down: a refusal names the first that leaves none.
  private static let conditions: [Condition] = [
    Condition(columns: "input_tokens, output_tokens") { "\($0.inputTokens), \($0.outputTokens)" },
    Condition(columns: "tensor_parallel_size") { "\($0.tensorParallelSize)" },
    Condition(columns: "concurrency") { "\($0.concurrency)" },
  ]

  /// The scenario's load.
  let load: PublishedResults.Load
  private let requests: Int
  private let formats: [KVFormat]

  init(
    _ workload: Workload, formats: [KVFormat], tensorParallelSize: Int
  ) throws(Refusal) {
    guard case .closedLoop(let concurrency, thinkTime: .none) = workload.arrivals,
      workload.classes.count == 1, workload.classes[0].systemPromptTokens == 0,
      !workload.hasSessions,
      case .fixed(let inputTokens) = workload.promptTokens,
      case .fixed(let outputTokens) = workload.outputTokens
    else {
      throw Refusal(
        message: "such tables are of closed loops whose requests are all alike; accepted: with the "
          + "process closed-loop without `think_time`, without `sessions`, and whole numbers as "
          + "`prompt_tokens` and `output_tokens`")
    }
    load = PublishedResults.Load(
      inputTokens: inputTokens, outputTokens: outputTokens, concurrency: concurrency,
      tensorParallelSize: tensorParallelSize)
    requests = workload.requests
    self.formats = formats
  }

  /// Of the rows of the load those that are taken, one a format, in the order of the scenario's
  /// formats. Formats of which
  /// the table has none are passed over as long as it has one of another.
  func rows(of ofLoad: [PublishedTableFile.Row]) throws(Refusal) -> [PublishedResults.Row] {
    let rows = ofLoad.filter { row in formats.contains { $0.name == row.format } }
    guard !rows.isEmpty else {
      throw Refusal(
        message:
          "of this load it has no row in the scenario's formats, \(list(formats.map(\.name)))"
          + "; accepted: \(list(ofLoad.map(\.format)))")
    }
    if let other = rows.first(where: { $0.requests != requests }) {
      throw Refusal(
        message: "line \(other.line) has \(other.requests) requests, but the workload has "
          + "\(requests); accepted: as many")
    }
    var taken: [PublishedResults.Row] = []
    for format in formats {
      let ofFormat = rows.filter { $0.format == format.name }
      guard ofFormat.count < 2 else {
        throw Refusal(
          message: "lines \(ofFormat[0].line) and \(ofFormat[1].line) are both of this load in "
            + "`\(format.name)`; accepted: one")
      }
      taken += ofFormat.map { PublishedResults.Row(format: format, figures: $0.figures) }
    }
    return taken
  }

  /// The entries of the load, of which there is one at least.
  func entries(of table: PublishedTableFile) throws(Refusal) -> [PublishedTableFile.Entry] {
    var rows = table.entries
    var met = ""
    for condition in PublishedMatch.conditions {
      let (columns, wanted) = (condition.columns, condition.values(load))
      let next = rows.filter { condition.values($0.load) == wanted }
      guard !next.isEmpty else {
        throw Refusal(
          message: "no row\(met) has \(columns) \(wanted); accepted: "
            + list(rows.map { condition.values($0.load) }))
      }
      rows = next
      met += (met.isEmpty ? " with " : ", ") + "\(columns) \(wanted)"
    }
    return rows
  }

  /// What rows hold, each once, in their order.
  private func list(_ values: [String]) -> String {
    var choices: [String] = []
    for value in values where !choices.contains(value) {
      guard choices.count < Limits.choicesShown else {
        return choices.joined(separator: "; ") + "; …"
      }
      choices.append(value)
    }
    return choices.joined(separator: "; ")
  }
}
