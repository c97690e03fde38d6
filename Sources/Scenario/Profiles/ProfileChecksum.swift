/// The checksum of a profile: 64-bit FNV-1a over all bytes before the checksum's line.
///
/// The line is the one that the key `"checksum"` stands on; the newline before it is covered, the
/// line itself and what follows, `}` and a newline, are not. Sixteen lower-case hexadecimal
/// digits. It finds edits and damage; it is no signature.
enum ProfileChecksum {
  /// FNV-1a, offset basis 14695981039346656037 and prime 1099511628211
  /// (Fowler, Noll and Vo; RFC 9923).
  static func fnv1a(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(14_695_981_039_346_656_037) { ($0 ^ UInt64($1)) &* 1_099_511_628_211 }
  }

  /// The checksum as it is written.
  static func digits(_ bytes: some Sequence<UInt8>) -> String {
    let digits = String(fnv1a(bytes), radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

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
