import Testing

@testable import Scenario

@Suite struct BadScenarioTests {
  @Test("one mistake gives one error at its place", arguments: roots + values + engine + workload)
  func oneMistake(_ input: BadInput) throws {
    let errors = try Fixture.errors("scenario.yaml", input.applied(to: Fixture.scenario))
    try input.expectAlone(in: errors, of: "scenario.yaml")
  }

  static let roots: [BadInput] = [
    BadInput("unknown key", "seed: 7", "sede: 7", "4:1", "sede: unknown key", "mean `seed`"),
    BadInput("far-off key", "seed: 7", "colour: 7", "4:1", "unknown key; accepted: `kvsim`"),
    BadInput("key twice", "seed: 7", "name: b", "4:1", "name: stands twice", "line 2"),
    BadInput("version missing", "kvsim: 1\n", "", "1:1", "kvsim: missing", "accepted: 1"),
    BadInput("version misspelt", "kvsim: 1", "kvsm: 1", "1:1", "kvsm: unknown", "mean `kvsim`?"),
    BadInput("newer version", "kvsim: 1", "kvsim: 2", "1:8", "version 2", "reads version 1"),
    BadInput("version in quotes", "kvsim: 1", "kvsim: \"1\"", "1:8", "without quotes"),
    BadInput("model missing", "model: model.json\n", "", "1:1", "model: missing", "config.json"),
    BadInput("model is a list", "model.json", "[a]", "5:8", "a list is not accepted here"),
    BadInput(
      "no such model", "model.json", "no.json", "5:8",
      "no.json` cannot be read: there is no such file"),
    BadInput(
      "no such profile", "profile.json", "no.json", "7:12", "there is no such file",
      "kvsim calibrate --device cpu -o FILE", "--profile FILE"),
    BadInput("model is a folder", "model.json", ".", "5:8", "is a directory"),
    BadInput("model is a device", "model.json", "/dev/null", "5:8", "not a regular file"),
    BadInput("device missing", "device:\n  profile: profile.json\n", "", "1:1", "device: missing"),
    BadInput("device is text", "\n  profile: profile.json", " cpu", "6:9", "`cpu`", "`profile`"),
    BadInput("device empty", "\n  profile: profile.json", "", "6:8", "nothing is not accepted"),
    BadInput("tab", "  profile", "\tprofile", "7:1", "a tab"),
    BadInput("no YAML", "[fp16, int4]", "[fp16, int4", "10:7", "this is not YAML"),
    BadInput("second document", "seed: 7", "---\nkvsim: 1", "4:1", "second document"),
    BadInput("anchor", "[fp16, int4]", "&f [fp16]", "9:11", "anchors"),
    BadInput("tag", "seed: 7", "seed: !!int 7", "4:7", "tags"),
    BadInput("key is a list", "seed: 7", "[a, b]: 7", "4:1", "a key is a word"),
    BadInput("nesting", "A good one", String(repeating: "[", count: 40), "5:6", "this is not"),
    BadInput(
      "closed nesting", "A good one",
      String(repeating: "[", count: 40) + String(repeating: "]", count: 40), "3:45",
      "deeper than 32"),
    BadInput("control character", "A good", "A \u{1B}[31mgood", "3:16", "U+1B"),
    BadInput("line separator", "A good", "A\u{2028}good", "3:15", "U+2028"),
  ]

  static let values: [BadInput] = [
    BadInput("name with capitals", "test-run", "Test", "2:7", "`Test`", "lower-case"),
    BadInput("name is a number", "test-run", "2024", "2:7", "a number in YAML 1.1", "\"2024\""),
    BadInput("name is on", "test-run", "on", "2:7", "`on` is true in YAML 1.1", "\"on\""),
    BadInput("name is No", "test-run", "No", "2:7", "`No` is false in"),
    BadInput("name is null", "test-run", "~", "2:7", "`~` is null"),
    BadInput("name is sexagesimal", "test-run", "12:30:45", "2:7", "base 60", "quote it"),
    BadInput("name is a date", "test-run", "2023-11-16", "2:7", "a date", "quote it"),
    BadInput("name is empty", "test-run", "", "2:6", "nothing is not accepted"),
    BadInput("description is true", "A good one", "true", "3:14", "quote it"),
    BadInput("seed is text", "seed: 7", "seed: seven", "4:7", "`seven`", "whole number from 0"),
    BadInput("seed is negative", "seed: 7", "seed: -1", "4:7", "out of range"),
    BadInput("seed is too large", "seed: 7", "seed: 9223372036854775808", "4:7", "from 0 to"),
    BadInput("seed is a fraction", "seed: 7", "seed: 7.0", "4:7", "digits only"),
    BadInput("seed is octal", "seed: 7", "seed: 017", "4:7", "an octal number", "plainly"),
    BadInput("seed is 0o17", "seed: 7", "seed: 0o17", "4:7", "not decimal", "plainly"),
    BadInput("seed is 0x1F", "seed: 7", "seed: 0x1F", "4:7", "not decimal", "plainly"),
    BadInput("seed has underscores", "seed: 7", "seed: 1_000", "4:7", "unusual form", "plainly"),
    BadInput("seed is sexagesimal", "seed: 7", "seed: 12:30:45", "4:7", "base 60", "plainly"),
    BadInput("seed is off", "seed: 7", "seed: off", "4:7", "`off` is not accepted"),
    BadInput("unknown format", "int4]", "itn4]", "9:18", "mean `int4`?", "`int4-rotated`"),
    BadInput("format twice", "int4]", "fp16]", "9:18", "`fp16` stands twice"),
    BadInput("no format", "[fp16, int4]", "[]", "9:11", "an empty list; accepted: `fp16`"),
    BadInput("format is a mapping", "[fp16, int4]", "{a: b}", "9:11", "a mapping is not"),
    BadInput("format's key", "format:", "formats:", "9:3", "kv_cache.formats", "mean `format`?"),
    BadInput("key escapes", "seed: 7", "\"a\\e[1m\": 7", "4:1", "a\\u{1B}[1m: unknown key"),
  ]

  static let engine: [BadInput] = [
    BadInput("engine's key", "max_num_seqs", "max_num_seq", "11:3", "mean `max_num_seqs`?"),
    BadInput("capitals", "max_num_seqs", "maxNumSeqs", "11:3", "mean `max_num_seqs`?"),
    BadInput("no sequences", "seqs: 64", "seqs: 0", "11:17", "out of range", "from 1 to"),
    BadInput("budget too small", "tokens: 512", "tokens: 32", "12:27", "32", "less than", "64"),
    BadInput(
      "default budget too small", "seqs: 64\n  max_num_batched_tokens: 512", "seqs: 4096",
      "11:17", "2048 by default", "4096"),
    BadInput("other block size", "size: 16", "size: 32", "13:15", "is 32", "measured with 16"),
    BadInput("size without unit", "2 GiB", "2147483648", "14:26", "has no unit", "KiB, MiB, GiB"),
    BadInput("size of wrong case", "2 GiB", "2 gib", "14:26", "unknown unit", "mean `GiB`?"),
    BadInput("size of no unit", "2 GiB", "2 pages", "14:26", "`pages` is an unknown unit"),
    BadInput("negative size", "2 GiB", "-2 GiB", "14:26", "not a positive size"),
    BadInput("size of nothing", "2 GiB", "0 B", "14:26", "not a positive size"),
    BadInput("half a byte", "2 GiB", "2.5 B", "14:26", "whole number of bytes"),
    BadInput("size too large", "2 GiB", "9000000000 TiB", "14:26", "too large"),
    BadInput("size just too large", "2 GiB", "2000000 TB", "14:26", "too large"),
    BadInput("size with underscores", "2 GiB", "1_000 B", "14:26", "plainly"),
    BadInput("size is text", "2 GiB", "lots", "14:26", "`lots` is not accepted"),
    BadInput("size is a list", "2 GiB", "[2 GiB]", "14:26", "a list is not accepted"),
    BadInput(
      "both memories", "2 GiB", "2 GiB\n  gpu_memory_utilization: 0.5", "14:3",
      "does not go with `gpu_memory_utilization`"),
    BadInput(
      "share above one", "kv_cache_memory_bytes: 2 GiB", "gpu_memory_utilization: 1.1", "14:27",
      "out of range", "up to 1"),
    BadInput(
      "share of nothing", "kv_cache_memory_bytes: 2 GiB", "gpu_memory_utilization: 0", "14:27",
      "out of range", "above 0"),
    BadInput(
      "share in percent", "kv_cache_memory_bytes: 2 GiB", "gpu_memory_utilization: 90%", "14:27",
      "`90%` is not accepted"),
  ]

  static let workload: [BadInput] = [
    BadInput("requests missing", "  requests: 100\n", "", "16:3", "requests: missing"),
    BadInput("too many requests", "s: 100", "s: 1000000000000", "16:13", "to 100000000"),
    BadInput("no requests", "s: 100", "s: 0", "16:13", "out of range"),
    BadInput("requests in exponents", "s: 100", "s: 1e3", "16:13", "digits only"),
    BadInput("requests overflow", "s: 100", "s: 99999999999999999999", "16:13", "whole number"),
    BadInput("no process", "    process: poisson\n", "", "18:5", "process: missing", "replay"),
    BadInput("unknown process", "poisson", "possion", "18:14", "mean `poisson`?"),
    BadInput("rate missing", "\n    rate: 2.5/s", "", "18:5", "rate: missing", "2.5/s"),
    BadInput("rate without unit", "2.5/s", "2.5", "19:11", "has no unit", "/s, /min, /h"),
    BadInput("rate of other unit", "2.5/s", "2.5/d", "19:11", "`/d` is an unknown unit"),
    BadInput("misspelt unit", "2.5/s", "2.5/mins", "19:11", "mean `/min`?"),
    BadInput("negative rate", "2.5/s", "-2.5/s", "19:11", "not a positive rate"),
    BadInput("rate of nothing", "2.5/s", "0/s", "19:11", "not a positive rate"),
    BadInput("rate too small", "2.5/s", "1e-9/s", "19:11", "hundred years"),
    BadInput("rate too large", "2.5/s", "1e10/s", "19:11", "one request a nanosecond"),
    BadInput("rate of infinity", "2.5/s", "1e999/s", "19:11", "not accepted here"),
    BadInput("foreign key", "rate: 2.5/s", "rate: 1/s\n    concurrency: 3", "20:5", "does not go"),
    BadInput(
      "rate with closed loop", "poisson", "closed-loop\n    concurrency: 4", "20:5",
      "`rate` does not go with process closed-loop; it takes: concurrency"),
    BadInput(
      "no clients", "poisson\n    rate: 2.5/s", "closed-loop\n    concurrency: 0", "19:18",
      "whole number of clients"),
    BadInput(
      "no trace", "poisson\n    rate: 2.5/s", "replay", "18:5", "trace: missing", "request trace"),
    BadInput(
      "missing trace", "poisson\n    rate: 2.5/s", "replay\n    trace: no.csv", "19:12",
      "no.csv` cannot be read: there is no such file"),
    BadInput(
      "longer than the trace", "poisson\n    rate: 2.5/s", "replay\n    trace: trace.csv", "16:13",
      "the trace has 3 rows"),
    BadInput(
      "time scale", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    time_scale: 0", "19:17",
      "2 halves the rate"),
    BadInput(
      "long time scale", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    time_scale: 1e12", "19:17",
      "hundred years"),
    BadInput(
      "start behind the end", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    start: 1000 s", "19:12",
      "no row of the trace comes as late; accepted: up to 4.31941 s"),
    BadInput(
      "end before the start", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    start: 4 s\n    end: 4 s",
      "20:10",
      "no row of the trace comes from `start` to then; accepted: above 4.314579 s"),
    BadInput(
      "repeats without end", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    repeats: 2", "19:14",
      "needs `end` beside it"),
    BadInput(
      "many repeats", "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    end: 1 s\n    repeats: 9999999999",
      "20:14", "out of range"),
    BadInput(
      "repeats of a hundred years",
      "requests: 100\n  arrivals:\n    process: poisson\n    rate: 2.5/s",
      "arrivals:\n    process: replay\n    trace: trace.csv\n    end: 1000 h\n    repeats: 1000",
      "20:14", "at most 876 of these rows"),
    BadInput(
      "long jitter", "poisson\n    rate: 2.5/s", "replay\n    trace: trace.csv\n    jitter: 101 s",
      "20:13", "out of range", "from 0 to 100 s"),
    BadInput(
      "negative start", "poisson\n    rate: 2.5/s", "replay\n    trace: trace.csv\n    start: -1 s",
      "20:12", "out of range", "from 0 to 3155760000 s"),
    BadInput(
      "jitter without trace", "rate: 2.5/s", "rate: 1/s\n    jitter: 1 s", "20:5",
      "does not go with process poisson"),
    BadInput(
      "no link", "block_size: 16", "tensor_parallel_size: 2", "13:25", "2 devices need a link"),
    BadInput(
      "uneven devices", "block_size: 16", "tensor_parallel_size: 3", "13:25",
      "3 does not divide the model's 4 query heads"),
    BadInput(
      "link without latency", "profile: profile.json",
      "profile: profile.json\n  link: {bandwidth: 1 GB/s}", "8:9", "latency: missing", "3 us"),
    BadInput(
      "bandwidth without time", "profile: profile.json",
      "profile: profile.json\n  link: {bandwidth: 1 GB, latency: 1 us}", "8:21", "unknown unit"),
    BadInput(
      "endless host", "block_size: 16", "host_overhead: {per_step: 101 s}", "13:29",
      "out of range", "300 us"),
    BadInput(
      "unknown scheduler", "block_size: 16", "scheduler: slgang", "13:14", "mean `sglang`?"),
    BadInput(
      "other scheduler", "block_size: 16", "scheduler: orca", "13:14", "`vllm`, `sglang`"),
    BadInput(
      "threshold of whole prompts", "block_size: 16",
      "scheduler: vllm-v0\n  long_prefill_token_threshold: 5", "14:3",
      "does not go with scheduler `vllm-v0`", "accepted: 0, or one of `vllm`, `sarathi`,"),
    BadInput(
      "threshold is negative", "block_size: 16", "long_prefill_token_threshold: -1", "13:33",
      "out of range"),
    BadInput(
      "watermark of all", "block_size: 16", "watermark: 1", "13:14", "from 0 to below 1"),
    BadInput(
      "queue is endless", "block_size: 16", "max_queued_requests: none", "13:24",
      "a whole number of requests from 0"),
    BadInput(
      "client's key", "tokens: 30", "tokens: 30\n  client: {prepare: 1 ms, sned: 1 ms}", "22:27",
      "workload.client.sned: unknown key", "mean `send`?"),
    BadInput(
      "client is a time", "tokens: 30", "tokens: 30\n  client: 3 ms", "22:11",
      "a mapping of `prepare`, `send`"),
    BadInput(
      "client without unit", "tokens: 30", "tokens: 30\n  client: {prepare: 3}", "22:21",
      "has no unit", "300 us"),
    BadInput("output missing", "  output_tokens: 30\n", "", "16:3", "output_tokens: missing"),
    BadInput("empty output", "tokens: 30", "tokens: 0", "21:18", "out of range", "tokens from 1"),
    BadInput("other lengths", "uniform", "unifrom", "20:19", "mean `uniform`?"),
    BadInput("empty range", "max: 20", "max: 9", "20:43", "9 is less than `min`, 10"),
    BadInput("open range", ", max: 20", "", "20:28", "max: missing"),
    BadInput("too long", "tokens: 30", "tokens: 2039", "20:18", "2049", "2048"),
    BadInput("lengths are a list", "tokens: 30", "tokens: [1, 2]", "21:18", "a list is not"),
  ]
}
