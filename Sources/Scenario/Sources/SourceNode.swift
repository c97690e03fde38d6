/// A place in a file.
struct Position: Hashable, Comparable {
  /// The line, from 1.
  let line: Int
  /// The column, from 1, in Unicode scalars.
  let column: Int

  /// The first character of a file.
  static let start = Position(line: 1, column: 1)

  static func < (left: Position, right: Position) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }
}

/// A value of a YAML or JSON file with its place: what both parsers yield and cursors walk over.
///
/// Scalars stay text. What a scalar means is decided where it is read, because only there is it
/// known whether a number, a word or a quantity is wanted.
struct SourceNode {
  /// A key and its value.
  struct Member {
    let key: String
    let keyPosition: Position
    let value: SourceNode
  }

  /// The kind of a value.
  enum Kind {
    /// `quoted` tells text in quotes (or a YAML block) from a bare word.
    case scalar(String, quoted: Bool)
    case mapping([Member])
    case sequence([SourceNode])
  }

  let kind: Kind
  let position: Position

  /// The value where it is a whole number of few digits, which nearly all numbers of a profile are;
  /// nil where it is another or none.
  var wholeNumber: Int? {
    guard case .scalar(let text, quoted: false) = kind else { return nil }
    return PlainNumber.fewDigits(text)
  }

  /// The value for messages: its text, or what kind it is.
  var given: String {
    switch kind {
    case .scalar(let text, let quoted):
      if text.isEmpty { return quoted ? "empty text" : "nothing" }
      return quoted ? "the quoted text \(Escaping.quoted(text))" : Escaping.quoted(text)
    case .mapping: return "a mapping"
    case .sequence: return "a list"
    }
  }
}
