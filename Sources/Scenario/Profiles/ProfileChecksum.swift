/// The checksum of a profile: ``FNV1a`` over all bytes before the checksum's line.
///
/// The line is the one that the key `"checksum"` stands on; the newline before it is covered, the
/// line itself and what follows, `}` and a newline, are not.
enum ProfileChecksum {
  /// The checksum of a profile that was found valid. It is the last value of the file, so the last
  /// quotation mark closes it.
  static func carried(by bytes: [UInt8]) -> String {
    let digits = bytes.lastIndex(of: UInt8(ascii: "\"")).map {
      bytes[max(0, $0 - 16)..<$0]
    }
    return String(decoding: digits ?? [], as: UTF8.self)
  }

  /// The bytes before `line`, a line from 1.
  static func covered(_ bytes: [UInt8], beforeLine line: Int) -> ArraySlice<UInt8> {
    var current = 1
    var index = 0
    while current < line, let newline = bytes[index...].firstIndex(of: 10) {
      index = newline + 1
      current += 1
    }
    return bytes[..<index]
  }
}
