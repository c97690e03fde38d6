extension CSVTraceForm {
  /// What Vidur, a simulator (Agrawal et al., MLSys 2024), replays.
  ///
  ///     0.1873042,2162,5
  static let vidur = CSVTraceForm(
    name: "Vidur", header: "arrived_at,num_prefill_tokens,num_decode_tokens",
    columns: (time: 0, prompt: 1, output: 2), clock: .seconds, hasFailures: false)
}
