import Foundation

extension Encodable {
  /// The value as JSON for people and programs: indented, keys in snake case and in order, ended by
  /// a newline.
  func snakeCaseJSON() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    encoder.keyEncodingStrategy = .convertToSnakeCase
    return String(decoding: try encoder.encode(self), as: UTF8.self) + "\n"
  }
}
