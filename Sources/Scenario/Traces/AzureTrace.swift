extension CSVTraceForm {
  /// The Azure Public Dataset's LLM inference traces: of 2023 without an offset from UTC, of 2024
  /// with one.
  ///
  ///     2023-11-16 18:15:46.6805900,374,44
  ///     2024-05-10 00:00:00.009930+00:00,2162,5
  static let azure = CSVTraceForm(
    name: "Azure", header: "TIMESTAMP,ContextTokens,GeneratedTokens",
    columns: (time: 0, prompt: 1, output: 2), clock: .date, hasFailures: false)
}
