import CostModel
import Operators

/// The root of one profile.
struct ProfileReader {
  let log: DiagnosticLog
  let bytes: [UInt8]

  /// Nil with at least one error where the profile is refused.
  func profile(_ root: Cursor) -> Profile? {
    guard let any = root.anyMapping(keys: SchemaKeys.profile),
      any.isOfVersion(
        Profile.schemaVersion, key: "kvsim_profile", what: "this profile",
        advice: " or measure anew with `kvsim calibrate`")
    else { return nil }
    let file = any.refusingUnknownKeys()
    _ = file.required(
      "kvsim_profile", accepted: "\(Profile.schemaVersion), the version of this form")
    checkChecksum(file)
    let provenance = file.required("provenance", accepted: "how the times came about")?
      .choice(of: Profile.Provenance.allCases.map(\.rawValue))
      .flatMap(Profile.Provenance.init(rawValue:))
    let device = file.required("device", accepted: "a mapping that names the machine")
      .flatMap(device)
    let blockSize = file.required("block_size", accepted: "tokens per page")?
      .integer(in: 1...Limits.blockSize, unit: "tokens")
    let readBytesPerSecond = file.required("read_bytes_per_second", accepted: "bytes a second")?
      .integer(in: 1...Limits.memoryBytes, unit: "bytes per second")
    let measuredAt = file.measuredAt()
    let formats = formats(file)
    // `.some(nil)` is a value that was refused.
    let sharing = file.optional("chunks_share_launch").map { $0.boolean() }
    let memory = ProfilePlausibility.Memory(
      readBytesPerSecond: readBytesPerSecond, lastLevelCacheBytes: device?.lastLevelCacheBytes)
    let measurements = measurements(file, formats) {
      ProfilePlausibility($0, provenance: provenance, memory: memory)
    }
    checkResiduals(file)
    let derivation = derivation(file, provenance, formats)
    guard log.isEmpty, let provenance, let device, let measuredAt, let blockSize,
      let readBytesPerSecond, let measurements, let chunksShareLaunch = sharing ?? false
    else { return nil }
    return Profile(
      provenance: provenance, device: device, measuredAtUTC: measuredAt, blockSize: blockSize,
      readBytesPerSecond: readBytesPerSecond, chunksShareLaunch: chunksShareLaunch,
      measurements: measurements, derivation: derivation)
  }

  private func checkChecksum(_ file: MappingCursor) {
    let key = "checksum"
    let accepted = "16 hexadecimal digits, as `kvsim calibrate` writes them"
    guard let cursor = file.required(key, accepted: accepted),
      let given = cursor.text(accepted: accepted)
    else { return }
    guard let member = file.members.last, member.key == key else {
      file.refuse(key: key, "stands before other keys, which it does not cover; it comes last")
      return
    }
    let covered = ProfileChecksum.covered(bytes, beforeLine: member.keyPosition.line)
    let isLast = (file.members.dropLast().last?.keyPosition.line ?? 0) < member.keyPosition.line
    guard given == FNV1a.digits(covered), isLast else {
      cursor.refuse(
        "\(Escaping.quoted(given)) does not match the file: it was edited or damaged; measure "
          + "anew with `kvsim calibrate`")
      return
    }
  }

  private func device(_ cursor: Cursor) -> Device? {
    guard let device = cursor.mapping(keys: SchemaKeys.profileDevice) else { return nil }
    let name = device.required("name", accepted: "the device's name")?
      .nonEmptyText(accepted: "the device's name")
    let kind = device.required("kind", accepted: "`cpu`, `vulkan` or `gpu`")?
      .choice(of: ["cpu", "vulkan", "gpu"])
    let kernelPath = device.required("kernel_path", accepted: "a name such as `avx512`")?
      .nonEmptyText(accepted: "a name such as `avx512`")
    // Older profiles have none of these, nor a plan.
    let kernelVersion = device.optional("kernel_version")?
      .nonEmptyText(accepted: "which kernels they were")
    let driver = device.optional("driver")?
      .nonEmptyText(accepted: "the driver's name and version")
    let threads = device.required("threads", accepted: "a whole number of threads, 0 if unknown")?
      .integer(in: 0...Limits.threads, unit: "threads")
    let memoryBytes = device.required("memory_bytes", accepted: "a whole number of bytes")?
      .integer(in: 1...Limits.memoryBytes, unit: "bytes")
    let cacheBytes = device.required(
      "last_level_cache_bytes", accepted: "a whole number of bytes, 0 if unknown")?
      .integer(in: 0...Limits.memoryBytes, unit: "bytes")
    let planned = device.optional("layer_plan_multiprocessors")?
      .integer(in: 1...Limits.threads, unit: "multiprocessors")
    guard let name, let kind, let kernelPath, let threads, let memoryBytes, let cacheBytes else {
      return nil
    }
    return Device(
      name: name, kind: kind, kernelPath: kernelPath, threads: threads, memoryBytes: memoryBytes,
      lastLevelCacheBytes: cacheBytes, driver: driver, kernelVersion: kernelVersion,
      layerPlan: planned.map(DenseLayerPlan.init))
  }

  /// The formats as the measured kernels keep them.
  private func formats(_ file: MappingCursor) -> [KVFormat] {
    let bytes = file.optional("metadata_bytes_per_vector")?
      .integer(in: 1...Limits.metadataBytes, unit: "bytes")
    guard let bytes else { return KVFormat.named }
    return KVFormat.named.map { $0.with(metadataBytesPerVector: bytes) }
  }

  private func measurements(
    _ file: MappingCursor, _ formats: [KVFormat],
    judge: ([Measurement]) -> ProfilePlausibility
  ) -> [Measurement]? {
    let accepted = "a list of measurements"
    guard let cursor = file.required("measurements", accepted: accepted),
      let items = cursor.items(accepted: accepted)
    else { return nil }
    guard items.count <= Limits.measurements else {
      cursor.refuse("\(items.count) measurements; accepted: up to \(Limits.measurements)")
      return nil
    }
    let measurements = items.compactMap {
      MeasurementReader(cursor: $0, formats: formats).measurement()
    }
    // Malformed points may be the very ones that would be missed.
    guard measurements.count == items.count else { return nil }
    for gap in ProfileCoverage(measurements).gaps {
      cursor.refuse(gap.message(isFitted: " with `held_out`: false"))
    }
    for finding in judge(measurements).findings {
      items[finding.index].refuse(finding.message)
    }
    return measurements
  }

  /// What a derived profile has and no other: from what, and the uncertainty of each operator.
  private func derivation(
    _ file: MappingCursor, _ provenance: Profile.Provenance?, _ formats: [KVFormat]
  ) -> Derivation? {
    guard provenance == .derived else {
      // An unknown provenance is error enough.
      for key in provenance == nil ? [] : ["derived_from", "uncertainty"] {
        file.refuse(key: key, "goes with `provenance` `derived` alone")
      }
      return nil
    }
    let accepted = "the device and what its times rest on"
    let from = file.required("derived_from", accepted: accepted)
      .flatMap { $0.text(accepted: accepted, limit: Limits.descriptionCharacters) }
    let list = "a list of uncertainties"
    let items = file.required("uncertainty", accepted: list)?.items(accepted: list)
    let rows = items?.compactMap { uncertainty($0, formats) }
    guard let from, let items, let rows, rows.count == items.count else { return nil }
    return Derivation(from: from, uncertainties: rows)
  }

  private func uncertainty(
    _ item: Cursor, _ formats: [KVFormat]
  ) -> Derivation.Uncertainty? {
    guard let row = item.mapping(keys: SchemaKeys.uncertainty) else { return nil }
    let names = OperatorKind.allCases.map(\.name)
    let kind = row.required("operator", accepted: "an operator's name")?.choice(of: names)
      .flatMap { name in OperatorKind.allCases.first { $0.name == name } }
    // `.some(nil)` is a format that was refused.
    let format = row.optional("format").map { $0.format(of: formats) }
    let points = row.required("points", accepted: "a whole number of points")?
      .integer(in: 1...Limits.measurements)
    let share = "a share of the time, such as 0.4"
    let widths = ["median_width", "largest_width"].map {
      row.required($0, accepted: share)?.number(in: { $0 >= 0 && $0 <= 1e6 }, accepted: share)
    }
    guard let kind, let points, let median = widths[0], let largest = widths[1] else {
      return nil
    }
    if case .some(nil) = format { return nil }
    return Derivation.Uncertainty(
      kind: kind, format: format ?? nil, points: points, medianWidth: median,
      largestWidth: largest)
  }

  /// Residuals are for people: only their kinds are checked.
  private func checkResiduals(_ file: MappingCursor) {
    guard let items = file.optional("residuals")?.items(accepted: "a list of residuals") else {
      return
    }
    for item in items {
      guard let residual = item.mapping(keys: SchemaKeys.residual) else { continue }
      _ = residual.required("operator", accepted: "an operator's name")?.text()
      _ = residual.optional("format")?.text()
      _ = residual.required("points", accepted: "a whole number of points")?
        .integer(in: 0...Limits.measurements)
      let share = "a share, such as 0.01"
      let errors = ["median_error", "p95_error"].map { residual.required($0, accepted: share) }
      for cursor in errors + [residual.optional("median_spread")] {
        _ = cursor?.number(in: { $0 >= 0 }, accepted: share)
      }
    }
  }
}

extension MappingCursor {
  /// `measured_at_utc`, as it stands there.
  func measuredAt() -> String? {
    let accepted = "a date and time in UTC such as \"2026-11-23T21:00:00Z\""
    guard let cursor = required("measured_at_utc", accepted: accepted),
      let text = cursor.text(accepted: accepted)
    else { return nil }
    guard Timestamp.isISO8601UTC(text) else {
      cursor.refuse(accepted: accepted)
      return nil
    }
    return text
  }
}
