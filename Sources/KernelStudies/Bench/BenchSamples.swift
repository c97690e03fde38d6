import Operators

/// What one group's rounds gave. All arrays run over rounds: sample `i` of every case, of the read
/// and of the peak come from the same round.
public struct BenchSamples: Hashable, Sendable {
  /// What was timed.
  public let group: BenchGroup
  /// Nanoseconds, `[case][round]`.
  public let timesNs: [[Double]]
  /// Bytes per second of a plain read on the same threads.
  public let reads: [Double]
  /// Floating-point operations per second of fused multiply-adds on the same threads; empty on
  /// devices that measure none.
  public let peaks: [Double]
  /// Bytes per second of a plain read that is as a case's own, `[case][round]`: on a CPU of decode
  /// attention's pages, in the order of a block table; on a GPU of as many bytes as a dense layer's
  /// weights in one call. Else empty.
  public let caseReads: [[Double]]

  /// Samples of whole rounds.
  public init(
    group: BenchGroup, timesNs: [[Double]], reads: [Double], peaks: [Double] = [],
    caseReads: [[Double]] = []
  ) {
    precondition(timesNs.count == group.cases.count, "each case has times")
    precondition(caseReads.isEmpty || caseReads.count == group.cases.count, "all cases or none")
    precondition(
      (timesNs + caseReads + (peaks.isEmpty ? [] : [peaks])).allSatisfy {
        $0.count == reads.count
      } && !reads.isEmpty, "each round has everything")
    self.caseReads = caseReads
    self.group = group
    self.timesNs = timesNs
    self.reads = reads
    self.peaks = peaks
  }

  /// The place of the case with `format`.
  public func index(of format: KVFormat) -> Int? {
    group.cases.firstIndex { $0.format == format }
  }

  /// Nanoseconds of a call.
  public func time(_ index: Int) -> SampleSpread { SampleSpread(timesNs[index]) }

  /// Bytes per second, by ``Operators/OperatorShape/ratedBytes``, at the median time.
  public func bytesPerSecond(_ index: Int) -> Double {
    Double(group.cases[index].ratedBytes) / time(index).median * 1e9
  }

  /// Those bytes' rate over the plain read of the same round.
  public func shareOfRead(_ index: Int) -> SampleSpread {
    let bytes = Double(group.cases[index].ratedBytes)
    return SampleSpread(zip(timesNs[index], reads).map { bytes / $0 * 1e9 / $1 })
  }

  /// Those bytes' rate over the plain read as the case's own in the same round; nil where none was
  /// taken.
  public func shareOfCaseRead(_ index: Int) -> SampleSpread? {
    guard !caseReads.isEmpty else { return nil }
    let bytes = Double(group.cases[index].ratedBytes)
    return SampleSpread(zip(timesNs[index], caseReads[index]).map { bytes / $0 * 1e9 / $1 })
  }

  /// Nanoseconds that its rated bytes take in such a read, at its median; nil where none was taken.
  public func caseRead_ns(_ index: Int) -> Double? {
    guard !caseReads.isEmpty else { return nil }
    return Double(group.cases[index].ratedBytes) / SampleSpread(caseReads[index]).median * 1e9
  }

  /// Floating-point operations per second at the median time.
  public func operationsPerSecond(_ index: Int) -> Double {
    Double(group.cases[index].operations) / time(index).median * 1e9
  }

  /// Those operations' rate over the peak of the same round; nil where none was measured.
  public func shareOfPeak(_ index: Int) -> SampleSpread? {
    guard !peaks.isEmpty else { return nil }
    let operations = Double(group.cases[index].operations)
    return SampleSpread(zip(timesNs[index], peaks).map { operations / $0 * 1e9 / $1 })
  }

  /// Time of a case over the time of another in the same round: below 1 is faster.
  public func timeRatio(_ index: Int, to other: Int) -> SampleSpread {
    SampleSpread(zip(timesNs[index], timesNs[other]).map { $0 / $1 })
  }

  /// How many times as fast as another case: above 1 is faster.
  public func speed(_ index: Int, over other: Int) -> SampleSpread {
    timeRatio(other, to: index)
  }

  /// Tokens per second: those that a decode step yields, or those that come in.
  public func tokensPerSecond(_ index: Int) -> Double {
    let tokens =
      switch group.cases[index] {
      case .linear(let tokens, _, _), .append(let tokens, _, _), .gather(let tokens, _, _),
        .prefillAttention(let tokens, _, _, _), .elementwise(_, let tokens, _),
        .experts(let tokens, _, _):
        tokens
      case .mixedAttention(let tokens, _, let sequences, _, _, _): tokens + sequences
      case .decodeAttention(let sequences, _, _, _): sequences
      case .raggedDecode(let batch, _, _): batch.sequences
      }
    return Double(tokens) / time(index).median * 1e9
  }

  /// Nanoseconds that its rated bytes take at the plain read's median: no kernel that reads them
  /// from memory is faster.
  public func floorOfBytes_ns(_ index: Int) -> Double {
    Double(group.cases[index].ratedBytes) / SampleSpread(reads).median * 1e9
  }

  /// Whether what a call reads is more than the last-level cache holds.
  public func exceedsCache(_ index: Int, cacheBytes: Int) -> Bool {
    group.cases[index].ratedBytes > cacheBytes
  }
}

/// Append of rows that lie in cache, on one thread.
public struct CachedAppend: Hashable, Sendable {
  /// The format.
  public let format: KVFormat
  /// Nanoseconds per row; a token has two, its key and its value.
  public let rowNs: SampleSpread
  /// Time over that of plain INT4 in the same round.
  public let ratioToPlain: SampleSpread

  /// Samples of the same rounds for this format and for plain INT4.
  public init(format: KVFormat, rowNs: [Double], plainRowNs: [Double]) {
    self.format = format
    self.rowNs = SampleSpread(rowNs)
    ratioToPlain = SampleSpread(zip(rowNs, plainRowNs).map { $0 / $1 })
  }
}

/// Decode attention of pages that lie in cache, on one thread: what arithmetic allows.
public struct CachedDecode: Hashable, Sendable {
  /// The format.
  public let format: KVFormat
  /// Bytes of KV per second.
  public let bytesPerSecond: SampleSpread

  /// Samples of one format.
  public init(format: KVFormat, bytesPerSecond: [Double]) {
    self.format = format
    self.bytesPerSecond = SampleSpread(bytesPerSecond)
  }
}
