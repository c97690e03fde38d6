import Planning
import Scenario

/// A capacity plan for terminals: the answer in words, the ranked options, and the Pareto front.
public struct PlanTable {
  private let plan: CapacityPlan
  private let words: PlanWords

  /// The table of a plan.
  public init(_ plan: CapacityPlan) {
    self.plan = plan
    words = PlanWords(plan)
  }

  /// The text, ended by a newline.
  public func rendered() -> String {
    let parts = [heading, words.headline + "\n", options, reasons, front, words.notes]
    return parts.filter { !$0.isEmpty }.joined(separator: "\n")
  }

  private var heading: String {
    let scenario = plan.scenario
    var text = scenario.name
    if !words.keys.contains(where: { $0 == "model" || $0.hasPrefix("model.") }) {
      text += ": \(Escaping.escaped(scenario.model.name))"
    }
    if !words.hasDevices, let device = plan.options.compactMap(\.cell?.deviceName).first {
      text += " on \(Escaping.escaped(device))"
    }
    text += "\n"
    text +=
      "objectives: "
      + plan.question.objectives.map(\.description).joined(separator: ", ") + "\n"
    if let target = plan.question.target {
      text += "to hold: \(words.load(target.amount))"
      if plan.question.reserve > 0 {
        text += ", and \(Figures.count(plan.question.reserve, "replica")) in reserve"
        let cell = plan.best?.cell?.replicas ?? 1
        if cell > 1 { text += ", of whole clusters of \(Figures.count(cell))" }
      }
      text += "\n"
    }
    let seeds = plan.options.compactMap { $0.held?.load.values.count }
    if let least = seeds.min(), let most = seeds.max() {
      text +=
        "by \(least == most ? "\(least)" : "\(least) to \(most)") seeds from "
        + "\(scenario.seed), each load ± half its 95 % interval\n"
    }
    return text
  }

  /// The sentences behind the answer.
  private var reasons: String {
    words.sentences.map { $0 + "\n" }.joined()
  }

  // MARK: Options

  private var options: String {
    let held = plan.options.filter { $0.held != nil }
    guard !held.isEmpty else { return "" }
    let keys = words.keys
    var columns = ["", "format"] + (words.hasDevices ? ["device"] : []) + keys.map(words.short)
    let leading = Set(1..<columns.count)
    columns +=
      ["plan with, \(words.unit)", "holds", "±"] + plan.question.objectives.map(PlanWords.short)
    columns += ["tokens/s/device", "tokens/s/user"]
    if plan.question.target != nil { columns += ["replicas", "devices"] }
    let isPriced = held.contains { $0.cell?.pricePerHour != nil }
    if isPriced {
      columns += (plan.question.target != nil ? ["cost/h"] : []) + ["cost/M tokens"]
    }
    columns.append("ended by")
    var table = TextTable(leading: leading.union([columns.count - 1]))
    table.add(columns)
    table.addRule()
    for (place, option) in plan.options.enumerated() {
      guard let row = row(option, place, keys, isPriced: isPriced) else { continue }
      table.add(row)
    }
    return table.rendered()
  }

  private func row(
    _ option: PlanOption, _ place: Int, _ keys: [String], isPriced: Bool
  ) -> [String]? {
    guard let held = option.held, let cell = option.cell else { return nil }
    var cells = ["\(place + 1)", option.format]
    if words.hasDevices { cells.append(Escaping.escaped(cell.deviceName)) }
    cells += keys.map { key in option.settings.first { $0.path == key }?.value ?? "" }
    let last = held.course.last
    cells += [
      Figures.decimal(held.planned), Figures.decimal(held.load.mean),
      held.load.halfWidth.map { Figures.decimal($0) + (held.isSettled ? "" : "!") } ?? "–",
    ]
    cells += held.readings.map(PlanWords.value)
    cells += [last?.tokensPerSecondOfDevice, last?.tokensPerSecondOfUser].map {
      $0.map { Figures.decimal($0) } ?? "–"
    }
    let fleet = plan.fleet(of: option)
    if let fleet { cells += [Figures.count(fleet.replicas), Figures.count(fleet.devices)] }
    if isPriced {
      if plan.question.target != nil {
        cells.append(fleet?.pricePerHour.map { Figures.decimal($0) } ?? "–")
      }
      cells.append(
        plan.pricePerMillionOutputTokens(of: option).map { Figures.decimal($0) } ?? "–")
    }
    return cells + [words.ended(place)]
  }

  // MARK: Pareto front

  private var front: String {
    let front = plan.front
    guard front.count > 1 else { return "" }
    var table = TextTable(leading: [3])
    table.add(["tokens/s/device", "tokens/s/user", words.unit, "Pareto front: option"])
    table.addRule()
    for (option, point) in front {
      table.add([
        Figures.decimal(point.tokensPerSecondOfDevice),
        Figures.decimal(point.tokensPerSecondOfUser), Figures.decimal(point.load),
        "\(option + 1) \(words.name(plan.options[option]))",
      ])
    }
    return table.rendered()
  }
}
