/// Which row of a trace each row says to be the later turn of, by the numbers of chats.
struct ChatParents {
  /// By a chat's number, the last row that had it.
  private var rows: [Int: Int32] = [:]
  /// For each row the one with its parent's number; -1 where it has no parent, or none that stands
  /// before it in the file.
  private(set) var parents: [Int32] = []

  /// Another row. Nil stands for no number.
  mutating func append(chat: Int?, parent: Int?) {
    // Before the row's own number is known: no row is its own parent.
    parents.append(parent.flatMap { rows[$0] } ?? -1)
    // A file has fewer rows than 31 bits count.
    if let chat { rows[chat] = Int32(parents.count - 1) }
  }
}
