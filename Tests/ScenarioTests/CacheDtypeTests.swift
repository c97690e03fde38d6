import Operators
import Testing

@testable import Scenario

@Suite("vLLM's name for the formats")
struct CacheDtypeTests {
  private static let format = "kv_cache:\n  format: [fp16, int4]\n"

  private func formats(_ cache: String, _ engine: String) throws -> [String] {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let text = Fixture.scenario.replacing(Self.format, with: cache)
      .replacing("2 GiB\n", with: "2 GiB\n\(engine)")
    try fixture.write("scenario.yaml", text)
    return try fixture.load().formats.map(\.name)
  }

  @Test("kv_cache_dtype says what kv_cache.format says")
  func alias() throws {
    #expect(try formats("", "  kv_cache_dtype: int4\n") == ["int4"])
    #expect(
      try formats("", "  kv_cache_dtype: [int4-rotated, fp16]\n") == ["int4-rotated", "fp16"])
    #expect(try formats(Self.format, "") == ["fp16", "int4"])
    #expect(try formats("", "") == KVFormat.named.map(\.name))
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: Fixture.scenario))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let mistakes = [
    BadInput(
      "both", "2 GiB\n", "2 GiB\n  kv_cache_dtype: int4\n", "15:3",
      "does not go with `kv_cache.format`"),
    BadInput(
      "unknown format", "  format: [fp16, int4]\nengine:", "  {}\nengine:\n  kv_cache_dtype: fp8",
      "11:19", "`fp16`, `int4`"),
  ]
}
