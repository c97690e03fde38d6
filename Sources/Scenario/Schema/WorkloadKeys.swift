import Simulator

/// `workload`.
enum WorkloadKeys {
  /// A trace says how many requests there are, and how long.
  private static let isReplay = KeyCondition.within(
    arrivals.name, .value(of: ArrivalKeys.process.name, is: ArrivalKeys.replay))

  static let requests = SchemaKey(
    "requests", .wholeNumber(1...Limits.requests, of: "requests"),
    .requiredUnless(isReplay, "for `replay`, all rows of the trace, and never more; else required"),
    "How many requests come, every turn of a session one of them.",
    option: "vllm bench serve --num-prompts")
  static let arrivals = SchemaKey(
    "arrivals", .mapping(ArrivalKeys.form),
    .requiredUnless(
      .each(of: "classes", .present("arrivals")), "required, unless every class has its own"),
    "When they come.")
  static let promptTokens = SchemaKey(
    "prompt_tokens", LengthKeys.lengths, absenceOfLengths("prompt_tokens"), "Tokens of a prompt.",
    option: "vllm bench serve --random-input-len")
  static let outputTokens = SchemaKey(
    "output_tokens", LengthKeys.lengths, absenceOfLengths("output_tokens"), "Tokens of an output.",
    option: "vllm bench serve --random-output-len")
  static let samples = SchemaKey(
    "n", .wholeNumber(1...Limits.samples, of: "samples"), .standard(1),
    "Outputs that each request wants of its prompt, their lengths drawn by themselves.",
    option: "vllm bench throughput --n")
  static let objectives = SchemaKey(
    "objectives", .mapping(ObjectiveKeys.form), .otherwise("none"),
    "What the senders of requests want; results then tell how many got it.",
    option: "vllm bench serve --goodput")
  static let systemPromptTokens = SchemaKey(
    "system_prompt_tokens", .wholeNumber(0...Limits.tokens, of: "tokens"), .standard(0),
    "Tokens with which every prompt begins, the same for all; those of `prompt_tokens` come behind "
      + "them.", option: "vllm bench serve --random-prefix-len")
  static let sessions = SchemaKey(
    "sessions", .mapping(SessionKeys.form), .otherwise("none: each request comes by itself"),
    "That requests are turns of sessions, each of which brings the ones before it along.")
  static let classes = SchemaKey(
    "classes", .list(of: .mapping(ClassKeys.form), upTo: Limits.classes, called: "classes"),
    .otherwise("one class, described by the keys above"), "Kinds of requests to tell apart.")
  static let client = SchemaKey(
    "client", .mapping(ClientKeys.form), .standard(.object([]), "nothing"),
    "What the load generator takes, which prepares and sends one request at a time.")

  static let timeLimit = SchemaKey(
    "time_limit", .positiveTime, .otherwise("a hundred years"),
    "When a run in which requests have not left is given up with an error, since its start.")

  static let form = MappingForm(
    requests, arrivals, promptTokens, outputTokens, samples, objectives, systemPromptTokens,
    sessions, classes, client, timeLimit,
    conflicts: [
      (.present(arrivals.name), .some(of: classes.name, .present(ClassKeys.arrivals.name))),
      (.present(systemPromptTokens.name), .present(classes.name)),
      (.present(sessions.name), isReplay),
      (.some(of: classes.name, .present(ClassKeys.sessions.name)), isReplay),
    ])

  private static func absenceOfLengths(_ key: String) -> KeyDeclaration.Absence {
    .requiredUnless(
      .either(isReplay, .each(of: "classes", .present(key))),
      "for `replay`, as the trace says; else required, here or in every class")
  }
}

/// A class of `classes`. What it shares with the workload has the same name and form there.
enum ClassKeys {
  static let name = SchemaKey(
    "name", .name, .required, "What results call the class; differs from the others'.")
  static let share = SchemaKey(
    "share", .number(Limits.shares, note: ", a weight beside the other classes'"), .required,
    "Of the workload's `arrivals`; a class has either this or arrivals of its own.")
  static let arrivals = SchemaKey(
    "arrivals", .mapping(ArrivalKeys.formOfClass), .required,
    "When its requests come; either the workload has `arrivals` or every class.")
  static let promptTokens = SchemaKey(
    WorkloadKeys.promptTokens.name, WorkloadKeys.promptTokens.form, .otherwise("the workload's"),
    "Tokens of a prompt.")
  static let outputTokens = SchemaKey(
    WorkloadKeys.outputTokens.name, WorkloadKeys.outputTokens.form, .otherwise("the workload's"),
    "Tokens of an output.")
  static let samples = SchemaKey(
    WorkloadKeys.samples.name, WorkloadKeys.samples.form, .otherwise("the workload's"),
    "Outputs that each of its requests wants of its prompt.")
  static let priority = SchemaKey(
    "priority", .wholeNumber(Limits.priorities), .standard(0),
    "Lower is handled first, as in vLLM, by schedulers that go by it.")
  static let objectives = SchemaKey(
    WorkloadKeys.objectives.name, WorkloadKeys.objectives.form, .otherwise("the workload's"),
    "What the senders of its requests want; `{}` states nothing.")
  static let systemPromptTokens = SchemaKey(
    WorkloadKeys.systemPromptTokens.name, WorkloadKeys.systemPromptTokens.form, .standard(0),
    "Tokens with which each of its prompts begins; other classes have other tokens.")
  static let sessions = SchemaKey(
    WorkloadKeys.sessions.name, WorkloadKeys.sessions.form, .otherwise("the workload's"),
    "That its requests are turns of sessions; `{turns: 1}` is a request by itself.")

  static let form = MappingForm(
    name, share, arrivals, promptTokens, outputTokens, samples, priority, objectives,
    systemPromptTokens, sessions, variants: .byPresence([[share.name], [arrivals.name]]),
    example: "{name: …, share: …, …}")
}

/// `sessions`.
enum SessionKeys {
  static let turns = SchemaKey(
    "turns",
    .either(.wholeNumber(1...Limits.turns, of: "turns"), or: .mapping(LengthKeys.distribution)),
    .required, "How many turns a session has; a number, or a distribution as lengths have it.")
  static let thinkTime = SchemaKey(
    ArrivalKeys.thinkTime.name, ArrivalKeys.thinkTime.form, .standard("0 s"),
    "The pause between a turn that has finished and the next one.")

  static let form = MappingForm(turns, thinkTime)
}

/// `objectives`.
enum ObjectiveKeys {
  static let ttft = SchemaKey(
    "ttft", .positiveTime, .otherwise("none"), "The longest time to first token that is wanted.")
  static let tpot = SchemaKey(
    "tpot", .positiveTime, .otherwise("none"),
    "The longest mean time per output token after the first.")
  static let e2e = SchemaKey(
    "e2e", .positiveTime, .otherwise("none"), "The longest time from arrival to the last token.")

  static let form = MappingForm(ttft, tpot, e2e)
}

/// `client`.
enum ClientKeys {
  static let prepare = SchemaKey(
    "prepare", .time(), .standard("0 s"), "From a request's turn to the start of its clock.")
  static let send = SchemaKey(
    "send", .time(), .standard("0 s"), "From its turn to be sent to the engine's having it.")

  static let form = MappingForm(prepare, send)
}

/// `prompt_tokens` and `output_tokens`, and how many turns a session has.
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
    "min", .wholeNumber(1...Limits.tokens), .required, "The least.")
  static let max = SchemaKey(
    "max", .wholeNumber(1...Limits.tokens), .required, "The most.")

  static let range = MappingForm(min, max)

  static let mean = SchemaKey(
    "mean", .number(1...Double(Limits.tokens)), .required,
    "The mean of the whole distribution, without bounds.")
  static let cv = SchemaKey(
    "cv", .number(Limits.variation, note: ", deviation over mean"), .required,
    "The coefficient of variation of the whole distribution, without bounds.")
  static let lowerBound = SchemaKey(
    min.name, min.form, .standard(1), "What is less is drawn anew.")
  static let upperBound = SchemaKey(
    max.name, max.form, .standard(.integer(Limits.tokens)), "What is more is drawn anew.")

  static let logNormalForm = MappingForm(mean, cv, lowerBound, upperBound)
}
