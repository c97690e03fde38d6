extension CSVTraceForm {
  /// BurstGPT (Wang et al., "BurstGPT: A Real-World Workload Dataset to Optimize LLM Serving
  /// Systems", KDD 2025): requests of a campus to Azure OpenAI. No response tokens mean that the
  /// request failed.
  ///
  ///     5,ChatGPT,472,18,490,Conversation log
  static let burstGPT = CSVTraceForm(
    name: "BurstGPT",
    header: "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type",
    columns: (time: 0, prompt: 2, output: 3), clock: .seconds, hasFailures: true)
}
