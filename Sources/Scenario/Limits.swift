import CostModel
import Simulator

/// What input may make large, and how large. Every limit on a file from outside stands here.
///
/// The limits of model sizes are chosen so that no product of them leaves 64 bits: a layer has
/// fewer than 2^46 weights, and the cache of the longest request fewer than 2^60 bytes.
public enum Limits {
  /// Bytes of a scenario file.
  public static let scenarioBytes = 1 << 20
  /// Bytes of a model's `config.json`.
  public static let modelBytes = 1 << 20
  /// Bytes of a profile.
  public static let profileBytes = 16 << 20
  /// Bytes of a data sheet.
  public static let dataSheetBytes = 1 << 16
  /// Bytes of a measured link.
  public static let linkBytes = 4 << 20
  /// Bytes of a request trace.
  public static let traceBytes = 1 << 30
  /// Bytes of a recorded run.
  public static let recordedRunBytes = 64 << 20
  /// Bytes of a table of published results.
  public static let publishedTableBytes = 1 << 20
  /// Levels of nesting in YAML and JSON.
  public static let nesting = 32
  /// Anchor references in a YAML file before it is refused unread: comparing keys built of
  /// aliases takes time exponential in their number.
  public static let aliases = 16
  /// Errors reported for one file; the rest are counted.
  public static let diagnosticsPerFile = 1_000
  /// Malformed rows reported for one request trace; the rest are counted.
  public static let diagnosticsPerTrace = 20
  /// Characters of input that one message repeats.
  public static let quotedCharacters = 60
  /// Choices that a file offers and one message lists.
  public static let choicesShown = 10

  /// Requests of a workload, and rows of a request trace.
  public static let requests = 100_000_000
  /// Bytes of a file of lengths.
  public static let lengthsBytes = 16 << 20
  /// `n`.
  public static let samples = RequestClass.mostSamples
  /// Weight of a length in such a file: sums of all rows stay far from a double's ends.
  public static let lengthWeights = 1e-12...1e12
  /// Points of a curve of rates.
  public static let ratePoints = 10_000
  /// Classes of a workload: a run keeps some twenty figures of each.
  public static let classes = 100
  /// `share`: sums of all classes stay far from a double's ends.
  public static let shares = 1e-9...1e9
  /// `priority`.
  public static let priorities = -1_000_000...1_000_000
  /// Bytes of a table of clients.
  public static let clientTableBytes = 16 << 20
  /// Requests per second of a client in such a table.
  public static let clientRates = 1e-9...1e9
  /// `cv` of the gaps between a client's requests: their gamma distribution has the shape 1/cv²,
  /// whose bounds are those of ``burstiness``.
  public static let gapVariations = 1e-3...31.6
  /// `rate_scale`.
  public static let rateScales = 1e-6...1e6
  /// `burstiness`: at the least, all but one in a hundred gaps are next to nothing.
  public static let burstiness = 1e-3...1e6
  /// `cv` of lengths.
  public static let variation = 1e-3...1e2
  /// Tokens of a prompt or an output.
  public static let tokens = 1 << 24
  /// `turns`: as many as tokens, since they have the same distributions. What all turns of a
  /// session come to stays below 2^50 tokens.
  public static let turns = 1 << 24
  /// Seconds from the first arrival to the last: a hundred years, a third of what 64 bits of
  /// nanoseconds hold.
  public static let arrivalSeconds = 100 * 365.25 * 86_400
  /// Bytes of memory that a file may speak of: one EiB.
  public static let memoryBytes = 1 << 60
  /// Characters of a name.
  public static let nameCharacters = 200
  /// Characters of a description.
  public static let descriptionCharacters = 10_000

  /// Tokens per second that a table of results may state.
  public static let publishedRates = 1e-6...1e9
  /// Seconds, or milliseconds of a column that has those, that a table of results may state.
  public static let publishedTimes = 1e-6...1e9

  /// `concurrency`: all clients send at once.
  public static let clients = 1 << 20
  /// `concurrency` of a plan: clients of all replicas together.
  public static let planClients = 1 << 32
  /// `price_per_hour`.
  public static let prices = 0...1e9
  /// Replicas of a cluster.
  public static let replicas = 1 << 12
  /// Groups of a cluster: prices are tabulated for each.
  public static let groups = 32
  /// Failures of a cluster's replicas.
  public static let failures = 10_000

  /// `max_num_seqs`: prices are tabulated for each size of a batch.
  public static let sequences = 1 << 16
  /// `max_num_batched_tokens`: prices are tabulated for each number of tokens.
  public static let batchedTokens = 1 << 20
  /// `num_speculative_tokens`.
  public static let speculativeTokens = 1 << 8
  /// `block_size`.
  public static let blockSize = 1 << 16

  /// `num_hidden_layers`.
  public static let layers = 1 << 12
  /// `hidden_size`.
  public static let hiddenSize = 1 << 20
  /// `intermediate_size`.
  public static let intermediateSize = 1 << 22
  /// `num_experts` and `num_experts_per_tok`.
  public static let experts = 1 << 14
  /// The widths of a layer's experts together.
  public static let expertWidth = 1 << 24
  /// `num_attention_heads`.
  public static let heads = 1 << 10
  /// `head_dim`.
  public static let headDim = 1 << 10
  /// `vocab_size`.
  public static let vocabSize = 1 << 26

  /// Points of a profile.
  public static let measurements = 100_000
  /// Cells of the grid that the points of mixed launches span.
  public static let gridCells = 1 << 20
  /// Repeats of one point.
  public static let repeats = 100_000
  /// Nanoseconds of one call: a little under twelve days.
  public static let callNs = Int(Measurement.longestNs)
  /// Bytes of scale and zero of a vector.
  public static let metadataBytes = 1 << 6
  /// Bytes of a message of a measured link.
  public static let messageBytes = 1 << 40
  /// Threads of a device.
  public static let threads = 1 << 16
  /// Bytes per second that a data sheet may state: from a slow CPU's memory to far beyond any
  /// device's, so that ratios of two stay below a million.
  public static let dataSheetBandwidth = 1_000_000_000...1_000_000_000_000_000
  /// Operations per second that a data sheet may state; ratios of two stay below 10^8.
  public static let dataSheetRate = 10_000_000_000...1_000_000_000_000_000_000
}
