import Operators
import Simulator

/// `cluster`.
enum ClusterKeys {
  static let replicas = SchemaKey(
    "replicas", .wholeNumber(1...Limits.replicas), .standard(1),
    "Engines, all alike; with `engine.data_parallel_size`, so many times that.")
  static let router = SchemaKey(
    "router", .choice(of: RoutingPolicy.self),
    .otherwise("`round-robin`; with `data_parallel_size` above 1 `least-outstanding`"),
    "Which replica gets a request.")
  static let autoscaling = SchemaKey(
    "autoscaling", .mapping(AutoscalingKeys.form), .otherwise("none"),
    "When replicas are switched on and off.")
  static let groups = SchemaKey(
    "groups", .list(of: .mapping(GroupKeys.form), upTo: Limits.groups, called: "groups"),
    .otherwise("one group, with `replicas` and `autoscaling`"),
    "Kinds of replicas, which differ in their device, format, options or role.")
  static let kvTransfer = SchemaKey(
    "kv_transfer", .mapping(TransferKeys.form),
    .otherwise("required where groups have the roles `prefill` and `decode`"),
    "What carries computed prompts from replica to replica.")
  static let failures = SchemaKey(
    "failures", .list(of: .mapping(FailureKeys.form), upTo: Limits.failures, called: "failures"),
    .otherwise("none"), "When replicas fail.")

  static let form = MappingForm(
    replicas, router, autoscaling, groups, kvTransfer, failures,
    conflicts: [
      (.present(groups.name), .present(replicas.name)),
      (.present(groups.name), .present(autoscaling.name)),
      (.present(kvTransfer.name), .not(someGroup(.prefill))),
      (someGroup(.prefill), .not(.present(kvTransfer.name))),
      (someGroup(.prefill), .not(someGroup(.decode))),
      (someGroup(.decode), .not(someGroup(.prefill))),
    ])

  private static func someGroup(_ role: ReplicaRole) -> KeyCondition {
    .some(of: groups.name, .value(of: GroupKeys.role.name, is: role.rawValue))
  }
}

/// A group of `groups`.
enum GroupKeys {
  static let name = SchemaKey(
    "name", .name, .required, "What results call the group; differs from the others'.")
  static let replicas = SchemaKey(
    "replicas", .wholeNumber(1...Limits.replicas), .standard(1),
    "Engines; with `data_parallel_size`, so many times that.")
  static let role = SchemaKey(
    "role", .choice(of: ReplicaRole.self), .standard(.text(ReplicaRole.whole.rawValue)),
    "What they do for a request; `prefill` and `decode` stand together.")
  static let device = SchemaKey(
    "device", .mapping(DeviceKeys.form), .otherwise("the scenario's"), "What they run on.")
  static let kvCache = SchemaKey(
    "kv_cache", .mapping(GroupCacheKeys.form),
    .otherwise("the format of the run, each of the scenario's"),
    "How keys and values are stored, whatever format the others are compared in.")
  static let engine = SchemaKey(
    "engine", .mapping(EngineKeys.form), .otherwise("the scenario's"),
    "Options that differ from the scenario's; the others are as they stand there.")
  static let autoscaling = SchemaKey(
    "autoscaling", .mapping(AutoscalingKeys.form), .otherwise("none"),
    "When replicas of the group are switched on and off.")

  static let form = MappingForm(
    name, replicas, role, device, kvCache, engine, autoscaling,
    example: "{name: …, replicas: …, …}")
}

/// `kv_cache` of a group.
enum GroupCacheKeys {
  static let format = SchemaKey(
    "format", .choice(of: KVFormat.named.map(\.name)) { KVFormat(name: $0) }, .required,
    "The format of the group, which was measured in its profile.", option: "--kv-cache-dtype")

  static let form = MappingForm(format)
}

/// `autoscaling`.
enum AutoscalingKeys {
  static let minReplicas = SchemaKey(
    "min_replicas", .wholeNumber(1...Limits.replicas), .standard(1),
    "Replicas that are on at least.")
  static let maxReplicas = SchemaKey(
    "max_replicas", .wholeNumber(1...Limits.replicas), .required, "Replicas that are on at most.")
  static let targetOutstanding = SchemaKey(
    "target_outstanding", .wholeNumber(1...Limits.requests, of: "requests"), .required,
    "Requests that have not left which a replica shall have at most in the mean.")
  static let interval = SchemaKey(
    "interval", .positiveTime, .standard("15 s"), "How often the rule is looked at.")
  static let startUp = SchemaKey(
    "start_up", .time(upTo: Limits.arrivalSeconds, like: "2 min"), .required,
    "From the decision to start a replica to its first request.")
  static let scaleDownDelay = SchemaKey(
    "scale_down_delay", .time(upTo: Limits.arrivalSeconds, like: "5 min"), .standard("5 min"),
    "For how long fewer replicas must have been enough before one is switched off.")

  static let form = MappingForm(
    minReplicas, maxReplicas, targetOutstanding, interval, startUp, scaleDownDelay)
}

/// `kv_transfer`.
enum TransferKeys {
  static let bandwidth = SchemaKey(
    "bandwidth", .bandwidth, .required,
    "What one replica sends or receives at most, all its devices together.")
  static let latency = SchemaKey(
    "latency", .time(like: "10 us"), .standard("0 s"),
    "What a copy takes however little it moves.")

  static let form = MappingForm(bandwidth, latency)
}

/// A failure of `failures`.
enum FailureKeys {
  static let replica = SchemaKey(
    "replica", .wholeNumber(0...(Limits.replicas - 1)), .required,
    "Which replica fails, counted from 0 through all groups.")
  static let at = SchemaKey(
    "at", .time(upTo: Limits.arrivalSeconds, like: "10 min"), .required,
    "When, since the start of the run.")
  static let recoversAfter = SchemaKey(
    "recovers_after", .time(upTo: Limits.arrivalSeconds, like: "2 min"), .otherwise("never"),
    "How long it takes until it serves again, with empty memory.")

  static let form = MappingForm(replica, at, recoversAfter, example: "{replica: …, at: …}")
}
