import Simulator

/// What requests are like: the keys of `workload` itself, or its `classes`, for which those are
/// what a class has that states none.
struct ClassesReader {
  private typealias Defaults = (
    prompt: Workload.Lengths?, output: Workload.Lengths?, objectives: RequestClass.Objectives,
    sessions: Sessions?, samples: Int
  )

  /// The model's `max_position_embeddings`, if the model could be read.
  let maxPositions: Int?
  /// Whether lengths may be absent: a trace says them, or nobody knows whether one does.
  let areLengthsOptional: Bool
  /// Whether each class has arrivals of its own, so that none has a share of others.
  let haveOwnArrivals: Bool
  private var lengthsReader: LengthsReader
  /// Errors in files of lengths.
  var diagnosticsOfOtherFiles: [Diagnostic] { lengthsReader.diagnosticsOfOtherFiles }

  init(folder: String, maxPositions: Int?, areLengthsOptional: Bool, haveOwnArrivals: Bool) {
    self.maxPositions = maxPositions
    self.areLengthsOptional = areLengthsOptional
    self.haveOwnArrivals = haveOwnArrivals
    lengthsReader = LengthsReader(folder: folder)
  }

  /// The members of each of `classes`; nil with an error where one is no mapping.
  static func mappings(_ items: [Cursor]) -> [MappingCursor]? {
    let mappings = items.compactMap { $0.mapping(ClassKeys.form) }
    return mappings.count == items.count ? mappings : nil
  }

  /// The only class of a workload that names none; nil with at least one error where it is refused.
  mutating func onlyClass(_ workload: MappingCursor) -> RequestClass? {
    requestClass(
      workload, name: RequestClass.onlyName, share: 1, priority: 0,
      defaults: (prompt: nil, output: nil, objectives: .unstated, sessions: nil, samples: 1))
  }

  /// The classes; nil with at least one error where one of them is refused.
  mutating func classes(
    _ mappings: [MappingCursor], of workload: MappingCursor
  ) -> [RequestClass]? {
    workload.refuse(
      key: WorkloadKeys.systemPromptTokens.name,
      "does not go with `classes`, each of which begins with tokens of its own; accepted: "
        + "`system_prompt_tokens` in a class")
    let defaults = defaults(workload)
    var classes: [RequestClass] = []
    var names: Set<String> = []
    for mapping in mappings {
      let name = name(mapping, among: &names)
      let share = share(mapping)
      let priority = mapping.value(ClassKeys.priority)
      guard let defaults else { continue }
      let given = requestClass(
        mapping, name: name ?? "", share: share ?? 1, priority: priority ?? 0, defaults: defaults)
      if let given, name != nil, share != nil, priority != nil { classes.append(given) }
    }
    return classes.count == mappings.count ? classes : nil
  }

  private mutating func defaults(_ workload: MappingCursor) -> Defaults? {
    let prompt = lengthsReader.optional(WorkloadKeys.promptTokens, workload)
    let output = lengthsReader.optional(WorkloadKeys.outputTokens, workload)
    let objectives = objectives(workload) ?? RequestClass.Objectives.unstated
    let sessions = sessions(workload)
    let samples = workload.value(WorkloadKeys.samples)
    guard prompt != .some(nil), output != .some(nil), let objectives, sessions != .some(nil),
      let samples
    else { return nil }
    return (prompt ?? nil, output ?? nil, objectives, sessions ?? nil, samples)
  }

  private func name(_ mapping: MappingCursor, among names: inout Set<String>) -> String? {
    guard let name = mapping.value(ClassKeys.name) else { return nil }
    guard names.insert(name).inserted else {
      mapping.optional(ClassKeys.name)?.refuse(
        "two classes are called `\(name)`; accepted: a name of its own for each")
      return nil
    }
    return name
  }

  private func share(_ mapping: MappingCursor) -> Double? {
    guard haveOwnArrivals else { return mapping.value(ClassKeys.share) }
    guard mapping.optional(ClassKeys.share) == nil else {
      mapping.refuse(
        key: ClassKeys.share.name,
        "`share` goes with `arrivals` at the workload, and each class has its own")
      return nil
    }
    return 1
  }

  /// A class, by keys that it has in common with a workload.
  private mutating func requestClass(
    _ mapping: MappingCursor, name: String, share: Double, priority: Int, defaults: Defaults
  ) -> RequestClass? {
    let prompt = lengths(WorkloadKeys.promptTokens, mapping, default: defaults.prompt)
    let output = lengths(WorkloadKeys.outputTokens, mapping, default: defaults.output)
    let objectives = objectives(mapping) ?? defaults.objectives
    let systemTokens = mapping.value(WorkloadKeys.systemPromptTokens)
    let sessions = sessions(mapping)
    let samples = mapping.given(WorkloadKeys.samples) ?? defaults.samples
    guard let prompt, let output, let objectives, let systemTokens, sessions != .some(nil),
      let samples
    else { return nil }
    let ownSessions = sessions.flatMap { $0 } ?? defaults.sessions
    guard samples == 1 || ownSessions == nil else {
      let place = mapping.optional(WorkloadKeys.samples) ?? mapping.optional(WorkloadKeys.sessions)
      mapping.log.report(
        at: place?.node.position ?? mapping.position, key: place?.path ?? mapping.path,
        "several samples, `n: \(samples)`, are not simulated with `sessions`, which go on behind "
          + "one output; accepted: one of the two")
      return nil
    }
    // Those of a trace count as one token: it may hold requests that are too long, which the
    // simulator rejects one by one.
    let least = systemTokens + (prompt.shortest ?? 1) + (output.shortest ?? 1)
    if let maxPositions, least > maxPositions {
      let place =
        mapping.optional(WorkloadKeys.promptTokens) ?? mapping.optional(WorkloadKeys.outputTokens)
        ?? mapping.optional(WorkloadKeys.systemPromptTokens)
      mapping.log.report(
        at: place?.node.position ?? mapping.position, key: place?.path ?? mapping.path,
        "the shortest prompt and output have \(least) tokens together; accepted: up to the "
          + "model's `max_position_embeddings`, \(maxPositions)")
      return nil
    }
    return RequestClass(
      name: name, share: share, promptTokens: prompt, outputTokens: output, priority: priority,
      objectives: objectives, systemPromptTokens: systemTokens, sessions: ownSessions,
      samples: samples)
  }

  /// Nil where they are absent, and an inner nil with an error where they are refused.
  private mutating func sessions(_ mapping: MappingCursor) -> Sessions?? {
    guard let given = mapping.given(WorkloadKeys.sessions) else { return nil }
    guard let sessions = given else { return .some(nil) }
    let turns = lengthsReader.required(SessionKeys.turns, sessions)
    let thinkTime = sessions.value(SessionKeys.thinkTime).flatMap(Workload.ThinkTime.init)
    guard let turns, let thinkTime else { return .some(nil) }
    return Sessions(turns: turns, thinkTime: thinkTime)
  }

  private mutating func lengths(
    _ key: SchemaKey<ScalarOrMapping<Int>>, _ mapping: MappingCursor,
    default others: Workload.Lengths?
  ) -> Workload.Lengths? {
    if let lengths = lengthsReader.optional(key, mapping) { return lengths }
    if let others { return others }
    return areLengthsOptional ? .fromTrace : lengthsReader.required(key, mapping)
  }

  /// Nil where they are absent, and an inner nil with an error where they are refused.
  private func objectives(_ mapping: MappingCursor) -> RequestClass.Objectives?? {
    guard let given = mapping.given(WorkloadKeys.objectives) else { return nil }
    guard let objectives = given else { return .some(nil) }
    let times = [ObjectiveKeys.ttft, ObjectiveKeys.tpot, ObjectiveKeys.e2e].map {
      objectives.given($0)
    }
    guard !times.contains(.some(nil)) else { return .some(nil) }
    return RequestClass.Objectives(
      ttftNs: times[0] ?? nil, tpotNs: times[1] ?? nil, e2eNs: times[2] ?? nil)
  }
}
