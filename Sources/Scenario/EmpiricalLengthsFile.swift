import Simulator

/// Reads a file of lengths: a whole number of tokens a line, or such a number and its weight with a
/// comma between.
///
///     512,3
///     640,0.5
///
/// Lines end in LF or CRLF, the last one may end without; all rows have as many fields.
public enum EmpiricalLengthsFile {
  /// Reads a file of at most ``Limits/lengthsBytes``; of malformed rows the first
  /// ``Limits/diagnosticsPerTrace`` are reported and the rest counted.
  public static func read(path: String) throws(ScenarioError) -> EmpiricalLengths {
    try parse(SourceFile.read(path: path, limit: Limits.lengthsBytes))
  }

  static func parse(_ file: SourceFile) throws(ScenarioError) -> EmpiricalLengths {
    let log = DiagnosticLog(file: file.path, dialect: .csv)
    let text = file.text(into: log)
    var reader = EmpiricalLengthsReader(log: log)
    // A line feed behind a carriage return is one character to Swift.
    var lines = text?.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) ?? []
    if lines.last?.isEmpty == true { lines.removeLast() }
    if text != nil { reader.read(lines) }
    try log.throwIfAny()
    return EmpiricalLengths(reader.weighted)
  }
}

private struct EmpiricalLengthsReader {
  let log: DiagnosticLog
  var weighted: [(tokens: Int32, weight: Double)] = []
  private var errors: RowErrors

  init(log: DiagnosticLog) {
    self.log = log
    errors = RowErrors(log)
  }

  mutating func read(_ lines: [Substring]) {
    guard let first = lines.first else {
      log.report(at: .start, "the file is empty; accepted: a whole number of tokens a line")
      return
    }
    let hasWeights = first.contains(",")
    weighted.reserveCapacity(lines.count)
    for (index, line) in lines.enumerated() {
      readRow(line, hasWeight: hasWeights, line: index + 1)
    }
    errors.reportRest()
  }

  private mutating func readRow(_ row: Substring, hasWeight: Bool, line: Int) {
    let fields = row.split(separator: ",", omittingEmptySubsequences: false)
    guard fields.count == (hasWeight ? 2 : 1) else {
      errors.report(
        at: Position(line: line, column: 1),
        "the row has \(fields.count) fields; accepted: "
          + (hasWeight ? "2, tokens and weight" : "1, tokens") + ", as the first row has")
      return
    }
    guard let tokens = PlainNumber(String(fields[0]))?.integer,
      (1...Limits.tokens).contains(tokens)
    else {
      errors.report(
        at: Position(line: line, column: 1),
        "\(Escaping.quoted(String(fields[0]))) is not accepted here; accepted: a whole number of "
          + "tokens from 1 to \(Limits.tokens)")
      return
    }
    guard hasWeight else {
      weighted.append((Int32(tokens), 1))
      return
    }
    let range = Limits.lengthWeights
    guard let weight = PlainNumber(String(fields[1]))?.value, range.contains(weight) else {
      errors.report(
        at: Position(line: line, column: fields[0].unicodeScalars.count + 2),
        "\(Escaping.quoted(String(fields[1]))) is not accepted here; accepted: a weight from "
          + "\(range.lowerBound) to \(range.upperBound)")
      return
    }
    weighted.append((Int32(tokens), weight))
  }
}
