/// The identifiers of a run's spans: the same whenever the run is exported, and no two alike.
///
/// They are made of the digest of the run's records, its number in the file and the request's: two
/// runs of one file may have the same records. For a given run, the mix below maps no two requests
/// to one number (it is the finaliser of SplitMix64: Steele, Lea and Flood, "Fast splittable
/// pseudorandom number generators", 2014).
struct OTLPIdentifiers {
  /// Which span of a request.
  enum Part: UInt64 {
    case request, queue, prefill, decode
  }

  private let run: UInt64

  /// - Parameter digest: of the run, 16 hexadecimal digits.
  init(digest: String, run: Int64) {
    let start = UInt64(digest, radix: 16) ?? 0
    self.run = OTLPIdentifiers.mix(start ^ OTLPIdentifiers.mix(UInt64(bitPattern: run)))
  }

  /// The sixteen bytes of a request's trace, as two words.
  func trace(of request: Int64) -> (UInt64, UInt64) {
    // All zeros would be no identifier.
    (max(run, 1), OTLPIdentifiers.mix(UInt64(bitPattern: request) ^ run))
  }

  /// The eight bytes of a span.
  func span(of request: Int64, _ part: Part) -> UInt64 {
    max(OTLPIdentifiers.mix((UInt64(bitPattern: request) << 2 | part.rawValue) &+ run), 1)
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    var mixed = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
    return mixed ^ mixed >> 31
  }
}
