import Trace

/// The runs of a sweep as curves over one of the keys that it varies, for charts of all kinds.
struct SweepCurves {
  /// The runs that differ in nothing but the key along the axis, and in their seeds.
  struct Curve {
    /// What else is varied, and its values: `engine.max_num_seqs=64`; empty where nothing is.
    let setting: String
    /// The same by the last words of the keys.
    let briefSetting: String
    let format: String
    /// Which colour, dash and mark it has.
    var style: Int
    /// By rising x.
    var points: [Point] = []

    /// Whether a heading tells the setting already.
    var isBelowHeading = false

    /// What the legend calls it.
    var label: String { setting.isEmpty || isBelowHeading ? format : "\(format), \(setting)" }

    /// The same where there is little room.
    var briefLabel: String { setting.isEmpty ? format : "\(format) \(briefSetting)" }
  }

  /// The means over all seeds at one place of the axis.
  struct Point {
    let x: Double
    private var sums: [String: (sum: Double, count: Int)] = [:]

    init(x: Double) {
      self.x = x
    }

    mutating func add(_ run: SweepOverview.Run) {
      for (name, value) in run.metrics { add(value, to: name) }
      if let tokens = run.metrics["output_tokens"], let ns = run.metrics["device_ns"], ns > 0 {
        add(1e9 * tokens / ns, to: Point.perDevice)
      }
    }

    private mutating func add(_ value: Double, to name: String) {
      let known = sums[name] ?? (0, 0)
      sums[name] = (known.sum + value, known.count + 1)
    }

    /// A figure; nil where no run defines it.
    subscript(metric: String) -> Double? { sums[metric].map { $0.sum / Double($0.count) } }

    /// Output tokens a second of each device.
    static let perDevice = "tokens/s of a device"
    /// The share of the requests that met their objectives; of runs that state some alone.
    static let goodShare = "good_share"
  }

  /// Curves that a chart tells apart.
  static let mostShown = 8

  /// The key along the axis.
  let path: String
  /// The unit of its values; empty for none.
  let unit: String
  /// Whether its values are spread by ratios.
  let isLogarithmic: Bool
  /// The places that points of the sweep have on it, rising: those of points that failed too.
  let places: [Double]
  /// All of them, in the order of the grid.
  let curves: [Curve]
  /// Seeds over which points are means.
  let seeds: Int

  /// Those that charts have room for.
  var shown: ArraySlice<Curve> { curves.prefix(SweepCurves.mostShown) }

  /// Curves that are drawn together.
  struct Facet {
    /// What they have in common, beside what all have; empty where they are all there are.
    let setting: String
    /// Curves that a chart tells apart.
    let curves: [Curve]
  }

  /// All curves together where a chart tells them apart; else those of each setting by themselves,
  /// where a format looks the same in each.
  var facets: [Facet] {
    guard curves.count > SweepCurves.mostShown, Set(curves.map(\.setting)).count > 1 else {
      return [Facet(setting: "", curves: Array(shown))]
    }
    let formats = SweepCurves.distinct(curves.map(\.format))
    return SweepCurves.distinct(curves.map(\.setting)).map { setting in
      Facet(
        setting: setting,
        curves: curves.filter { $0.setting == setting }.map { curve in
          var own = curve
          own.style = formats.firstIndex(of: curve.format) ?? 0
          own.isBelowHeading = true
          return own
        })
    }
  }

  private static func distinct(_ words: [String]) -> [String] {
    var seen: Set<String> = []
    return words.filter { seen.insert($0).inserted }
  }

  /// A value of a key as a heading has it: of mappings the words alone, of paths the file's name.
  private static func brief(_ value: String) -> String {
    guard value.contains(where: { "{/".contains($0) }) else { return value }
    return value.split { "{}\" ".contains($0) }.map { word in
      let isListed = word.hasSuffix(",")
      let name = (isListed ? word.dropLast() : word).split(separator: "/").last ?? word
      return (name.hasSuffix(".json") ? name.dropLast(5) : name) + (isListed ? "," : "")
    }.joined(separator: " ")
  }

  /// Nil where no key with several numbers is varied.
  init?(_ overview: SweepOverview) {
    let axes = overview.sweep.axes
    let numbers = axes.map(SweepCurves.numbers)
    let candidates = axes.indices.filter { axis in
      numbers[axis] != nil && axes[axis].values.count > 1 && axes[axis].path != "seed"
    }
    guard let axis = candidates.max(by: { axes[$0].values.count < axes[$1].values.count }),
      let (numbered, unit) = numbers[axis]
    else { return nil }
    path = axes[axis].path
    self.unit = unit
    seeds = axes.first { $0.path == "seed" }?.values.count ?? 1
    let positive = numbered.allSatisfy { $0 > 0 }
    isLogarithmic = positive && (numbered.max() ?? 1) > 8 * (numbered.min() ?? 1)
    let told = axes.indices.filter {
      $0 != axis && axes[$0].values.count > 1
        && !["seed", "kv_cache.format", "engine.kv_cache_dtype"].contains(axes[$0].path)
    }
    var curves: [Curve] = []
    var known: [String: Int] = [:]
    var places: Set<Double> = []
    for point in overview.points {
      let setting = told.map { "\(axes[$0].path)=\(SweepCurves.brief(point.values[$0]))" }
        .joined(separator: ", ")
      guard let place = axes[axis].values.firstIndex(of: point.values[axis]) else { continue }
      let x = numbered[place]
      places.insert(x)
      for run in point.runs {
        let name = "\(setting)\n\(run.format)"
        let index = known[name] ?? curves.count
        if index == curves.count {
          known[name] = index
          let brief = told.map {
            "\(SweepCurves.lastWord(axes[$0].path))=\(SweepCurves.brief(point.values[$0]))"
          }
          curves.append(
            Curve(
              setting: setting, briefSetting: brief.joined(separator: " "), format: run.format,
              style: index))
        }
        if let same = curves[index].points.firstIndex(where: { $0.x == x }) {
          curves[index].points[same].add(run)
        } else {
          var new = Point(x: x)
          new.add(run)
          curves[index].points.append(new)
        }
      }
    }
    for index in curves.indices { curves[index].points.sort { $0.x < $1.x } }
    self.curves = curves
    self.places = places.sorted()
  }

  /// The numbers of an axis, all of one unit; nil where they are none.
  private static func numbers(of axis: SweepAxisDescription) -> (places: [Double], unit: String)? {
    var places: [Double] = []
    var unit: Substring?
    for value in axis.values {
      let digits = value.prefix { $0.isASCII && $0.isNumber || ".-+".contains($0) }
      let behind = value[digits.endIndex...]
      guard let number = Double(digits), number.isFinite, unit == nil || unit == behind else {
        return nil
      }
      places.append(number)
      unit = behind
    }
    return unit.map { (places, $0.drop { $0 == " " }.description) }
  }

  /// A place on the axis in words.
  func text(_ x: Double) -> String { "\(name) \(value(x))" }

  /// The same without the key.
  func value(_ x: Double) -> String {
    Figures.number(x) + (unit.isEmpty || unit.hasPrefix("/") ? unit : " \(unit)")
  }

  /// The last word of the key's path.
  var name: String { SweepCurves.lastWord(path) }

  private static func lastWord(_ path: String) -> String {
    path.split(separator: ".").last.map(String.init) ?? path
  }
}
