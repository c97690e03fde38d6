/// What a sweep answers in words: where a smaller cache serves more, and where requests meet their
/// objectives.
///
/// A format may pay at the low end of the axis (a slow link), at the high end (many clients) or
/// between, so each sentence says at which neighbouring places it does.
extension SweepCurves {
  /// How much more a format serves where it pays.
  private static let leastGain = 1.01
  /// Which share of the requests meet their objectives where they are met.
  private static let leastGoodShare = 0.99
  /// Stretches of places that a sentence lists.
  private static let mostStretches = 6

  /// For each other format and setting: where it serves more than FP16, and how much at most.
  var comparisons: [String] {
    curves.compactMap { curve in
      guard curve.format != "fp16",
        let base = curves.first(where: { $0.format == "fp16" && $0.setting == curve.setting })
      else { return nil }
      return sentence(curve, against: base)
    }
  }

  private func sentence(_ curve: Curve, against base: Curve) -> String? {
    let metric = "output_tokens_per_s"
    let ratios = curve.points.compactMap { point -> (x: Double, figure: Double)? in
      guard let other = base.points.first(where: { $0.x == point.x })?[metric], other > 0,
        let own = point[metric]
      else { return nil }
      return (point.x, own / other)
    }
    guard let best = ratios.max(by: { $0.figure < $1.figure }) else { return nil }
    let gain = "at least 1 % more output tokens/s than fp16"
    let most = "at most \(Figures.decimal(best.figure)) times as many, at \(text(best.x))"
    guard let places = stretches(of: ratios, from: SweepCurves.leastGain) else {
      return "\(curve.label): nowhere \(gain); \(most)."
    }
    return "\(curve.label): \(gain) \(places); \(most)."
  }

  /// For each format and setting whose runs have objectives: where they are met.
  var objectives: [String] {
    curves.compactMap { curve in
      let shares = curve.points.compactMap { point in
        point[Point.goodShare].map { (x: point.x, figure: $0) }
      }
      guard let best = shares.max(by: { $0.figure < $1.figure }) else { return nil }
      if let places = stretches(of: shares, from: SweepCurves.leastGoodShare) {
        return "\(curve.label): at least 99 % of requests meet their objectives \(places)."
      }
      // Rounded down, so that it never comes to the 99 % that it is said to lack.
      let share = Figures.percent((best.figure * 1000 + 1e-6).rounded(.down) / 1000)
      return "\(curve.label): nowhere do 99 % of requests meet their objectives; at most "
        + "\(share), at \(text(best.x))."
    }
  }

  /// The neighbouring places of the axis at which a figure is `least` or more, in words: `at
  /// concurrency 4, 16 to 32 and from 128 on`; nil where there are none. One without the figure
  /// parts its neighbours.
  private func stretches(of figures: [(x: Double, figure: Double)], from least: Double) -> String? {
    let good = Set(figures.filter { $0.figure >= least }.map(\.x))
    var stretches: [ClosedRange<Double>] = []
    for (before, place) in zip([nil] + places.map(Optional.some), places) where good.contains(place)
    {
      if let before, good.contains(before), let last = stretches.popLast() {
        stretches.append(last.lowerBound...place)
      } else {
        stretches.append(place...place)
      }
    }
    guard let first = stretches.first else { return nil }
    if first.upperBound == places.last { return "from \(text(first.lowerBound)) on" }
    var words = stretches.prefix(SweepCurves.mostStretches).map(words)
    if stretches.count > words.count { words.append("\(stretches.count - words.count) more") }
    return "at \(name) \(Figures.list(words))"
  }

  private func words(_ stretch: ClosedRange<Double>) -> String {
    let (first, last) = (stretch.lowerBound, stretch.upperBound)
    if last == places.last { return "from \(value(first)) on" }
    return first == last ? value(last) : "\(Figures.number(first)) to \(value(last))"
  }
}
