import CostModel
import Operators

/// Writes a profile: keys in a fixed order, one measurement a line, so that equal profiles are
/// equal bytes and a difference of two shows which points differ.
struct ProfileEncoder {
  private var lines: [String] = []

  /// The file's text, ending in a newline.
  static func encode(_ profile: Profile, residuals: [Residuals]) -> String {
    var encoder = ProfileEncoder()
    encoder.writeHead(profile)
    encoder.writeList("measurements", profile.measurements.map(measurement))
    if !residuals.isEmpty { encoder.writeList("residuals", residuals.map(residual)) }
    if let derivation = profile.derivation {
      encoder.writeList("uncertainty", derivation.uncertainties.map(uncertainty))
    }
    let covered = encoder.lines.joined(separator: "\n") + "\n"
    return covered + "  \"checksum\": \"\(FNV1a.digits(covered.utf8))\"\n}\n"
  }

  private mutating func writeHead(_ profile: Profile) {
    let device = profile.device
    lines = [
      "{",
      "  \"kvsim_profile\": \(Profile.schemaVersion),",
      "  \"provenance\": \(quotedForJSON(profile.provenance.rawValue)),",
    ]
    if let derivation = profile.derivation {
      lines.append("  \"derived_from\": \(quotedForJSON(derivation.from)),")
    }
    lines += [
      "  \"measured_at_utc\": \(quotedForJSON(profile.measuredAtUTC)),",
      "  \"device\": {",
      "    \"name\": \(quotedForJSON(device.name)),",
      "    \"kind\": \(quotedForJSON(device.kind)),",
      "    \"kernel_path\": \(quotedForJSON(device.kernelPath)),",
    ]
    for (key, text) in [("kernel_version", device.kernelVersion), ("driver", device.driver)] {
      if let text { lines.append("    \"\(key)\": \(quotedForJSON(text)),") }
    }
    if let plan = device.layerPlan {
      lines.append("    \"layer_plan_multiprocessors\": \(plan.multiprocessors),")
    }
    lines += [
      "    \"threads\": \(device.threads),",
      "    \"memory_bytes\": \(device.memoryBytes),",
      "    \"last_level_cache_bytes\": \(device.lastLevelCacheBytes)",
      "  },",
      "  \"block_size\": \(profile.blockSize),",
    ]
    let metadata = profile.formats.first { $0.metadataBytesPerVector > 0 }?.metadataBytesPerVector
    if let metadata, metadata != KVFormat.int4.metadataBytesPerVector {
      lines.append("  \"metadata_bytes_per_vector\": \(metadata),")
    }
    if profile.chunksShareLaunch { lines.append("  \"chunks_share_launch\": true,") }
    lines += [
      "  \"read_bytes_per_second\": \(profile.readBytesPerSecond),"
    ]
  }

  private mutating func writeList(_ key: String, _ items: [String]) {
    lines.append("  \"\(key)\": [")
    for (index, item) in items.enumerated() {
      lines.append("    \(item)\(index + 1 < items.count ? "," : "")")
    }
    lines.append("  ],")
  }

  private static func measurement(_ measurement: Measurement) -> String {
    let times = measurement.timesNs.map(String.init).joined(separator: ", ")
    return "{\(shape(measurement.shape)), \"held_out\": \(measurement.isHeldOut), "
      + "\"times_ns\": [\(times)]}"
  }

  private static func shape(_ shape: OperatorShape) -> String {
    switch shape {
    case .linear(let tokens, let outputs, let inputs):
      return "\"operator\": \"linear\", \"tokens\": \(tokens), \"outputs\": \(outputs), "
        + "\"inputs\": \(inputs)"
    case .append(let tokens, let heads, let format):
      return "\"operator\": \"append\", \"tokens\": \(tokens), \(self.heads(heads, format))"
    case .gather(let tokens, let heads, let format):
      return "\"operator\": \"gather\", \"tokens\": \(tokens), \(self.heads(heads, format))"
    case .decodeAttention(let sequences, let context, let heads, let format):
      return "\"operator\": \"decode_attention\", \"sequences\": \(sequences), "
        + "\"context\": \(context), \(self.heads(heads, format))"
    case .raggedDecode(let batch, let heads, let format):
      return "\"operator\": \"ragged_decode_attention\", \"sequences\": \(batch.sequences), "
        + "\"context\": \(batch.context), \"longest\": \(batch.longest), "
        + self.heads(heads, format)
    case .prefillAttention(let tokens, let prefix, let heads, let format):
      return "\"operator\": \"prefill_attention\", \"tokens\": \(tokens), "
        + "\"prefix\": \(prefix), \(self.heads(heads, format))"
    case .mixedAttention(let tokens, let prefix, let sequences, let context, let heads, let format):
      return "\"operator\": \"mixed_attention\", \"tokens\": \(tokens), "
        + "\"prefix\": \(prefix), \"sequences\": \(sequences), \"context\": \(context), "
        + self.heads(heads, format)
    case .experts(let tokens, let active, let layer):
      return "\"operator\": \"experts\", \"tokens\": \(tokens), \"active\": \(active), "
        + "\"per_token\": \(layer.perToken), \"inputs\": \(layer.inputs), "
        + "\"width\": \(layer.width)"
    case .elementwise(let kind, let rows, let width):
      return "\"operator\": \"\(kind.rawValue)\", \"rows\": \(rows), \"width\": \(width)"
    }
  }

  private static func heads(_ heads: HeadGeometry, _ format: KVFormat) -> String {
    "\"query_heads\": \(heads.queryHeads), \"kv_heads\": \(heads.kvHeads), "
      + "\"head_dim\": \(heads.headDim), \"format\": \"\(format.name)\""
  }

  private static func residual(_ residual: Residuals) -> String {
    let format = residual.format.map { ", \"format\": \(quotedForJSON($0.name))" } ?? ""
    return "{\"operator\": \(quotedForJSON(residual.kind.name))\(format), "
      + "\"points\": \(residual.points), \"median_error\": \(decimal(residual.medianError)), "
      + "\"p95_error\": \(decimal(residual.p95Error)), "
      + "\"median_spread\": \(decimal(residual.medianSpread))}"
  }

  private static func uncertainty(_ row: Derivation.Uncertainty) -> String {
    let format = row.format.map { ", \"format\": \(quotedForJSON($0.name))" } ?? ""
    return "{\"operator\": \(quotedForJSON(row.kind.name))\(format), \"points\": \(row.points), "
      + "\"median_width\": \(decimal(row.medianWidth)), "
      + "\"largest_width\": \(decimal(row.largestWidth))}"
  }

  /// Six decimals, built from whole numbers: the same digits on every machine and no exponent.
  private static func decimal(_ value: Double) -> String {
    precondition(value >= 0 && value < 1e9, "an error is a share")
    let millionths = Int((value * 1_000_000).rounded())
    let fraction = String(1_000_000 + millionths % 1_000_000).dropFirst()
    return "\(millionths / 1_000_000).\(fraction)"
  }
}
