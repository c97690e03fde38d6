/// A number of things, as a sentence has it.
public enum Counted {
  /// `1 head`, `2 heads`.
  ///
  /// - Parameter digits: the number as it is to be written; by default its plain digits.
  public static func of(_ count: Int, _ noun: String, digits: String? = nil) -> String {
    "\(digits ?? String(count)) \(noun)\(count == 1 ? "" : "s")"
  }
}
