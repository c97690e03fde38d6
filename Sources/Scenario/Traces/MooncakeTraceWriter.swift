import Simulator

/// Writes request traces in Mooncake's form, which is read again to the very same requests.
public enum MooncakeTraceWriter {
  /// A trace as JSON Lines. Times have as many decimals of a millisecond as they need. A trace with
  /// blocks gets `hash_ids`; blocks of fewer tokens are put together to Mooncake's of 512, of which
  /// two are the same where all their tokens and all before them are.
  /// - Precondition: 512 is a multiple of the trace's tokens of a block.
  public static func bytes(of trace: RequestTrace) -> [UInt8] {
    let blocks = trace.promptBlocks?.grouped(blockTokens: BlockTraceForm.mooncake.blockTokens)
    var text: [UInt8] = []
    text.reserveCapacity(80 * trace.count + 8 * (blocks?.ids.count ?? 0))
    for request in 0..<trace.count {
      text += "{\"timestamp\": ".utf8
      appendMilliseconds(trace.arrivalNs[request], to: &text)
      text += ", \"input_length\": ".utf8
      append(Int(trace.promptTokens[request]), to: &text)
      text += ", \"output_length\": ".utf8
      append(Int(trace.outputTokens[request]), to: &text)
      if let blocks {
        text += ", \"hash_ids\": [".utf8
        for (index, id) in blocks.blocks(of: request).enumerated() {
          if index > 0 { text += ", ".utf8 }
          append(Int(id), to: &text)
        }
        text.append(UInt8(ascii: "]"))
      }
      text += "}\n".utf8
    }
    return text
  }

  private static func appendMilliseconds(_ ns: Int64, to text: inout [UInt8]) {
    append(Int(ns / 1_000_000), to: &text)
    var rest = ns % 1_000_000
    guard rest > 0 else { return }
    text.append(UInt8(ascii: "."))
    var unit: Int64 = 100_000
    while rest > 0 {
      text.append(UInt8(ascii: "0") + UInt8(rest / unit))
      rest %= unit
      unit /= 10
    }
  }

  /// The digits of a number that is not negative.
  private static func append(_ number: Int, to text: inout [UInt8]) {
    let start = text.count
    var rest = number
    repeat {
      text.append(UInt8(ascii: "0") + UInt8(rest % 10))
      rest /= 10
    } while rest > 0
    text[start...].reverse()
  }
}
