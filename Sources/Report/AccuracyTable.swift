import KernelStudies
import Operators
import Scenario

/// What each KV cache format does to a sample of keys and values, as a table for terminals.
public struct AccuracyTable {
  private let result: AccuracyResult
  private let origin: SampleOrigin

  /// The table of a result and where its sample comes from.
  public init(_ result: AccuracyResult, origin: SampleOrigin) {
    self.result = result
    self.origin = origin
  }

  /// A row a format, and a sentence on the best of four bits.
  public func rendered() -> String {
    var table = TextTable()
    table.add([
      "KV cache format", "bytes/token", "of fp16", "K", "V", "logits", "centred", "output",
      "outlier channels",
    ])
    table.addRule()
    for row in result.formats {
      if row.format.rotation?.order == 16 { table.addRule() }
      table.add([
        row.format.name, Figures.count(row.bytesPerToken), Figures.percent(row.shareOfFP16Bytes),
        AccuracyTable.error(row.keyError), AccuracyTable.error(row.valueError),
        AccuracyTable.error(row.logitError), AccuracyTable.error(row.centredLogitError),
        AccuracyTable.error(row.outputError), Figures.percent(row.outlierChannelShare),
      ])
    }
    let heads = result.heads
    let ratio = Int(AccuracyStudy.outlierRatio)
    return """
      \(sample)
      \(Figures.count(result.tokens)) tokens, \(heads.kvHeads) KV heads of \(heads.headDim), \
      \(heads.queryHeads) query heads; the last \(Figures.count(result.queryTokens)) tokens ask

      \(table.rendered())
      K, V, logits, output: norm of the error over norm of the exact, in percent
      centred: of logits, less the mean that all keys of a query share and softmax does not see
      outlier channels: of keys as they are quantised, largest magnitude over \(ratio) times the \
      head's median
      rotated-N: keys turned by Hadamard blocks of order N; -kv: values too; int4-rotated: N = 128

      \(result.verdict)

      """
  }

  private var sample: String {
    let drawn = origin.seed.map { "independent normal draws, seed \($0)" } ?? ""
    guard let keys = origin.keys, let values = origin.values else {
      let count = OutlierGenerator.outlierChannels(headDim: result.heads.headDim)
      return """
        keys: generated, \(count) of \(result.heads.headDim) channels of each head 20 to 60 times \
        the rest; values and queries: \(drawn)
        """
    }
    return Escaping.escaped(
      "keys: \(keys); values: \(values); queries: \(origin.queries ?? drawn)")
  }

  private static func error(_ share: Double?) -> String {
    share.map { "\(Figures.decimal(100 * $0)) %" } ?? "–"
  }
}
