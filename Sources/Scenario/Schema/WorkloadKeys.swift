import Simulator

/// `workload`.
enum WorkloadKeys {
  /// A trace says how many requests there are, and how long.
  private static let isReplay = KeyCondition(
    path: [arrivals.name, ArrivalKeys.process.name], value: ArrivalKeys.replay)

  static let requests = SchemaKey(
    "requests", .wholeNumber(1...Limits.requests, of: "requests"),
    .requiredUnless(isReplay, "for `replay`, all rows of the trace, and never more; else required"),
    "How many requests come.", option: "vllm bench serve --num-prompts")
  static let arrivals = SchemaKey(
    "arrivals", .mapping(ArrivalKeys.form), .required, "When they come.")
  static let promptTokens = SchemaKey(
    "prompt_tokens", LengthKeys.lengths,
    .requiredUnless(isReplay, "for `replay`, as the trace says; else required"),
    "Tokens of a prompt.", option: "vllm bench serve --random-input-len")
  static let outputTokens = SchemaKey(
    "output_tokens", LengthKeys.lengths,
    .requiredUnless(isReplay, "for `replay`, as the trace says; else required"),
    "Tokens of an output.", option: "vllm bench serve --random-output-len")
  static let client = SchemaKey(
    "client", .mapping(ClientKeys.form), .standard(.object([]), "nothing"),
    "What the load generator takes, which prepares and sends one request at a time.")

  static let form = MappingForm(requests, arrivals, promptTokens, outputTokens, client)
}

/// `client`.
enum ClientKeys {
  static let prepare = SchemaKey(
    "prepare", .time(), .standard("0 s"), "From a request's turn to the start of its clock.")
  static let send = SchemaKey(
    "send", .time(), .standard("0 s"), "From its turn to be sent to the engine's having it.")

  static let form = MappingForm(prepare, send)
}

/// `prompt_tokens` and `output_tokens`.
enum LengthKeys {
  /// A number of tokens, or a distribution of them.
  static let lengths: ValueForm<ScalarOrMapping<Int>> = .either(
    .wholeNumber(1...Limits.tokens, of: "tokens"), or: .mapping(distribution))

  static let uniform = SchemaKey(
    "uniform", .mapping(range), .required, "Every whole number of a range equally likely.")
  static let logNormal = SchemaKey(
    "log_normal", .mapping(logNormalForm), .required, "The logarithm is normal.")
  static let empirical = SchemaKey(
    "empirical", .path("the path of a file of lengths, relative to this file"), .required,
    "As often as in a file.")

  static let distribution = MappingForm(
    uniform, logNormal, empirical,
    variants: .byPresence([[uniform.name], [logNormal.name], [empirical.name]]),
    example: "{uniform: {min: 1, max: 9}}, {log_normal: {mean: 9, cv: 1}} or {empirical: PATH}")

  static let min = SchemaKey(
    "min", .wholeNumber(1...Limits.tokens, of: "tokens"), .required, "The shortest.")
  static let max = SchemaKey(
    "max", .wholeNumber(1...Limits.tokens, of: "tokens"), .required, "The longest.")

  static let range = MappingForm(min, max)

  static let mean = SchemaKey(
    "mean", .number(1...Double(Limits.tokens), of: "tokens"), .required,
    "The mean of the whole distribution, without bounds.")
  static let cv = SchemaKey(
    "cv", .number(Limits.variation, note: ", deviation over mean"), .required,
    "The coefficient of variation of the whole distribution, without bounds.")
  static let lowerBound = SchemaKey(
    min.name, min.form, .standard(1), "What is shorter is drawn anew.")
  static let upperBound = SchemaKey(
    max.name, max.form, .standard(.integer(Limits.tokens)), "What is longer is drawn anew.")

  static let logNormalForm = MappingForm(mean, cv, lowerBound, upperBound)
}
