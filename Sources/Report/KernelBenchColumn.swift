import KernelStudies
import Operators
import Planning

/// A column of a table of `kvsim kernels bench`: its title, and a case's cell; nil where a case has
/// no such figure.
struct KernelBenchColumn: Sendable {
  let title: String
  let text: @Sendable (BenchSamples, Int) -> String?

  private init(_ title: String, _ text: @escaping @Sendable (BenchSamples, Int) -> String?) {
    self.title = title
    self.text = text
  }

  /// The columns of a kind of groups, from left to right.
  static func columns(of kind: BenchGroup.Kind, _ result: BenchResult) -> [KernelBenchColumn] {
    let end = [floorOfBytes, floorOfOperations(result), published(result)]
    return switch kind {
    case .decode, .decodeOneThread:
      [batch, format, keysAndValues(result)] + time
        + [bytes, ofRead, ofPages, tokens, overFP16, overINT4] + end
    case .prefill: [chunk, format] + time + arithmetic(result) + [overFP16, overINT4] + end
    case .append, .gather:
      [moved, format] + time + [bytes, ofRead, overFP16, overINT4] + end
    case .linear:
      [layer, incoming] + time + [bytes, ofRead] + arithmetic(result) + [readAlone] + end
    }
  }

  // MARK: What is timed

  private static let batch = KernelBenchColumn("batch x context") { samples, index in
    guard case .decodeAttention(let batch, let context, _, _) = samples.group.cases[index] else {
      return nil
    }
    return "\(batch) x \(context)"
  }
  private static let chunk = KernelBenchColumn("tokens") { samples, index in
    guard case .prefillAttention(let tokens, let prefix, _, _) = samples.group.cases[index] else {
      return nil
    }
    return "\(tokens) after \(prefix)"
  }
  private static let moved = KernelBenchColumn("tokens") { samples, index in
    switch samples.group.cases[index] {
    case .append(let tokens, _, _), .gather(let tokens, _, _): String(tokens)
    default: nil
    }
  }
  private static let layer = KernelBenchColumn("outputs x inputs") { samples, index in
    guard case .linear(_, let outputs, let inputs) = samples.group.cases[index] else { return nil }
    let name = samples.group.name
    return "\(name)\(name.isEmpty ? "" : " ")\(outputs) x \(inputs)"
  }
  private static let incoming = KernelBenchColumn("M") { samples, index in
    guard case .linear(let tokens, _, _) = samples.group.cases[index] else { return nil }
    return String(tokens)
  }
  private static let format = KernelBenchColumn("format") { samples, index in
    samples.group.cases[index].format?.name
  }
  private static func keysAndValues(_ result: BenchResult) -> KernelBenchColumn {
    KernelBenchColumn("KV") { samples, index in
      let mark = result.exceedsCache(samples, index) ? "" : "*"
      return "\(Size(samples.group.cases[index].ratedBytes))\(mark)"
    }
  }

  // MARK: Figures

  private static let time = [
    KernelBenchColumn("time µs") { Figures.decimal($0.time($1).median * 1e-3) },
    KernelBenchColumn("p10-p90") { KernelBenchTable.range($0.time($1), 1e-3) },
  ]
  private static let bytes = KernelBenchColumn("GB/s") {
    Figures.decimal($0.bytesPerSecond($1) * 1e-9)
  }
  private static let ofRead = KernelBenchColumn("of read") {
    Figures.percent($0.shareOfRead($1).median)
  }
  private static let ofPages = KernelBenchColumn("of pages") { samples, index in
    samples.shareOfCaseRead(index).map { Figures.percent($0.median) }
  }
  private static func arithmetic(_ result: BenchResult) -> [KernelBenchColumn] {
    let (unit, scale) = result.machine.facts.isGPU ? ("TFLOP/s", 1e-12) : ("GFLOP/s", 1e-9)
    return [
      KernelBenchColumn(unit) { Figures.decimal($0.operationsPerSecond($1) * scale) },
      KernelBenchColumn("of FMA") { samples, index in
        samples.shareOfPeak(index).map { Figures.percent($0.median) }
      },
      KernelBenchColumn("of rate") { samples, index in
        result.floorOfOperations_ns(samples, index).map {
          Figures.percent($0 / samples.time(index).median)
        }
      },
    ]
  }
  private static let tokens = KernelBenchColumn("tokens/s") {
    Figures.decimal($0.tokensPerSecond($1))
  }
  private static let overFP16 = KernelBenchColumn("x fp16") { samples, index in
    samples.index(of: .fp16).map { Figures.ratio(samples.speed(index, over: $0).median) }
  }
  private static let overINT4 = KernelBenchColumn("/ int4") { samples, index in
    samples.index(of: .int4).map { Figures.ratio(samples.timeRatio(index, to: $0).median) }
  }

  // MARK: What stands beside them

  private static let readAlone = KernelBenchColumn("read alone µs") { samples, index in
    samples.caseRead_ns(index).map { Figures.decimal($0 * 1e-3) }
  }
  private static let floorOfBytes = KernelBenchColumn("floor of bytes µs") {
    Figures.decimal($0.floorOfBytes_ns($1) * 1e-3)
  }
  private static func floorOfOperations(_ result: BenchResult) -> KernelBenchColumn {
    KernelBenchColumn("of operations µs") { samples, index in
      result.floorOfOperations_ns(samples, index).map { Figures.decimal($0 * 1e-3) }
    }
  }
  private static func published(_ result: BenchResult) -> KernelBenchColumn {
    KernelBenchColumn("published µs") { samples, index in
      result.published_ns(samples, index).map { Figures.decimal($0 * 1e-3) }
    }
  }
}
