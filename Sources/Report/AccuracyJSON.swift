import KernelStudies
import Operators

/// What each KV cache format does to a sample, as JSON: keys in order, errors as shares of one,
/// absent where there is nothing to compare with.
public struct AccuracyJSON: Encodable {
  private let sample: SampleSection
  private let formats: [FormatSection]
  private let int4WithoutOutliers: FormatSection?
  private let bestFourBitFormat: String?
  private let verdict: String
  private let times: TimesSection?

  /// The JSON of a result, where its sample comes from, and what its formats cost in time.
  public init(
    _ result: AccuracyResult, origin: SampleOrigin, tradeOff: FormatTradeOff? = nil
  ) {
    sample = SampleSection(result, origin)
    formats = result.formats.map(FormatSection.init)
    int4WithoutOutliers = result.floor.map(FormatSection.init)
    bestFourBitFormat = result.bestFourBit?.format.name
    verdict = result.verdict
    times = tradeOff.map(TimesSection.init)
  }

  /// The text, ended by a newline.
  public func rendered() throws -> String { try snakeCaseJSON() }

  private struct SampleSection: Encodable {
    let keys: String
    let values: String
    let queries: String
    let seed: UInt64?
    let tokens: Int
    let queryTokens: Int
    let kvHeads: Int
    let queryHeads: Int
    let headDim: Int
    let scale: Double
    let softCap: Double?
    let outlierRatio: Float

    init(_ result: AccuracyResult, _ origin: SampleOrigin) {
      keys = origin.keys ?? "generated"
      values = origin.values ?? "generated"
      queries = origin.queries ?? "generated"
      seed = origin.seed
      tokens = result.tokens
      queryTokens = result.queryTokens
      kvHeads = result.heads.kvHeads
      queryHeads = result.heads.queryHeads
      headDim = result.heads.headDim
      scale = result.rule.scale
      softCap = result.rule.softCap
      outlierRatio = AccuracyStudy.outlierRatio
    }
  }

  private struct FormatSection: Encodable {
    let format: String
    let rotationOrder: Int?
    let rotatesValues: Bool
    let kvBytesPerToken: Int
    let shareOfFp16Bytes: Double
    let keyError: Double?
    let valueError: Double?
    let logitError: Double?
    let centredLogitError: Double?
    let outputError: Double?
    let outlierChannelShare: Double

    init(_ row: FormatAccuracy) {
      format = row.format.name
      rotationOrder = row.format.rotation?.order
      rotatesValues = row.format.rotation?.includesValues ?? false
      kvBytesPerToken = row.bytesPerToken
      shareOfFp16Bytes = row.shareOfFP16Bytes
      keyError = row.keyError
      valueError = row.valueError
      logitError = row.logitError
      centredLogitError = row.centredLogitError
      outputError = row.outputError
      outlierChannelShare = row.outlierChannelShare
    }
  }

  private struct TimesSection: Encodable {
    let device: String
    let kernelPath: String
    let formats: [TimedFormat]
    let leftOut: [String]
    let verdict: String?

    init(_ tradeOff: FormatTradeOff) {
      let facts = tradeOff.times.machine.facts
      device = facts.name
      kernelPath = facts.kernelPath
      formats = tradeOff.rows.map(TimedFormat.init)
      leftOut = tradeOff.times.skipped.map { "\($0.label): \($0.reason)" }
      verdict = tradeOff.verdict
    }
  }

  private struct TimedFormat: Encodable {
    let format: String
    let outputError: Double?
    let decode: Cost?
    let prefill: Cost?
    let append: Cost?
    let appendOfRowInCache: Cost?

    init(_ row: FormatTradeOff.Row) {
      format = row.accuracy.format.name
      outputError = row.accuracy.outputError
      decode = row.decode.map(Cost.init)
      prefill = row.prefill.map(Cost.init)
      append = row.append.map(Cost.init)
      appendOfRowInCache = row.cachedAppend.map(Cost.init)
    }
  }

  private struct Cost: Encodable {
    let timeNs: SpreadJSON
    let overInt4: SpreadJSON

    init(_ cost: FormatTradeOff.Cost) {
      timeNs = SpreadJSON(cost.time_ns)
      overInt4 = SpreadJSON(cost.overINT4)
    }
  }
}
