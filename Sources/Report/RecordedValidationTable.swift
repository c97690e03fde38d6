import Planning
import Scenario

/// A real run beside its simulation, as a table for terminals.
public struct RecordedValidationTable {
  private let validation: RecordedValidation

  /// The table of a comparison.
  public init(_ validation: RecordedValidation) {
    self.validation = validation
  }

  /// All tables.
  public func rendered() -> String {
    let scenario = validation.scenario
    let count = Figures.count(scenario.workload.requests)
    return """
      \(scenario.name): \(count) requests, \(Escaping.escaped(scenario.model.name))
      \(scenario.devicesHeading)
      \(latencies())\(courses())
      last token: real \(seconds(validation.realEndNs)), simulated \
      \(seconds(validation.simulatedEndNs)) \
      (\(Figures.change(Double(validation.simulatedEndNs) / Double(validation.realEndNs)))); \
      \(Figures.count(validation.preemptions)) preemptions in the simulation

      """
  }

  private func latencies() -> String {
    var table = TextTable()
    table.add(["latency", "", "real", "simulated", "error"])
    for metric in validation.metrics {
      table.addRule()
      let unit = Figures.TimeUnit(largestNs: metric.real.valuesNs.max() ?? 1)
      for (index, name) in RecordedValidation.names.enumerated() {
        let (real, simulated) = (metric.real.valuesNs[index], metric.simulated.valuesNs[index])
        table.add([
          "\(metric.name) \(name), \(unit.name)", "", unit.text(real), unit.text(simulated),
          Figures.change(simulated / real),
        ])
      }
    }
    return table.rendered()
  }

  private func courses() -> String {
    guard !validation.courses.isEmpty else { return "" }
    var table = TextTable()
    table.add(["over time", "real mean", "simulated mean", "mean |difference|"])
    table.addRule()
    for course in validation.courses {
      table.add([
        course.name, Figures.decimal(course.realMean), Figures.decimal(course.simulatedMean),
        Figures.decimal(course.meanDifference),
      ])
    }
    let count = Figures.count(validation.ticks)
    return "\n\(table.rendered())at \(count) moments that the real engine's log has\n"
  }

  private func seconds(_ ns: Int64) -> String { "\(Figures.decimal(Double(ns) * 1e-9)) s" }
}
