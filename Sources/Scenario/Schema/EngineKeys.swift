import Simulator

/// `engine`: options by the names that vLLM gives them, with vLLM's defaults.
enum EngineKeys {
  static let scheduler = SchemaKey(
    "scheduler", .choice(of: EngineOptions.Scheduler.self), .standard("vllm"),
    "How the next step is chosen. `priority` is vLLM's `--scheduling-policy priority`.")
  static let maxNumSeqs = SchemaKey(
    "max_num_seqs", .wholeNumber(1...Limits.sequences), .standard(256),
    "Sequences in one step at most. SGLang's `--max-running-requests`.", option: "--max-num-seqs")
  static let maxNumBatchedTokens = SchemaKey(
    "max_num_batched_tokens", .wholeNumber(1...Limits.batchedTokens),
    .otherwise("`2048`; with `vllm-v0` the model's `max_position_embeddings` if that is more"),
    "Tokens computed in one step at most, prompts and decodes together; at least `max_num_seqs`. "
      + "SGLang's `--chunked-prefill-size`, Sarathi-Serve's `chunk_size`.",
    option: "--max-num-batched-tokens")
  static let blockSize = SchemaKey(
    "block_size", .wholeNumber(1...Limits.blockSize), .otherwise("the profile's"),
    "Tokens per page of the KV cache; must equal the profile's. SGLang's `--page-size`.",
    option: "--block-size")
  static let enablePrefixCaching = SchemaKey(
    "enable_prefix_caching", .boolean, .standard(true),
    "Whether requests share the prefixes that their trace says they have in common.",
    option: "--enable-prefix-caching")
  static let tensorParallelSize = SchemaKey(
    "tensor_parallel_size", .wholeNumber(1...Limits.heads), .standard(1),
    "Devices that share the layers of one replica; above 1, `device` needs a `link`.",
    option: "--tensor-parallel-size")
  static let pipelineParallelSize = SchemaKey(
    "pipeline_parallel_size", .wholeNumber(1...Limits.layers, of: "stages"), .standard(1),
    "Stages of `tensor_parallel_size` devices over which the layers are spread, with as many "
      + "batches in them; above 1, `device` needs a `link`, and none of `speculative_config`, "
      + "`preemption_mode: swap`, failures, autoscaling and roles is simulated.",
    option: "--pipeline-parallel-size")
  static let dataParallelSize = SchemaKey(
    "data_parallel_size", .wholeNumber(1...Limits.replicas), .standard(1),
    "Ranks, each with the whole model and its own pool: so many replicas for each of `cluster`.",
    option: "--data-parallel-size")
  static let gpuMemoryUtilization = SchemaKey(
    "gpu_memory_utilization", .positiveNumber(upTo: 1), .standard(0.9),
    "Share of the device's memory for weights, activations and KV cache together.",
    option: "--gpu-memory-utilization")
  static let kvCacheMemoryBytes = SchemaKey(
    "kv_cache_memory_bytes", .bytes, .otherwise("none"),
    "Size of the KV cache, whatever the device has; does not go with `gpu_memory_utilization`.",
    option: "--kv-cache-memory-bytes")
  static let kvCacheDtype = SchemaKey(
    "kv_cache_dtype", KVCacheKeys.format.form, .otherwise("what `kv_cache` says"),
    "vLLM's name for `format` of `kv_cache`; one of the two.", option: "--kv-cache-dtype")
  static let hostOverhead = SchemaKey(
    "host_overhead", .mapping(HostOverheadKeys.form), .standard(.object([]), "nothing"),
    "What the engine's processor does between the steps of its device.")
  static let longPrefillTokenThreshold = SchemaKey(
    "long_prefill_token_threshold", .wholeNumber(0...Limits.batchedTokens, of: "tokens"),
    .standard(0),
    "Tokens that one prompt gets of a step at most, 0 for no limit; "
      + "not with `sglang`, `vllm-v0` and `static`.", option: "--long-prefill-token-threshold")
  static let watermark = SchemaKey(
    "watermark", .shareBelowOne, .otherwise("0.01 with `vllm-v0` and `sarathi`, else 0"),
    "Share of all blocks that an admission leaves free.", option: "--watermark")
  static let maxQueuedRequests = SchemaKey(
    "max_queued_requests", .wholeNumber(0...Limits.requests, of: "requests"),
    .otherwise("no limit"),
    "A request that comes while so many wait is rejected. SGLang's `--max-queued-requests`.")
  static let preemptionMode = SchemaKey(
    "preemption_mode", .choice(of: PreemptionMode.self), .standard("recompute"),
    "What becomes of a preempted request: computed again, or copied to the host's memory and back; "
      + "`swap` goes with the scheduler `vllm`.", option: "--preemption-mode")
  static let swapSpace = SchemaKey(
    "swap_space", .bytes, .standard("4 GiB"),
    "With `swap`: host memory for each device's blocks.", option: "--swap-space")
  static let hostLink = SchemaKey(
    "host_link", .mapping(HostLinkKeys.form), .otherwise("required with `swap`"),
    "With `swap`: what leads to the host's memory.")
  static let speculativeConfig = SchemaKey(
    "speculative_config", .mapping(SpeculativeKeys.form), .otherwise("none"),
    "Tokens are drafted for each decoding sequence, and a step verifies them all.",
    option: "--speculative-config")

  static let form = MappingForm(
    scheduler, maxNumSeqs, maxNumBatchedTokens, blockSize, enablePrefixCaching,
    tensorParallelSize, pipelineParallelSize, dataParallelSize, gpuMemoryUtilization,
    kvCacheMemoryBytes, kvCacheDtype, hostOverhead, longPrefillTokenThreshold, watermark,
    maxQueuedRequests,
    preemptionMode, swapSpace, hostLink, speculativeConfig,
    conflicts: [
      (.present(gpuMemoryUtilization.name), .present(kvCacheMemoryBytes.name)),
      (.present(swapSpace.name), .value(of: preemptionMode.name, is: "recompute")),
      (.present(hostLink.name), .value(of: preemptionMode.name, is: "recompute")),
    ])
}

/// `engine.speculative_config`, by the names of vLLM's but for `acceptance_rate`, which vLLM
/// measures.
enum SpeculativeKeys {
  static let method = SchemaKey(
    "method", .choice(of: DraftMethod.self),
    .otherwise("`draft_model` with a `model`, else `ngram`"),
    "What drafts: a model, or the prompt, in which they are looked up and which takes no time.")
  static let numSpeculativeTokens = SchemaKey(
    "num_speculative_tokens", .wholeNumber(1...Limits.speculativeTokens, of: "tokens"), .required,
    "Tokens drafted for each decoding sequence in a step.")
  static let acceptanceRate = SchemaKey(
    "acceptance_rate", .number(0...1), .required,
    "The probability with which a drafted token is accepted if all before it are.")
  static let model = SchemaKey(
    "model", .path("the path of a Hugging Face config.json, relative to this file"),
    .otherwise("none: tokens are looked up in the prompt"), "The model that drafts.")

  static let form = MappingForm(
    method, numSpeculativeTokens, acceptanceRate, model,
    conflicts: [(.present(model.name), .value(of: method.name, is: DraftMethod.ngram.rawValue))])
}

/// `engine.host_link`.
enum HostLinkKeys {
  static let bandwidth = SchemaKey(
    "bandwidth", .bandwidth, .required, "What moves in either direction at most.")
  static let latency = SchemaKey(
    "latency", .time(like: "10 us"), .standard("0 s"),
    "What a copy takes however little it moves.")

  static let form = MappingForm(bandwidth, latency)
}

/// `host_overhead`.
enum HostOverheadKeys {
  static let perStep = SchemaKey("per_step", .time(), .standard("0 s"), "Of each step.")
  static let perSequence = SchemaKey(
    "per_sequence", .time(), .standard("0 s"),
    "Of each of a step's sequences, decoding or in their prompt.")

  static let form = MappingForm(perStep, perSequence)
}
