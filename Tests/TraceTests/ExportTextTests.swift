import Foundation
import Testing

@testable import Trace

/// The notations of exports.
@Suite struct ExportTextTests {
  private func written(_ write: (inout ExportText) -> Void) -> String {
    var text = ExportText()
    write(&text)
    return String(decoding: text.bytes, as: UTF8.self)
  }

  @Test("Whole numbers have all their digits")
  func wholeNumbers() {
    for number in [0, 7, -7, 10, 1_234_567_890_123, Int64.max, Int64.min] as [Int64] {
      #expect(written { $0.append(number) } == "\(number)")
    }
    #expect(written { $0.append(UInt64.max) } == "\(UInt64.max)")
  }

  @Test("Microseconds keep every nanosecond")
  func microseconds() {
    #expect(written { $0.append(microsecondsOf: 0) } == "0.000")
    #expect(written { $0.append(microsecondsOf: 7) } == "0.007")
    #expect(written { $0.append(microsecondsOf: 12_345) } == "12.345")
    #expect(written { $0.append(microsecondsOf: -1_050) } == "-1.050")
    #expect(written { $0.append(microsecondsOf: .max) } == "9223372036854775.807")
    #expect(written { $0.append(millisecondsOf: 0) } == "0.000000")
    #expect(written { $0.append(millisecondsOf: 12_345_007) } == "12.345007")
  }

  @Test("Numbers lead back to themselves, and those that are none are null")
  func numbers() {
    for number in [0.1, -1e-300, .leastNonzeroMagnitude, 1e22, 123_456.789, 1 / 3] as [Double] {
      #expect(Double(written { $0.append(number) }) == number)
    }
    #expect(written { $0.append(Double.nan) } == "null")
    #expect(written { $0.append(-Double.infinity) } == "null")
  }

  @Test("Words of 64 bits have sixteen hexadecimal digits")
  func hexadecimal() {
    #expect(written { $0.append(hexadecimalOf: 0xab) } == "00000000000000ab")
    #expect(written { $0.append(hexadecimalOf: .max) } == "ffffffffffffffff")
  }

  @Test("A JSON string holds no control character and no markup, and means what was given")
  func quoted() throws {
    let text = written { $0.append(quoted: hostileName) }
    #expect(
      text
        == #""a\"b\\c,d\n\u003cscript>\u001b[31m\u007f\u0085\u2028\t;é🙂{}""#)
    let everything = String(String.UnicodeScalarView((0...0x2fff).compactMap(Unicode.Scalar.init)))
    for given in [hostileName, "", everything] {
      let json = written { $0.append(quoted: given) }
      #expect(!json.unicodeScalars.contains { $0.properties.generalCategory == .control })
      let read = try JSONDecoder().decode([String].self, from: Data("[\(json)]".utf8))
      #expect(read == [given])
    }
  }

  @Test("A field of CSV is quoted where it has to be, and an empty text is not nothing")
  func fields() {
    #expect(written { $0.append(field: "plain text") } == "plain text")
    #expect(written { $0.append(field: "") } == "\"\"")
    #expect(written { $0.append(field: "a,b") } == "\"a,b\"")
    #expect(written { $0.append(field: "say \"so\"") } == "\"say \"\"so\"\"\"")
    #expect(written { $0.append(field: "a\r\nb") } == "\"a\r\nb\"")
    #expect(written { $0.append(field: "\r") } == "\"\r\"")
  }

  @Test("A label escapes what Prometheus says, and holds no other control character")
  func labels() {
    #expect(written { $0.append(label: "a\"b\\c\nd\u{1b}e") } == #""a\"b\\c\nd�e""#)
  }
}

/// Intervals on slots.
@Suite struct SlotAssignmentTests {
  @Test("The lowest free slot is taken, and one that ends as another starts is free")
  func byHand() {
    var slots = SlotAssignment()
    #expect(slots.slot(from: 0, until: 10) == 0)
    #expect(slots.slot(from: 1, until: 5) == 1)
    #expect(slots.slot(from: 2, until: 20) == 2)
    #expect(slots.slot(from: 5, until: 6) == 1)
    #expect(slots.slot(from: 7, until: 7) == 1)
    #expect(slots.slot(from: 7, until: 9) == 1)
    #expect(slots.slot(from: 10, until: 11) == 0)
    #expect(slots.slot(from: 10, until: 11) == 1)
    #expect(slots.slot(from: 10, until: 11) == 3)
  }

  @Test("No two of a slot overlap, and there are no more slots than overlap at once")
  func laws() {
    let requests = plausibleRecords(4_000, seed: 9).finished
      .sorted { ($0.scheduledNs, $0.id) < ($1.scheduledNs, $1.id) }
    var slots = SlotAssignment()
    var endsNs: [Int64] = []
    for request in requests {
      let lowestFree = endsNs.firstIndex { $0 <= request.scheduledNs } ?? endsNs.count
      let slot = slots.slot(from: request.scheduledNs, until: request.finishNs)
      #expect(slot == lowestFree)
      if slot == endsNs.count { endsNs.append(0) }
      endsNs[slot] = request.finishNs
    }
    #expect(endsNs.count > 16)
  }
}
