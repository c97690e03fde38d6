import Operators

/// What one format does to a sample. Errors are shares of the norm of what is exact, over the whole
/// sample (see docs/accuracy.md); nil where what is exact is nothing but zeros.
public struct FormatAccuracy: Sendable {
  /// The format.
  public let format: KVFormat
  /// Bytes of K and V with metadata, per token of the layer.
  public let bytesPerToken: Int
  /// The same as a share of FP16's.
  public let shareOfFP16Bytes: Double
  /// Error of the keys that are read back.
  public let keyError: Double?
  /// Error of the values that are read back.
  public let valueError: Double?
  /// Error of the logits of causal pairs, as the study's ``LogitRule`` makes them.
  public let logitError: Double?
  /// The same after the mean over a query's keys is taken from its logits, exact ones and others:
  /// softmax does not see what all keys have in common.
  public let centredLogitError: Double?
  /// Error of the attention output.
  public let outputError: Double?
  /// Channels of the keys, as they are quantised, that are outliers: those whose largest magnitude
  /// is more than ``AccuracyStudy/outlierRatio`` times the median of their head.
  public let outlierChannelShare: Double
}

/// What each format does to a sample.
public struct AccuracyResult: Sendable {
  /// The sample's heads.
  public let heads: HeadGeometry
  /// Tokens of keys and values.
  public let tokens: Int
  /// Tokens whose queries asked.
  public let queryTokens: Int
  /// How logits were made.
  public let rule: LogitRule
  /// A row a format, in the order of ``AccuracyStudy/formats(headDim:)``.
  public let formats: [FormatAccuracy]
  /// Plain INT4 on the same sample without its outlier channels: what four bits cost where nothing
  /// stands out. Nil where it cannot be known.
  public let floor: FormatAccuracy?

  /// The least ratio of two errors that is called a difference.
  static let notable = 1.05

  /// The four-bit format with the least error of the attention output; the first of several.
  public var bestFourBit: FormatAccuracy? {
    formats.filter { $0.format.bitsPerElement == 4 && $0.outputError != nil }
      .min { $0.outputError! < $1.outputError! }
  }

  /// One sentence: the best four-bit format and how it compares with plain INT4.
  public var verdict: String {
    guard let best = bestFourBit, let least = best.outputError,
      let plain = formats.first(where: { $0.format == .int4 })?.outputError
    else { return "The attention output is zero: it shows nothing about formats." }
    guard least > 0 else {
      return "\(best.format.name) leaves the attention output as it is."
    }
    let lead =
      "Of the 4-bit formats \(best.format == .int4 ? "plain " : "")\(best.format.name) has "
      + "the least error of the attention output, \(AccuracyResult.percent(least))"
    guard best.format != .int4 else { return lead + ": rotation does not help here." }
    let ratio = plain / least
    guard ratio >= AccuracyResult.notable else {
      return lead + ", and plain int4 \(AccuracyResult.percent(plain)): no difference to speak of."
    }
    return lead + ": \(AccuracyResult.digits(ratio)) times less than plain int4 "
      + "(\(AccuracyResult.percent(plain)))."
  }

  /// A share in percent; what is not zero but below a thousandth of a percent is only said to be.
  public static func percent(_ share: Double) -> String {
    share > 0 && share < 1e-5 ? "< 0.001 %" : "\(digits(100 * share)) %"
  }

  /// A number that is not negative, with three significant digits.
  static func digits(_ value: Double) -> String {
    guard value > 0, value < 1e6 else { return value > 0 ? "over 999,999" : "0" }
    var (places, limit) = (0, 100.0)
    while value < limit && places < 9 {
      places += 1
      limit /= 10
    }
    // 9.996 has three digits as 10.0.
    if places > 0, value >= 10 * limit - limit / 200 { places -= 1 }
    let power = (0..<places).reduce(1) { product, _ in product * 10 }
    let scaled = Int((value * Double(power)).rounded())
    guard places > 0 else { return "\(scaled)" }
    let fraction = String(scaled % power)
    return "\(scaled / power)." + String(repeating: "0", count: places - fraction.count) + fraction
  }
}
