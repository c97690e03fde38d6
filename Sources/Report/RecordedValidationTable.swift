import Planning
import Scenario

/// A real run beside its simulation, as a table for terminals.
public struct ValidationTable {
  private let validation: Validation

  /// The table of a comparison.
  public init(_ validation: Validation) {
    self.validation = validation
  }

  /// All tables.
  public func rendered() -> String {
    let scenario = validation.scenario
    let device = scenario.profile.device
    let count = Figures.count(scenario.workload.requests)
    return """
      \(scenario.name): \(count) requests, \(Escaping.escaped(scenario.model.name))
      on \(Escaping.escaped(device.name)), \(Escaping.escaped(device.workers)), \
      \(Escaping.escaped(scenario.profile.origin))

      \(latencies())\(courses())
      last token: real \(seconds(validation.realEndNs)), simulated \
      \(seconds(validation.simulatedEndNs)) \
      (\(error(Double(validation.simulatedEndNs), Double(validation.realEndNs)))); \
      \(Figures.count(validation.preemptions)) preemptions in the simulation

      """
  }

  private func latencies() -> String {
    var table = TextTable()
    table.add(["latency", "", "real", "simulated", "error"])
    for metric in validation.metrics {
      table.addRule()
      let unit = Figures.TimeUnit(largestNs: metric.real.valuesNs.max() ?? 1)
      for (index, name) in Validation.names.enumerated() {
        let (real, simulated) = (metric.real.valuesNs[index], metric.simulated.valuesNs[index])
        table.add([
          "\(metric.name) \(name), \(unit.name)", "", unit.text(real), unit.text(simulated),
          error(simulated, real),
        ])
      }
    }
    return table.rendered()
  }

  private func courses() -> String {
    guard !validation.courses.isEmpty else { return "" }
    let count = Figures.count(validation.scenario.reference?.ticks.count ?? 0)
    var table = TextTable()
    table.add(["over time", "real mean", "simulated mean", "mean |difference|"])
    table.addRule()
    for course in validation.courses {
      table.add([
        course.name, Figures.decimal(course.realMean), Figures.decimal(course.simulatedMean),
        Figures.decimal(course.meanDifference),
      ])
    }
    return "\n\(table.rendered())at \(count) moments that the real engine's log has\n"
  }

  private func seconds(_ ns: Int64) -> String { "\(Figures.decimal(Double(ns) * 1e-9)) s" }

  private func error(_ simulated: Double, _ real: Double) -> String {
    let share = simulated / real - 1
    return (share >= 0 ? "+" : "") + Figures.percent(share)
  }
}
