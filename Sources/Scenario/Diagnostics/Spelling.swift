/// What a person may have meant by a misspelt word.
enum Spelling {
  /// The one of `candidates` closest to `word`: at most `edits` letters, else a third of them (and
  /// at least two), inserted, deleted, replaced or swapped; nil where none is that close.
  static func suggestion(
    for word: String, among candidates: [String], within edits: Int? = nil
  ) -> String? {
    guard word.count <= Limits.nameCharacters else { return nil }
    let folded = folding(word)
    var best: (candidate: String, distance: Int)?
    for candidate in candidates {
      let distance = distance(folded, folding(candidate))
      let most = edits ?? max(2, max(word.count, candidate.count) / 3)
      guard distance <= most, distance < candidate.count else { continue }
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    return best?.candidate
  }

  /// The end of a message about an unknown word: what was meant, if that can be guessed, and what
  /// is `accepted`.
  static func advice(
    for word: String, among candidates: [String], accepted: String
  ) -> String {
    guard let suggestion = suggestion(for: word, among: candidates) else {
      return "; accepted: \(accepted)"
    }
    return "; did you mean `\(suggestion)`? accepted: \(accepted)"
  }

  /// Lower case and one kind of dash, so that `MaxNumSeqs` and `max-num-seqs` come close.
  private static func folding(_ word: String) -> [Character] {
    word.lowercased().map { $0 == "-" ? "_" : $0 }
  }

  /// Optimal string alignment: the edit distance in which swapping two neighbours is one edit.
  /// Takes the product of the lengths in time.
  static func distance(_ left: [Character], _ right: [Character]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...right.count)
    for (row, letter) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        var edits = min(
          last[column + 1] + 1, current[column] + 1, last[column] + (letter == other ? 0 : 1))
        if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
          edits = min(edits, beforeLast[column - 1] + 1)
        }
        current.append(edits)
      }
      beforeLast = last
      last = current
    }
    return last[right.count]
  }
}
