import Foundation
import TestSupport
import Testing

@testable import Scenario

/// The JSON Schema of a scenario and its parser agree.
@Suite struct ScenarioSchemaTests {
  private let validator: JSONSchemaValidator

  init() throws {
    validator = try JSONSchemaValidator(ScenarioSchema.text)
  }

  private func parsed(_ text: String) -> SourceNode? {
    YAMLSource.parse(text, into: DiagnosticLog(file: "scenario.yaml", dialect: .yaml))
  }

  @Test("the schema accepts every scenario that ships")
  func shipped() throws {
    let files = FileManager.default.enumerator(atPath: Shipped.folder)?.allObjects as? [String]
    let scenarios = (files ?? []).filter { $0.hasSuffix(".yaml") }.sorted()
    #expect(scenarios.contains("quickstart.yaml") && scenarios.count > 3)
    for name in scenarios {
      let text = try String(contentsOfFile: Shipped.folder + name, encoding: .utf8)
      let node = try #require(parsed(text))
      #expect(validator.accepts(JSONInstance(node)), "\(name)")
    }
  }

  /// Mistakes that the form alone does not show.
  static let beyondForm: Set<String> = [
    // How YAML and numbers are written: JSON has one `1000` for `1000`, `1e3` and `0x3E8`.
    "name is on", "name is a date", "seed is too large", "seed is a fraction", "seed is octal",
    "seed is 0o17", "seed is 0x1F", "requests in exponents",
    // The files that a scenario names.
    "no such model", "no such profile", "model is a folder", "model is a device", "missing trace",
    "no file", "no table",
    // How large a quantity is: in JSON it is text.
    "half a byte", "size too large", "size just too large", "rate too large", "rate of infinity",
    "long jitter", "endless host", "gaps of nothing", "rate too high", "off rate too high",
    "endless think time",
    // How values fit together.
    "budget too small", "default budget too small", "other block size", "rate too small",
    "longer than the trace", "long time scale", "start behind the end", "no link",
    "end before the start", "repeats without end", "repeats of a hundred years",
    "uneven devices", "empty range", "too long", "endless gaps", "late start",
    "points in disorder", "silence for ever", "silent periods", "short period", "rate too low",
    "seldom on", "empty bounds", "far bounds", "too long at the least",
    "threshold of whole prompts", "few turns", "one name", "system prompt too long",
    "too many ranks",
    "one name of two groups",
    "two formats to hand over",
    "a format among the options", "two schedulers", "no such replica", "endless failure",
    "fewer than at the start", "a profile that is none", "ranks that come and go",
  ]

  @Test(
    "the schema refuses a mistake of form, and no other mistake",
    arguments: BadScenarioTests.roots + BadScenarioTests.values + BadScenarioTests.engine
      + BadScenarioTests.workload + BadWorkloadTests.rates + BadWorkloadTests.curves
      + BadWorkloadTests.clients + BadWorkloadTests.lengths)
  func mistakes(_ input: BadInput) throws {
    try judge(input, in: Fixture.scenario)
  }

  @Test(
    "so it does of classes, sessions and clusters",
    arguments: mistakesOf(ClassesTests.mistakes, in: ClassesTests.shared)
      + mistakesOf(ClassesTests.mistakesApart, in: ClassesTests.apart)
      + mistakesOf(SessionReaderTests.mistakes, in: SessionReaderTests.conversation)
      + mistakesOf(ClusterReaderTests.mistakes, in: ClusterReaderTests.clustered)
      + mistakesOf(GroupReaderTests.mistakes, in: GroupReaderTests.grouped))
  func mistakes(_ input: BadInput, good: String) throws {
    try judge(input, in: good)
  }

  static func mistakesOf(_ inputs: [BadInput], in good: String) -> [(BadInput, String)] {
    inputs.map { ($0, good) }
  }

  private func judge(_ input: BadInput, in good: String) throws {
    let text = input.applied(to: good)
    let log = DiagnosticLog(file: "scenario.yaml", dialect: .yaml)
    // What is no YAML reaches no schema, nor does what a scenario takes of YAML no part of.
    guard let node = YAMLSource.parse(text, into: log), log.isEmpty else { return }
    let isBeyond = ScenarioSchemaTests.beyondForm.contains(input.description)
    #expect(validator.accepts(JSONInstance(node)) == isBeyond)
  }

  @Test("good scenarios of every kind are accepted by both")
  func good() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    for text in ScenarioMutator.good {
      try fixture.write("scenario.yaml", text)
      #expect(fixture.errors() == [], "\(text)")
      let node = try #require(parsed(text))
      #expect(validator.accepts(JSONInstance(node)), "\(text)")
    }
  }

  /// What errors beyond the form say; the rest of a scenario's errors, the schema has to find.
  static let beyondFormMessages = [
    "cannot be read", "is a directory", "hundred years", "with a unit", "is less than",
    "too large", "whole number of bytes", "the trace has", "no row of the trace",
    "earlier than the point before", "ends before the last point", "not the start",
    "no more requests come", "the shortest prompt", "less than a millionth", "measured with",
    "was not measured", "devices need a link", "does not divide", "one request a nanosecond",
    "no time at all", "YAML 1.1", "write it plainly", "digits only", "stands twice",
    "cannot serve", "not a positive", "are all alike", "has no row", "no such file",
    "does not go with scheduler", "two classes are called", "the trace says already",
    "are too many",
  ]

  @Test("what the parser accepts, the schema accepts; what only the parser refuses is no form")
  func agreement() throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    var mutator = ScenarioMutator(seed: 1)
    var (accepted, refusedByBoth) = (0, 0)
    let rounds = 1_500 * testDepth
    for round in 0..<rounds {
      let text = mutator.next()
      guard let node = parsed(text) else { continue }
      let bySchema = validator.accepts(JSONInstance(node))
      do throws(ScenarioError) {
        _ = try ServingScenario.parse(
          SourceFile(path: fixture.folder + "scenario.yaml", bytes: Array(text.utf8)))
        accepted += 1
        #expect(bySchema, "round \(round): \(text)")
      } catch {
        guard bySchema else {
          refusedByBoth += 1
          continue
        }
        for diagnostic in error.diagnostics where diagnostic.file.hasSuffix("scenario.yaml") {
          let isBeyond = ScenarioSchemaTests.beyondFormMessages.contains {
            diagnostic.message.contains($0)
          }
          #expect(isBeyond, "round \(round): \(diagnostic)\n\(text)")
        }
      }
    }
    // Neither law says anything where all is accepted or all refused.
    #expect(accepted > rounds / 10 && refusedByBoth > rounds / 10)
  }

  @Test("a default that stands for an absent key is a value that the key may have")
  func defaults() throws {
    let log = DiagnosticLog(file: "", dialect: .json)
    for key in ScenarioKeys.form.reachable.flatMap(\.keys) {
      guard case .standard(let value, _) = key.absence else { continue }
      let schema = try JSONSchemaValidator(JSONValue.object(key.schema).written())
      let node = try #require(JSONSource.parse(value.written(), into: log))
      #expect(schema.accepts(JSONInstance(node)), "\(key.name)")
    }
  }
}
