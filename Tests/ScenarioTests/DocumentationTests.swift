import Foundation
import Operators
import Testing

@testable import Scenario

@Suite struct DocumentationTests {
  @Test("docs/scenarios.md explains every key, process, operator, format, unit and model type")
  func everyKey() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    let words =
      SchemaKeys.all.sorted() + ArrivalKeys.processes.map(\.value)
      + SchemaKeys.operators.map(\.name) + KVFormat.named.map(\.name) + ModelFamily.acceptedTypes
      + WeightFormatReader.methods
      + Quantity.sizes.map(\.unit) + Quantity.rates.map(\.unit)
    let missing = words.filter { !text.contains("`\($0)`") }
    #expect(missing.isEmpty)
  }

  /// The tables of docs/scenarios.md by the heading above them and the first cell of their head.
  private static let tables: [(form: MappingForm, heading: String, head: String)] = [
    (ScenarioKeys.form, "### Root", "key"), (DeviceKeys.form, "### `device`", "key"),
    (DeviceKeys.derivation, "### `device`", "key of `derive`"),
    (DeviceKeys.statedLink, "### `device`", "key of `link`"),
    (KVCacheKeys.form, "### `kv_cache`", "key"), (EngineKeys.form, "### `engine`", "key"),
    (HostOverheadKeys.form, "### `engine`", "key of `host_overhead`"),
    (HostLinkKeys.form, "### `engine`", "key of `host_link`"),
    (SpeculativeKeys.form, "### `engine`", "key of `speculative_config`"),
    (ClusterKeys.form, "### `cluster`", "key"),
    (GroupKeys.form, "### `cluster`", "key of a group"),
    (GroupCacheKeys.form, "### `cluster`", "key of a group's `kv_cache`"),
    (AutoscalingKeys.form, "### `cluster`", "key of `autoscaling`"),
    (TransferKeys.form, "### `cluster`", "key of `kv_transfer`"),
    (FailureKeys.form, "### `cluster`", "key of a failure"),
    (WorkloadKeys.form, "### `workload`", "key"),
    (ClassKeys.form, "### `workload`", "key of a class"),
    (ObjectiveKeys.form, "### `workload`", "key of `objectives`"),
    (SessionKeys.form, "### `workload`", "key of `sessions`"),
    (ArrivalKeys.form, "### `workload`", "`process`"),
    (RatePointKeys.form, "### `workload`", "key of a point"),
    (ThinkTimeKeys.form, "### `workload`", "key of `think_time`"),
    (ThinkTimeKeys.distribution, "### `workload`", "key of `exponential`"),
    (ClientKeys.form, "### `workload`", "key of `client`"),
    (LengthKeys.distribution, "### `workload`", "distribution"),
    (LengthKeys.range, "### `workload`", "key of `uniform`"),
    (LengthKeys.logNormalForm, "### `workload`", "key of `log_normal`"),
    (ReferenceKeys.form, "### `reference`", "key"), (PlanKeys.form, "### `plan`", "key"),
    (PlanDeviceKeys.form, "### `plan`", "key of a device"),
  ]

  @Test("a table of docs/scenarios.md has each key with its default and vLLM's option")
  func everyDefault() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    let rows = MarkdownRow.rows(of: text)
    for (form, heading, head) in DocumentationTests.tables {
      for key in form.keys {
        let ofKey = rows.filter { row in
          row.heading == heading && row.head.first == head && row.keys.contains("`\(key.name)`")
        }
        #expect(!ofKey.isEmpty, "\(heading): \(key.name)")
        for row in ofKey {
          // Words may go on, as in "required, unless …".
          let standing = row["default"] ?? ""
          #expect(standing.hasPrefix(key.absenceInWords), "\(heading): \(key.name): \(standing)")
          let option = row["vLLM's option"] ?? "none"
          #expect(option == key.option.map { "`\($0)`" } ?? "none", "\(heading): \(key.name)")
        }
      }
    }
    let checked = Set(DocumentationTests.tables.flatMap(\.form.names))
    #expect(checked == Set(ScenarioKeys.form.reachable.flatMap(\.names)))
  }

  @Test("docs/scenarios.md explains every column of a table of results")
  func everyColumn() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    let missing = PublishedTableFile.columns.filter { !text.contains("`\($0)`") }
    #expect(missing.isEmpty)
  }

  @Test("docs/scenarios.md explains every form of a request trace")
  func everyTraceForm() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    let words =
      [CSVTraceForm.azure, .burstGPT, .vidur].map(\.header)
      + [BlockTraceForm.mooncake, .bailian].flatMap(\.fields).map(\.key)
    let missing = words.filter { !text.contains("`\($0)`") }
    #expect(missing.isEmpty)
  }

  @Test("the limits that docs/scenarios.md states are those of Limits.swift")
  func limits() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    #expect(Limits.scenarioBytes == 1 << 20 && Limits.modelBytes == 1 << 20)
    #expect(Limits.profileBytes == 16 << 20 && Limits.traceBytes == 1 << 30)
    #expect(Limits.dataSheetBytes == 64 << 10 && text.contains("at most 64 KiB"))
    #expect(Limits.publishedTableBytes == 1 << 20 && text.contains("CSV, at most 1 MiB"))
    #expect(Limits.publishedRates == 1e-6...1e9 && Limits.publishedTimes == 1e-6...1e9)
    #expect(Limits.dataSheetBandwidth == 1_000_000_000...1_000_000_000_000_000)
    #expect(Limits.dataSheetRate == 10_000_000_000...1_000_000_000_000_000_000)
    #expect(Limits.layers == 4_096 && Limits.heads == 1_024 && Limits.headDim == 1_024)
    #expect(Limits.experts == 16_384 && Limits.expertWidth == 1 << 24)
    #expect(Limits.vocabSize == 1 << 26 && Limits.intermediateSize == 1 << 22)
    let stated = [
      Limits.requests, Limits.tokens, Limits.sequences, Limits.descriptionCharacters,
      Limits.experts,
    ]
    let missing = stated.map(grouped).filter { !text.contains($0) }
    #expect(missing.isEmpty)
  }

  /// Digits with commas between thousands.
  private func grouped(_ number: Int) -> String {
    let digits = Array(String(number))
    return digits.indices.reduce(into: "") { text, index in
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digits[index])
    }
  }

  @Test("the largest model that limits allow keeps its products within 64 bits")
  func largestModel() {
    let queryWidth = Limits.heads * Limits.headDim
    let feedForward = 3 * max(Limits.intermediateSize, Limits.expertWidth) + Limits.experts + 1
    let layer = (4 * queryWidth + feedForward) * Limits.hiddenSize
    let weights = layer.multipliedReportingOverflow(by: Limits.layers)
    // In groups of one, a weight of four bits has a scale of two bytes and a zero of half a one.
    #expect(!weights.overflow && !weights.partialValue.multipliedReportingOverflow(by: 3).overflow)
    let rows = Limits.experts * Limits.hiddenSize + 4 * Limits.expertWidth
    #expect(!rows.multipliedReportingOverflow(by: 4 * Limits.batchedTokens).overflow)
    let kvBytes = (4 * queryWidth + 2 * Limits.metadataBytes * Limits.heads) * Limits.layers
    #expect(!kvBytes.multipliedReportingOverflow(by: 2 * Limits.tokens).overflow)
    #expect(!Limits.requests.multipliedReportingOverflow(by: 2 * Limits.tokens).overflow)
  }
}

/// A row of a table in Markdown.
private struct MarkdownRow {
  /// The line of the heading above the table.
  let heading: String
  /// The cells of the table's head.
  let head: [String]
  let cells: [String]

  /// What stands in the column with this name.
  subscript(column: String) -> String? {
    head.firstIndex(of: column).flatMap { $0 < cells.count ? cells[$0] : nil }
  }

  /// The cell that names keys: of the column `key`, or the first.
  var keys: String { self["key"] ?? cells.first ?? "" }

  /// The rows of all tables, without their heads.
  static func rows(of text: String) -> [MarkdownRow] {
    var (heading, head): (String, [String]) = ("", [])
    return text.components(separatedBy: "\n").compactMap { line in
      if line.hasPrefix("#") { heading = line }
      guard line.hasPrefix("| ") else {
        if !line.hasPrefix("|-") { head = [] }
        return nil
      }
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .dropFirst().dropLast().map { $0.trimmingCharacters(in: .whitespaces) }
      guard head.isEmpty else { return MarkdownRow(heading: heading, head: head, cells: cells) }
      head = cells
      return nil
    }
  }
}
