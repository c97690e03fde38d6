import Simulator

/// A form of JSON Lines: an object for each request, which names the blocks of its prompt by
/// hashes. Keys that the form does not have are passed over.
struct BlockTraceForm: RequestTraceForm {
  /// What a key holds.
  enum Value {
    case time(RequestTraceRows.TimeUnit)
    case promptTokens, outputTokens
    /// A list of whole numbers, one for each block that the prompt fills or begins.
    case hashes
    /// A whole number, -1 for none: the chat's, and that of the one whose prompt and output its
    /// prompt begins with.
    case chat, parentChat
    /// The same, of no use here.
    case number
    case text
  }

  /// A key of each row.
  struct Field {
    let key: String
    let value: Value
    /// Whether all rows of a file may lack it.
    var isOptional = false
    /// The key as it stands in a row.
    let bytes: [UInt8]

    init(_ key: String, _ value: Value, isOptional: Bool = false) {
      (self.key, self.value, self.isOptional) = (key, value, isOptional)
      bytes = Array(key.utf8)
    }
  }

  /// Whose form it is.
  let name: String
  /// Tokens of a block.
  let blockTokens: Int
  /// The keys, at most 64.
  let fields: [Field]

  /// Whether rows say of which they are the later turn.
  let hasChats: Bool

  init(name: String, blockTokens: Int, fields: [Field]) {
    (self.name, self.blockTokens, self.fields) = (name, blockTokens, fields)
    hasChats = fields.contains { if case .parentChat = $0.value { true } else { false } }
  }

  private var requiredKeys: [String] { fields.filter { !$0.isOptional }.map(\.key) }

  var accepted: String {
    "JSON Lines with \(requiredKeys.map { "`\($0)`" }.joined(separator: ", ")) (\(name))"
  }

  func begins(with line: Span<UInt8>) -> Bool {
    line.beginsObject && requiredKeys.allSatisfy { line.contains(Array("\"\($0)\"".utf8)) }
  }

  func read(_ file: SourceFile) throws(ScenarioError) -> RequestTrace {
    var reader = BlockTraceReader(form: self)
    return try RequestTraceRows.read(file, by: &reader)
  }
}

private struct BlockTraceReader: RequestRowReader {
  /// What a row said so far.
  private struct Row {
    var walker = JSONLineWalker()
    /// A bit for each field that was read.
    var fields: UInt64 = 0
    var timestamp: Timestamp?
    var promptTokens: Int32?
    var outputTokens: Int32?
    var chat: Int?
    var parentChat: Int?
  }

  let form: BlockTraceForm
  private var blocks: PromptBlocksBuilder
  private var chats = ChatParents()
  /// The fields of the first row: all have those.
  private var fieldsOfAll: UInt64?

  init(form: BlockTraceForm) {
    self.form = form
    blocks = PromptBlocksBuilder(blockTokens: form.blockTokens)
  }

  var hasHeader: Bool { false }

  var promptBlocks: PromptBlocks? {
    guard let fieldsOfAll else { return nil }
    let hasHashes = form.fields.indices.contains { index in
      if case .hashes = form.fields[index].value { return fieldsOfAll & (1 << index) != 0 }
      return false
    }
    return hasHashes ? blocks.promptBlocks : nil
  }

  var parents: [Int32] { chats.parents }

  mutating func readRow(_ line: Span<UInt8>, into rows: inout RequestTraceRows) {
    var row = Row()
    // What a row that was refused has left.
    blocks.dropOpenPrompt()
    guard row.walker.takes("{", of: line) else {
      return refuseSyntax(line, row, "an object in braces", &rows)
    }
    if !row.walker.takes("}", of: line) {
      repeat {
        guard readMember(line, &row, &rows) else { return }
      } while row.walker.takes(",", of: line)
      guard row.walker.takes("}", of: line) else {
        return refuseSyntax(line, row, "a comma or a closing brace", &rows)
      }
    }
    guard row.walker.isAtEnd(of: line) else {
      return refuseSyntax(line, row, "the end of the line", &rows)
    }
    finish(line, row, &rows)
  }

  private func refuseSyntax(
    _ line: Span<UInt8>, _ row: Row, _ accepted: String, _ rows: inout RequestTraceRows
  ) {
    rows.report(
      line, min(row.walker.index, line.count), "this is not JSON: accepted here: \(accepted)")
  }

  /// Reads a key and what it holds; false with an error where that is refused.
  private mutating func readMember(
    _ line: Span<UInt8>, _ row: inout Row, _ rows: inout RequestTraceRows
  ) -> Bool {
    guard let key = row.walker.string(of: line), row.walker.takes(":", of: line) else {
      refuseSyntax(line, row, "a key in quotation marks and a colon", &rows)
      return false
    }
    let name = line.extracting(key)
    guard let index = form.fields.firstIndex(where: { name.equals($0.bytes) }) else {
      if row.walker.skipsValue(of: line) { return true }
      refuseSyntax(line, row, "a value", &rows)
      return false
    }
    guard row.fields & (1 << index) == 0 else {
      rows.report(line, key.lowerBound - 1, "`\(form.fields[index].key)` stands twice in the row")
      return false
    }
    row.fields |= 1 << index
    return readValue(of: form.fields[index], line, &row, &rows)
  }

  private mutating func readValue(
    of field: BlockTraceForm.Field, _ line: Span<UInt8>, _ row: inout Row,
    _ rows: inout RequestTraceRows
  ) -> Bool {
    switch field.value {
    case .time(let unit):
      let word = row.walker.word(of: line)
      row.timestamp = rows.time(line, word, of: field.key, unit: unit)
      return row.timestamp != nil
    case .promptTokens:
      row.promptTokens = rows.tokens(line, row.walker.word(of: line), of: field.key)
      return row.promptTokens != nil
    case .outputTokens:
      row.outputTokens = rows.tokens(line, row.walker.word(of: line), of: field.key)
      return row.outputTokens != nil
    case .hashes:
      return readHashes(line, field.key, &row, &rows)
    case .chat, .parentChat, .number:
      return readNumber(of: field, line, &row, &rows)
    case .text:
      if row.walker.string(of: line) != nil { return true }
      rows.refuse(line, row.walker.word(of: line), of: field.key, "text in quotation marks")
      return false
    }
  }

  private func readNumber(
    of field: BlockTraceForm.Field, _ line: Span<UInt8>, _ row: inout Row,
    _ rows: inout RequestTraceRows
  ) -> Bool {
    let word = row.walker.word(of: line)
    let digits = line.extracting(word)
    let number = RequestTraceRows.wholeNumber(digits)
    let isNone =
      digits.count == 2 && digits[0] == UInt8(ascii: "-") && digits[1] == UInt8(ascii: "1")
    guard number != nil || isNone else {
      rows.refuse(line, word, of: field.key, "a whole number, or -1 for none")
      return false
    }
    if case .chat = field.value { row.chat = number }
    if case .parentChat = field.value { row.parentChat = number }
    return true
  }

  private mutating func readHashes(
    _ line: Span<UInt8>, _ key: String, _ row: inout Row, _ rows: inout RequestTraceRows
  ) -> Bool {
    guard row.walker.takes("[", of: line) else {
      rows.refuse(line, row.walker.word(of: line), of: key, "a list of whole numbers")
      return false
    }
    if row.walker.takes("]", of: line) { return true }
    repeat {
      let word = row.walker.word(of: line)
      guard let hash = RequestTraceRows.wholeNumber(line.extracting(word)) else {
        rows.refuse(line, word, of: key, "whole numbers from 0 to \(Int.max)")
        return false
      }
      blocks.append(hash: hash)
    } while row.walker.takes(",", of: line)
    if row.walker.takes("]", of: line) { return true }
    refuseSyntax(line, row, "a comma or a closing bracket", &rows)
    return false
  }

  /// Judges the row as a whole and keeps it.
  private mutating func finish(
    _ line: Span<UInt8>, _ row: Row, _ rows: inout RequestTraceRows
  ) {
    for (index, field) in form.fields.enumerated() where row.fields & (1 << index) == 0 {
      guard !field.isOptional || fieldsOfAll.map({ $0 & (1 << index) != 0 }) ?? false else {
        continue
      }
      return rows.report(
        line, 0,
        "lacks `\(field.key)`"
          + (field.isOptional ? ", which rows before it have; accepted: in all rows or none" : ""))
    }
    if let fieldsOfAll, row.fields & ~fieldsOfAll != 0 {
      let index = (row.fields & ~fieldsOfAll).trailingZeroBitCount
      return rows.report(
        line, 0,
        "has `\(form.fields[index].key)`, which rows before it lack; accepted: in all rows or none")
    }
    guard let timestamp = row.timestamp, let arrival = rows.arrival(timestamp, of: line),
      let promptTokens = row.promptTokens, let outputTokens = row.outputTokens,
      hasBlocks(for: Int(promptTokens), line, row, &rows)
    else { return }
    fieldsOfAll = row.fields
    blocks.endPrompt()
    if form.hasChats { chats.append(chat: row.chat, parent: row.parentChat) }
    rows.append(arrivalNs: arrival, promptTokens: promptTokens, outputTokens: outputTokens)
  }

  /// Whether the row has as many hashes as its prompt has blocks; false with an error where not.
  private func hasBlocks(
    for promptTokens: Int, _ line: Span<UInt8>, _ row: Row, _ rows: inout RequestTraceRows
  ) -> Bool {
    for (index, field) in form.fields.enumerated() where row.fields & (1 << index) != 0 {
      guard case .hashes = field.value else { continue }
      let wanted = (promptTokens + form.blockTokens - 1) / form.blockTokens
      if blocks.openBlocks == wanted { continue }
      rows.report(
        line, 0,
        "\(field.key): a list of \(blocks.openBlocks) for \(promptTokens) tokens; accepted: "
          + "\(wanted), one for each \(form.blockTokens) tokens and one for the rest")
      return false
    }
    return true
  }
}
