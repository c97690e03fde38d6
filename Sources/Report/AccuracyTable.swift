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
      table.add(AccuracyTable.cells(row.format.name, row))
    }
    if let floor = result.floor {
      table.addRule()
      table.add(AccuracyTable.cells("int4, no outliers", floor))
    }
    let ratio = Int(AccuracyStudy.outlierRatio)
    return """
      \(sample)
      \(sizes)

      \(table.rendered())
      K, V, logits, output: norm of the error over norm of the exact, in percent
      centred: of logits, less the mean that all keys of a query share and softmax does not see
      outlier channels: of keys as they are quantised, largest magnitude over \(ratio) times the \
      head's median
      rotated-N: keys turned by Hadamard blocks of order N; -kv: values too; int4-rotated: N = 128
      \(floorNote)
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

  private var sizes: String {
    let heads = result.heads
    func counted(_ count: Int, _ noun: String) -> String {
      Counted.of(count, noun, digits: Figures.count(count))
    }
    let asking =
      result.queryTokens == 1
      ? "the last token asks" : "the last \(Figures.count(result.queryTokens)) tokens ask"
    var text =
      "\(counted(result.tokens, "token")), \(counted(heads.kvHeads, "KV head")) of "
      + "\(heads.headDim), \(counted(heads.queryHeads, "query head")); \(asking)"
    if result.rule != LogitRule(headDim: heads.headDim) {
      text += "\nlogits: scale \(result.rule.scale)"
      if let cap = result.rule.softCap { text += ", soft cap \(cap)" }
    }
    return text
  }

  /// A line on the last row, where there is one; it ends itself.
  private var floorNote: String {
    result.floor == nil
      ? "" : "int4, no outliers: plain int4 on the same draws without outlier channels; the floor\n"
  }

  private static func cells(_ name: String, _ row: FormatAccuracy) -> [String] {
    [
      name, Figures.count(row.bytesPerToken), Figures.percent(row.shareOfFP16Bytes),
      error(row.keyError), error(row.valueError), error(row.logitError),
      error(row.centredLogitError), error(row.outputError),
      Figures.percent(row.outlierChannelShare),
    ]
  }

  static func error(_ share: Double?) -> String {
    // Large ones have their thousands apart.
    share.map { $0 < 10 ? AccuracyResult.percent($0) : "\(Figures.decimal(100 * $0)) %" } ?? "–"
  }
}
