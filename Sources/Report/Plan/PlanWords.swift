import Operators
import Planning
import Scenario
import Simulator

/// What a plan says in sentences: what is best and why, what ends it, and what would change it.
struct PlanWords {
  private let plan: CapacityPlan

  init(_ plan: CapacityPlan) {
    self.plan = plan
  }

  // MARK: Names and units

  /// What loads are counted in. Of sessions the first turns are offered; the others follow.
  var unit: String {
    guard !isClosed else { return "clients" }
    let classes = plan.scenario.workload.classes
    return classes.allSatisfy { $0.sessions != nil } ? "sessions/s" : PlanWords.requests
  }

  private static let requests = "requests/s"

  private var isClosed: Bool {
    if case .clients = plan.scenario.workload.load { true } else { false }
  }

  func load(_ amount: Double) -> String {
    PlanWords.load(isClosed ? .clients(Int(amount)) : .rate(perSecond: amount), rateUnit: unit)
  }

  static func load(_ load: OfferedLoad, rateUnit: String = requests) -> String {
    switch load {
    case .clients(let count): Figures.count(count, "client")
    case .rate(let perSecond): "\(Figures.decimal(perSecond)) \(rateUnit)"
    }
  }

  /// What columns of their own say of an option that can be run.
  private static let told = ["device", "kv_cache.format"]

  /// The keys that differ between options and have no other column.
  var keys: [String] {
    var keys: [String] = []
    for setting in plan.options.flatMap(\.settings)
    where !PlanWords.told.contains(setting.path) && !keys.contains(setting.path) {
      keys.append(setting.path)
    }
    return keys
  }

  /// Whether options differ in their device.
  var hasDevices: Bool { Set(plan.options.compactMap { $0.cell?.deviceName }).count > 1 }

  /// A key as the head of a column: its last word where that tells it from the others.
  func short(_ key: String) -> String {
    func word(_ key: String) -> String { key.split(separator: ".").last.map(String.init) ?? key }
    return keys.count { word($0) == word(key) } > 1 ? key : word(key)
  }

  /// An option by what it differs in from others.
  func name(_ option: PlanOption) -> String { name(option, in: [option.format]) }

  /// The same in several formats.
  private func name(_ option: PlanOption, in formats: [String]) -> String {
    var parts = [Figures.list(formats)]
    if hasDevices, let device = option.cell?.deviceName {
      parts.append("on \(Escaping.escaped(device))")
    }
    let settings = option.settings.filter {
      !PlanWords.told.contains($0.path) || option.cell == nil
    }
    guard !settings.isEmpty else { return parts.joined(separator: " ") }
    let all = settings.map { "\(short($0.path)) \($0.value)" }.joined(separator: ", ")
    return parts.joined(separator: " ") + " (\(all))"
  }

  /// An option by its number and its format, once its row has told the rest.
  private func label(_ place: Int) -> String {
    plan.options.count == formats
      ? plan.options[place].format : "\(place + 1) \(plan.options[place].format)"
  }

  private var formats: Int { Set(plan.options.map(\.format)).count }

  static func time(_ ns: Double) -> String {
    guard ns.isFinite else { return "∞" }
    let unit = Figures.TimeUnit(largestNs: ns)
    return "\(unit.text(ns)) \(unit.name)"
  }

  /// What a cell is called.
  private var cell: String {
    let replicas = plan.best?.cell?.replicas ?? 1
    return replicas == 1 ? "one replica" : "a cluster of \(Figures.count(replicas, "replica"))"
  }

  // MARK: The answer

  /// The answer in a sentence.
  var headline: String {
    guard let best = plan.best, let held = best.held else {
      return "No option holds the objectives: below stands why."
    }
    let isOpen = held.limit.breach == .none
    var text =
      "\(name(best)) is best: plan \(cell) with \(isOpen ? "at least " : "")"
      + "\(load(held.planned)), which meets the objectives on the mean of seeds "
      + "(it holds \(Figures.decimal(held.load.mean))"
    if let width = held.load.halfWidth { text += " ± \(Figures.decimal(width)), 95 %" }
    text += ")"
    if let fleet = plan.fleet(of: best) {
      text +=
        ", so \(load(fleet.target)) take \(Figures.count(fleet.replicas, "replica")) of "
        + "\(Figures.count(fleet.devices / fleet.replicas, "device"))"
      if fleet.cells > fleet.needed { text += ", the reserve included" }
      if let price = fleet.pricePerHour { text += ", at \(Figures.decimal(price)) an hour" }
    }
    text += "."
    if plan.isFirstForAccuracy(0) {
      text +=
        " Others cost as little within \(Figures.percent(plan.planner.tolerance)); its format "
        + "keeps more of the model."
    }
    if let check = plan.fleetCheck, !check.holds {
      text +=
        check.enough == nil
        ? " But as a whole these replicas do NOT hold it: see below."
        : " By what \(cell) holds \(Figures.count(check.replicas)) would do, but not as a whole: "
          + "see below."
    }
    return text
  }

  /// What is behind it, a sentence each.
  var sentences: [String] {
    guard let best = plan.best else { return [] }
    return [fleetCheck, comparison(best), precision(best), unpriced, certainty].compactMap { $0 }
      + endings
      + [gains, rotation, growth(best)].compactMap { $0 }
  }

  /// What the whole fleet came to.
  private var fleetCheck: String? {
    guard let check = plan.fleetCheck else { return nil }
    let readings = check.readings.map { reading in
      "`\(reading.objective)` comes to \(PlanWords.value(reading))"
    }
    let text =
      "Simulated as a whole, \(Figures.count(check.replicas, "replica")), those in reserve left "
      + "out, \(check.holds ? "hold" : "do NOT hold") \(load(check.load)): "
      + (check.isSteady ? "" : "the number of requests grows for as long as they come; ")
      + "\(Figures.list(readings))."
    guard !check.holds else { return text }
    let more =
      check.enough.map { "\(Figures.count($0, "replica")) do, with the first seed" }
      ?? "nor does any larger fleet that was tried"
    let advice =
      plan.scenario.workload.hasCommonPrefixes
      ? "; `cluster.router: prefix-aware` keeps what begins alike together" : ""
    return text + " \(more.prefix(1).uppercased())\(more.dropFirst())\(advice). Other options "
      + "were not simulated as a whole."
  }

  /// What an objective came to.
  static func value(_ reading: ObjectiveReading) -> String {
    guard let value = reading.value else { return "nothing" }
    return switch reading.objective.bound {
    case .time: time(value)
    case .goodput: Figures.percent(value)
    }
  }

  /// The best option of every other format beside the best of all.
  private func comparison(_ best: PlanOption) -> String? {
    guard let held = best.held else { return nil }
    let others = firstOfFormats.dropFirst().compactMap { first -> String? in
      // By itself a format shows best where nothing else differs.
      let place =
        plan.options.firstIndex {
          $0.held != nil && $0.format == plan.options[first].format
            && $0.settings == best.settings
        } ?? first
      let other = plan.options[place]
      guard let its = other.held, let cell = other.cell, let own = best.cell else { return nil }
      let times =
        held.load.mean / Double(own.devices) / (its.load.mean / Double(cell.devices))
      let isAlike =
        held.load.lower / Double(own.devices) <= its.load.upper / Double(cell.devices)
        && its.load.lower / Double(cell.devices) <= held.load.upper / Double(own.devices)
      let fleet = plan.fleet(of: other).map { " (\(Figures.count($0.devices, "device")))" } ?? ""
      return isAlike
        ? "as much, within the intervals, as \(label(place))\(fleet)"
        : "\(Figures.decimal(times)) times what \(label(place)) does\(fleet)"
    }
    guard !others.isEmpty else { return nil }
    return "Each of its devices holds \(Figures.list(others))."
  }

  /// What the format of the best option costs in precision.
  private func precision(_ best: PlanOption) -> String? {
    guard best.format == KVFormat.int4.name else { return nil }
    return "Plain INT4 ruins the output of models whose keys have outlier channels: see "
      + "`kvsim accuracy` before you choose it over int4-rotated."
  }

  /// That some prices are known and count for nothing, as others are not.
  private var unpriced: String? {
    let cells = plan.options.compactMap { $0.held == nil ? nil : $0.cell }
    guard cells.contains(where: { $0.pricePerHour != nil }),
      let unknown = cells.first(where: { $0.pricePerHour == nil })
    else { return nil }
    return "The price of \(Escaping.escaped(unknown.deviceName)) is unknown, so that options stand "
      + "in the order of devices; `--device NAME=PRICE` tells it."
  }

  /// How sure the times are that all of it rests on, device by device.
  private var certainty: String? {
    var told: Set<String> = []
    let devices = plan.options.compactMap { option -> String? in
      guard let held = option.held, let cell = option.cell,
        told.insert(cell.deviceName).inserted
      else { return nil }
      let origin = cell.derivedFrom.map { "derived by data sheets from \($0)" } ?? "measured"
      let isLinked = cell.derivedFrom != nil && cell.devices > cell.replicas
      let error = held.stepTimeError.map { "± \(Figures.percent($0))" } ?? "unknown"
      return "\(cell.deviceName) \(error) (\(origin)"
        + "\(isLinked ? ", with the scenario's link" : ""))"
    }
    guard !devices.isEmpty else { return nil }
    return Escaping.escaped(
      "How far times of steps are expected to be off, which no interval above counts: "
        + "\(Figures.list(devices)).")
  }

  // MARK: What ends it

  /// What ends an option's load, in a few words.
  func ended(_ place: Int) -> String {
    guard let limit = plan.options[place].held?.limit else { return "" }
    let what =
      switch limit.breach {
      case .objectives(let missed): missed.first.map(PlanWords.short) ?? ""
      case .filling: "overload"
      case .none: "no end"
      }
    let binding = PlanWords.noun(plan.binding(of: place))
    let side = plan.side(of: place).map { "\($0.rawValue) " } ?? ""
    return binding.isEmpty ? what : "\(what): \(side)\(binding)\(isGuessed(place) ? "*" : "")"
  }

  /// Whether what ends an option was told without trying what would help: that is done of the best
  /// option of each format alone.
  private func isGuessed(_ place: Int) -> Bool {
    guard let limit = plan.options[place].held?.limit, limit.breach != .none else { return false }
    return !plan.levers.isEmpty && !plan.levers.contains { $0.option == place }
  }

  /// An objective without its limit.
  static func short(_ objective: ServiceObjective) -> String {
    String(objective.description.prefix { $0 != " " })
  }

  /// What ends an option's load, in one word.
  func noun(ofOption place: Int) -> String { PlanWords.noun(plan.binding(of: place)) }

  private static func noun(_ binding: Binding) -> String {
    switch binding {
    case .memory: "memory"
    case .bandwidth: "bandwidth"
    case .arithmetic: "arithmetic"
    case .sequences: "max_num_seqs"
    case .queueing: "queueing"
    case .steps: "step time"
    case .nothing: ""
    }
  }

  /// The places of the best option of each format.
  private var firstOfFormats: [Int] {
    var formats: Set<String> = []
    return plan.options.indices.filter {
      plan.options[$0].held != nil && formats.insert(plan.options[$0].format).inserted
    }
  }

  private var endings: [String] {
    firstOfFormats.compactMap { place in
      guard let held = plan.options[place].held else { return nil }
      let limit = held.limit
      let start = "\(label(place)) "
      let missed: String
      switch limit.breach {
      case .none:
        return start + "has no end that more would show: all that come wait at once by then."
      case .filling: missed = "requests come faster than they leave"
      case .objectives(let all):
        missed = "it misses \(Figures.list(all.map { "`\($0)`" }))"
      }
      let rejections = PlanWords.rejections(limit.figures).map { "; \($0)" } ?? ""
      let side = plan.side(of: place).map { " on the \($0.rawValue) side" } ?? ""
      let cached =
        plan.scenario.workload.hasCommonPrefixes ? " besides what it keeps for later prompts" : ""
      return start + "is ended by \(reason(place))\(side): above it, \(missed), with "
        + "\(shares(limit) { min(1, $0.poolShare) }) of a KV pool in use at the peak\(cached), "
        + "\(Figures.decimal(limit.preemptionsPerRequest)) preemptions a request and "
        + "\(shares(limit, \.sequencesShare)) of max_num_seqs\(rejections); below it a replica "
        + "works \(shares(limit, \.busyShare)) of the time."
    }
  }

  /// A share of each side of a cell.
  private func shares(_ limit: LoadLimit, _ share: (LoadLimit.Side) -> Double) -> String {
    Figures.list(
      limit.sides.map { side in
        Figures.percent(share(side)) + (limit.sides.count > 1 ? " (\(side.role.rawValue))" : "")
      })
  }

  private func reason(_ place: Int) -> String {
    switch plan.binding(of: place) {
    case .memory: "memory"
    case .bandwidth: "the bandwidth of the memory"
    case .arithmetic: "arithmetic"
    case .sequences: "max_num_seqs"
    case .queueing: "queueing"
    case .steps: "the time of its steps"
    case .nothing: "nothing"
    }
  }

  // MARK: What would change it

  private var gains: String? {
    let places = firstOfFormats.filter { place in plan.levers.contains { $0.option == place } }
    guard !places.isEmpty else { return nil }
    let all = places.map { place in
      let gains = plan.levers.filter { $0.option == place }.map { lever in
        "\(PlanWords.thing(lever.supposition)) \(change(lever.gain))"
      }
      return "\(label(place)): \(gains.joined(separator: ", "))"
    }
    return "What a tenth more would add: \(all.joined(separator: "; "))."
  }

  /// What is supposed to be better, as a key.
  static func key(_ supposition: Supposition) -> String {
    thing(supposition).replacing(" ", with: "_").lowercased()
  }

  /// A ratio of loads; what a search leaves open is nothing.
  private func change(_ ratio: Double) -> String {
    abs(ratio - 1) < plan.leastGain - 1 ? "nothing" : Figures.change(ratio)
  }

  private static func thing(_ supposition: Supposition) -> String {
    switch supposition {
    case .memory: "KV memory"
    case .bandwidth: "bandwidth"
    case .arithmetic: "arithmetic"
    case .none, .kernels: ""
    }
  }

  private var rotation: String? {
    guard !plan.rotation.isEmpty else { return nil }
    let shares = plan.rotation.map { "\(Int(($0.share * 100).rounded()))" }
    let loads = plan.rotation.map { change($0.ofRotated) }
    var text =
      "If the kernels of rotated INT4 took \(Figures.list(shares)) % longer than plain INT4's, its "
      + "load would change by \(Figures.list(loads))"
    let over = plan.rotation.compactMap(\.ofFP16)
    if over.count == plan.rotation.count {
      text += ": \(Figures.list(over.map { Figures.decimal($0) })) times what fp16 does"
    }
    return text + "."
  }

  private func growth(_ best: PlanOption) -> String? {
    guard let fleet = plan.fleet(of: best, growth: CapacityPlan.growth) else { return nil }
    return "Half as much traffic again, \(load(fleet.target)), would take "
      + "\(Figures.count(fleet.replicas, "replica")) of it, "
      + "\(Figures.count(fleet.devices, "device"))."
  }

  // MARK: What holds nothing

  /// Options that hold no load or reject requests, and figures that are less sure than was asked, a
  /// line each.
  var notes: String {
    // What is wrong with an option is often so in each format.
    var notes: [(option: PlanOption, formats: [String], words: String)] = []
    for option in plan.options {
      guard let words = option.held.map({ PlanWords.rejections($0.figures) }) ?? reason(option)
      else { continue }
      let same = notes.firstIndex { $0.words == words && $0.option.settings == option.settings }
      if let same {
        notes[same].formats.append(option.format)
      } else {
        notes.append((option, [option.format], words))
      }
    }
    var lines = notes.map { "\(name($0.option, in: $0.formats)): \($0.words)" }
    if lines.count > 20 {
      lines = lines.prefix(20) + ["… and \(lines.count - 20) more"]
    }
    if plan.options.indices.contains(where: isGuessed) {
      lines.insert("*: by its pool and its seats alone; a tenth more was not tried", at: 0)
    }
    let unsure = plan.options.filter { $0.held?.isSettled == false }
    if let first = unsure.first, let reason = reason(first) { lines.insert("!: \(reason)", at: 0) }
    return lines.map { $0 + "\n" }.joined()
  }

  /// Why an option holds no load, or one that is less sure than was asked for; nil where it does.
  func reason(_ option: PlanOption) -> String? {
    switch option.outcome {
    case .held(let held):
      guard !held.isSettled else { return nil }
      return "after \(Figures.count(held.load.values.count, "seed")) the interval is wider than "
        + "\(Figures.percent(plan.planner.tolerance)) of the load; --max-seeds allows more"
    case .unmet(let unmet): return reason(unmet)
    case .impossible(let reason): return reason
    }
  }

  /// What fails at the lightest load.
  private func reason(_ unmet: UnmetObjectives) -> String {
    let missed = unmet.readings.filter { !$0.isMet }.map { reading in
      "`\(reading.objective)` (it is \(PlanWords.value(reading)))"
    }
    let load = load(unmet.load)
    let seed = unmet.others == nil ? "" : " with seed \(unmet.seed)"
    let others =
      unmet.others.map { held in
        "; with \(Figures.count(held.values.count, "other seed")) \(Figures.decimal(held.mean)) "
          + "\(unit) are held on the mean"
      } ?? ""
    let rejections = PlanWords.rejections(unmet.figures).map { "; \($0)" } ?? ""
    guard !missed.isEmpty else {
      return "even at \(load) the system does not come to rest\(seed)\(others)\(rejections)"
    }
    return "no load meets \(Figures.list(missed))\(seed): so it is at \(load) already"
      + others + rejections
  }

  /// How many requests are rejected, and why; nil where none is.
  static func rejections(_ figures: LoadFigures) -> String? {
    guard figures.rejected > 0 else { return nil }
    let causes = figures.rejections.sorted { $0.key.rawValue < $1.key.rawValue }
    let reasons = causes.map { cause, count in
      causes.count == 1 ? cause.rejection : "\(Figures.count(count)) (\(cause.rejection))"
    }
    return
      "\(Figures.count(figures.rejected)) of \(Figures.count(figures.requests, "request")) are "
      + "rejected: \(Figures.list(reasons))"
  }
}

extension CapacityPlanner.Progress {
  /// What is done and what is being tried, for a bar.
  public var label: String {
    let run = load.map { ", run \(Figures.count(runs)) at \(PlanWords.load($0))" } ?? ""
    return "\(settled) of \(options) options settled, \(searches) seeds tried\(run)"
  }
}
