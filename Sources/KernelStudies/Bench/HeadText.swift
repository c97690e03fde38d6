import Operators

extension HeadGeometry {
  /// Heads as users write them: query heads, KV heads and head dimension, `32/8/128`; nil where
  /// that is not what `text` says, or where no attention layer has such heads.
  public init?(text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard parts.count == 3, numbers.count == 3,
      numbers.allSatisfy({ (1...4096).contains($0) }),
      numbers[0] % numbers[1] == 0, numbers[2] % 2 == 0
    else { return nil }
    self.init(queryHeads: numbers[0], kvHeads: numbers[1], headDim: numbers[2])
  }
}
