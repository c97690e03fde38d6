import Simulator

/// `plan`: what `kvsim plan` is asked.
struct PlanReader {
  /// Nil where there is none, or it is refused with an error.
  func question(_ file: MappingCursor, for workload: Workload?) -> PlanQuestion? {
    guard let plan = file.given(ScenarioKeys.plan).flatMap({ $0 }) else { return nil }
    let objectives = plan.given(PlanKeys.objectives) ?? []
    let rate = plan.given(PlanKeys.rate) ?? .some(nil)
    let concurrency = plan.given(PlanKeys.concurrency) ?? .some(nil)
    let reserve = plan.value(PlanKeys.reserve)
    let devices = devices(plan)
    let variations = plan.given(PlanKeys.vary) ?? []
    if rate != .some(nil), concurrency != .some(nil) {
      plan.refuse(
        key: PlanKeys.concurrency.name, "does not go with `rate`; accepted: one of the two")
      return nil
    }
    guard let objectives, let rate, let concurrency, let reserve, let devices, let variations
    else { return nil }
    let question = PlanQuestion(
      objectives: Array(objectives.joined()),
      target: rate.map { .rate(perSecond: $0) } ?? concurrency.map { .clients($0) },
      reserve: reserve, devices: devices, variations: variations)
    if let workload {
      for fault in question.faults(in: workload) {
        plan.log.report(at: plan.position, key: fault.key ?? plan.path, fault.reason)
      }
    }
    return question
  }

  private func devices(_ plan: MappingCursor) -> [PlanQuestion.Device]? {
    guard let given = plan.given(PlanKeys.devices) else { return [] }
    guard let items = given else { return nil }
    var names: Set<String> = []
    let devices = items.compactMap { item -> PlanQuestion.Device? in
      guard let keys = item.mapping(PlanDeviceKeys.form) else { return nil }
      let name = keys.value(PlanDeviceKeys.name)
      guard let price = keys.given(PlanDeviceKeys.pricePerHour) ?? .some(nil), let name else {
        return nil
      }
      guard names.insert(name.text).inserted else {
        name.cursor.refuse("\(Escaping.quoted(name.text)) stands twice in the list")
        return nil
      }
      return PlanQuestion.Device(name: name.text, pricePerHour: price)
    }
    return devices.count == items.count ? devices : nil
  }
}
