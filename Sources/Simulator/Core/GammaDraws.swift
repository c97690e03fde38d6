extension RandomStream {
  /// A draw of the gamma distribution with this shape and mean 1, whose coefficient of variation is
  /// 1/√shape.
  ///
  /// Marsaglia and Tsang, "A simple method for generating gamma variables", ACM Transactions on
  /// Mathematical Software 26 (2000): a normal draw's cube, accepted in 95 of a hundred trials or
  /// more. A shape below 1 is one more than it is, times the power of a uniform draw (their section
  /// 6). Each trial takes two draws of the entity's.
  /// - Precondition: `shape` is positive and finite.
  func gamma(shape: Double, _ purpose: Purpose, entity: Int64) -> Double {
    precondition(shape > 0 && shape.isFinite)
    guard shape < 1 else { return unscaledGamma(shape, purpose, entity, draw: 0) / shape }
    let larger = unscaledGamma(shape + 1, purpose, entity, draw: 1)
    // Together in the exponent, lest a small power vanish before it is divided by a small shape.
    let power = naturalLog(unit(purpose, entity: entity)) / shape
    return naturalExp(power + naturalLog(larger / shape))
  }

  /// A draw of mean `shape`, which is at least 1.
  private func unscaledGamma(
    _ shape: Double, _ purpose: Purpose, _ entity: Int64, draw first: UInt32
  ) -> Double {
    let d = shape - 1.0 / 3
    let c = 1 / (9 * d).squareRoot()
    var draw = first
    while true {
      let normal = NormalDistribution.quantile(openUnit(purpose, entity: entity, draw: draw))
      let unit = unit(purpose, entity: entity, draw: draw + 1)
      draw += 2
      let base = 1 + c * normal
      guard base > 0 else { continue }
      let cube = base * base * base
      let square = normal * normal
      // Most are accepted by the first bound, without a logarithm.
      if unit < 1 - 0.0331 * square * square
        || naturalLog(unit) < 0.5 * square + d * (1 - cube + naturalLog(cube))
      {
        return d * cube
      }
    }
  }
}
