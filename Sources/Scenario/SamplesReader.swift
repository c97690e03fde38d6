import Simulator

/// Whether what is asked of each request, several samples of its prompt (`n`), goes with the
/// replicas of a scenario.
struct SamplesReader {
  let log: DiagnosticLog

  /// Refuses, with one error at the class that has the most samples, what cannot be played; whether
  /// nothing was.
  func check(_ file: MappingCursor, _ workload: Workload, _ cluster: ClusterOptions) -> Bool {
    guard workload.hasSamples,
      let place = workload.classes.indices.max(by: {
        workload.classes[$0].samples < workload.classes[$1].samples
      }),
      let reason = obstacle(samples: workload.classes[place].samples, cluster)
    else { return true }
    let cursor = cursor(ofClass: place, file)
    log.report(
      at: cursor?.node.position ?? file.position, key: cursor?.path ?? WorkloadKeys.samples.name,
      reason)
    return false
  }

  private func obstacle(samples: Int, _ cluster: ClusterOptions) -> String? {
    let several = "several samples, `n: \(samples)`, are not simulated"
    for group in cluster.groups where group.setup.engine.maxNumSeqs < samples {
      let name = cluster.groups.count > 1 ? " of `\(group.name)`" : ""
      return "\(samples) samples of a prompt take as many seats at once, and `max_num_seqs`\(name) "
        + "is \(group.setup.engine.maxNumSeqs); accepted: up to that"
    }
    if cluster.groups.contains(where: { $0.role != .whole }) {
      return "\(several) with the roles `prefill` and `decode`; accepted: `n: 1`, or groups that "
        + "do both"
    }
    if !cluster.outages.isEmpty {
      return "\(several) with `failures`; accepted: `n: 1`, or a cluster without"
    }
    if cluster.groups.contains(where: { $0.setup.engine.speculation != nil }) {
      return "\(several) with `speculative_config`; accepted: `n: 1`, or an engine without"
    }
    return nil
  }

  /// Where the samples of a class stand: there, or at the workload.
  private func cursor(ofClass place: Int, _ file: MappingCursor) -> Cursor? {
    let workload = file.mapping(at: ScenarioKeys.workload.name, keys: WorkloadKeys.form.names)
    let classes = workload?.given(WorkloadKeys.classes)?.flatMap(ClassesReader.mappings)
    let own = classes.flatMap { $0.indices.contains(place) ? $0[place] : nil }
    return own?.optional(ClassKeys.samples) ?? workload?.optional(WorkloadKeys.samples)
  }
}
