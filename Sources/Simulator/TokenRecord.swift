/// When tokens of one sample of a request were ready: some that it produced one after the other.
public struct TokenRecord: Hashable, Sendable {
  /// The request.
  public var request: Int64
  /// Which of its samples, from 0.
  public var sample: Int64
  /// Place of the first of the tokens in the sample's output, from 0.
  public var firstToken: Int64
  /// When each was ready, in nanoseconds since the start of the run; those of one step at once.
  public var timesNs: [Int64]

  /// A record, complete.
  /// - Precondition: there is a token.
  public init(request: Int64, sample: Int64 = 0, firstToken: Int64, timesNs: [Int64]) {
    precondition(!timesNs.isEmpty)
    self.request = request
    self.sample = sample
    self.firstToken = firstToken
    self.timesNs = timesNs
  }
}
