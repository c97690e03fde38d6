import Foundation
import Operators
import Testing

@testable import Scenario

@Suite struct DocumentationTests {
  @Test("docs/scenarios.md explains every key, process, operator, format, unit and model type")
  func everyKey() throws {
    let text = try String(contentsOfFile: Shipped.root + "docs/scenarios.md", encoding: .utf8)
    let words =
      SchemaKeys.all.sorted() + SchemaKeys.processes.map(\.process)
      + SchemaKeys.operators.map(\.name) + KVFormat.named.map(\.name) + ModelFamily.acceptedTypes
      + WeightFormatReader.methods
      + Quantity.sizes.map(\.unit) + Quantity.rates.map(\.unit)
    let missing = words.filter { !text.contains("`\($0)`") }
    #expect(missing.isEmpty)
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
