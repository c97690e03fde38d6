import Operators
import Simulator

/// The keys at the root of a scenario file.
enum ScenarioKeys {
  static let kvsim = SchemaKey(
    "kvsim", .version(ServingScenario.schemaVersion), .required, "Which form the file has.")
  static let name = SchemaKey(
    "name", .name, .otherwise("the file's name without its ending"),
    "What results call the scenario.")
  static let description = SchemaKey(
    "description", .text(upTo: Limits.descriptionCharacters), .standard("", "empty"),
    "What the scenario asks, for people.")
  static let seed = SchemaKey(
    "seed", .wholeNumber(0...Int.max), .standard(1),
    "The seed of every random draw; `--seed` comes before it.", option: "vllm bench serve --seed")
  static let model = SchemaKey(
    "model", .path("the path of a Hugging Face config.json, relative to this file"), .required,
    "The model.", option: "--model")
  static let device = SchemaKey(
    "device", .mapping(DeviceKeys.form), .required,
    "What the model runs on. `--profile FILE` comes before it.")
  static let kvCache = SchemaKey(
    "kv_cache", .mapping(KVCacheKeys.form), .standard(.object([]), "all formats"),
    "How keys and values are stored.")
  static let engine = SchemaKey(
    "engine", .mapping(EngineKeys.form), .standard(.object([]), "vLLM's defaults"),
    "The engine's options, by vLLM's names.")
  static let cluster = SchemaKey(
    "cluster", .mapping(ClusterKeys.form), .standard(.object([]), "one replica"),
    "How many replicas of the engine there are, and which of them gets a request.")
  static let workload = SchemaKey(
    "workload", .mapping(WorkloadKeys.form), .required,
    "How many requests come, when, and how long they are.")
  static let reference = SchemaKey(
    "reference", .mapping(ReferenceKeys.form), .otherwise("none"),
    "What a real engine did, that `kvsim validate` compares with.")
  static let plan = SchemaKey(
    "plan", .mapping(PlanKeys.form), .otherwise("what the command line says"),
    "What `kvsim plan` is asked: what has to hold, of how much traffic, and what to choose from.")

  static let form = MappingForm(
    kvsim, name, description, seed, model, device, kvCache, engine, cluster, workload, reference,
    plan,
    conflicts: [
      (
        .within(kvCache.name, .present(KVCacheKeys.format.name)),
        .within(engine.name, .present(EngineKeys.kvCacheDtype.name))
      )
    ])
}

/// `kv_cache`.
enum KVCacheKeys {
  static let format = SchemaKey(
    "format", .oneOrMore(of: .choice(of: KVFormat.named.map(\.name)) { KVFormat(name: $0) }),
    .otherwise("all three, in that order"),
    "The formats to compare, each of which was measured in the profile.",
    option: "--kv-cache-dtype")

  static let form = MappingForm(format)
}

/// `device`, and what stands in it.
enum DeviceKeys {
  private static let profilePath: ValueForm<GivenPath> = .path(
    "the path of a profile, relative to this file, or its name in `devices`")
  private static let dataSheet: ValueForm<GivenPath> = .path(
    "a data sheet's id, such as `nvidia-h100-sxm`, or its path")

  static let profile = SchemaKey(
    "profile", profilePath, .required, "What the device was measured to take.")
  static let derive = SchemaKey(
    "derive", .mapping(derivation), .required,
    "A device that was not measured, with times derived from those of one that was.")
  static let link = SchemaKey(
    "link",
    .either(.path("the path of a measured link, relative to this file"), or: .mapping(statedLink)),
    .otherwise("none, which does for one device"),
    "What connects the devices where `tensor_parallel_size` or `pipeline_parallel_size` is above 1."
  )
  static let pricePerHour = SchemaKey(
    "price_per_hour", .number(Limits.prices), .otherwise("unknown"),
    "What an hour of one such device costs, in any currency, for `kvsim plan`.")

  static let form = MappingForm(
    profile, derive, link, pricePerHour, variants: .byPresence([[profile.name], [derive.name]]))

  static let from = SchemaKey(
    "from", profilePath, .required, "The profile whose times are scaled.")
  static let source = SchemaKey(
    "source", dataSheet,
    .otherwise("the one data sheet beside the profile that is named like its device"),
    "The data sheet of the device that this profile was measured on.")
  static let device = SchemaKey(
    "device", dataSheet, .required, "The data sheet of the device to simulate.")

  static let derivation = MappingForm(from, device, source)

  static let bandwidth = SchemaKey(
    "bandwidth", .bandwidth, .required, "What each device sends, and receives, at most.")
  static let latency = SchemaKey(
    "latency", .time(like: "3 us"), .required, "What a message takes however short it is.")

  static let statedLink = MappingForm(bandwidth, latency)
}
