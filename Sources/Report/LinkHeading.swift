import CostModel
import Scenario

extension Parallelism {
  /// How many devices there are, before the name of one; empty of one device.
  var devicesHeading: String { devices > 1 ? "\(devices) x " : "" }

  /// On what ground the exchange between the devices was priced: a line of its own, ended; empty of
  /// one device.
  var linkHeading: String {
    guard devices > 1, let link else { return "" }
    let rates =
      "\(Figures.decimal(Double(link.bytesPerSecond) * 1e-9)) GB/s and "
      + "\(Figures.decimal(Double(link.latencyNs) * 1e-3)) µs"
    guard let measured = link.measurements else { return "link: \(rates), as stated\n" }
    let source = [measured.device, measured.software].map(Escaping.escaped).joined(separator: ", ")
    let heading = "link: measured \(measured.measuredAtUTC), \(source)\n"
    let lacking = unmeasured(link)
    guard !lacking.isEmpty else { return heading }
    return heading + "derived from its \(rates): \(lacking.joined(separator: ", "))\n"
  }

  /// What these devices do over a link whose file lacks it.
  private func unmeasured(_ link: Link) -> [String] {
    var exchanges: [(Link.Exchange, Int)] = []
    if tensorParallelSize > 1 {
      exchanges += [(.allReduce, tensorParallelSize), (.allGather, tensorParallelSize)]
    }
    if pipelineParallelSize > 1 { exchanges.append((.send, 2)) }
    return exchanges.filter { !link.isMeasured($0, devices: $1) }.map {
      "\($0.rawValue) of \($1) devices"
    }
  }
}

extension ServingScenario {
  /// The devices, and their link where there are several, for the lines above a table; ended.
  var devicesHeading: String { setup.devicesHeading }
}

extension ReplicaSetup {
  /// The devices, and their link where there are several; ended.
  var devicesHeading: String {
    let stages = parallelism.pipelineParallelSize
    let pipeline =
      stages > 1
      ? "pipeline of \(stages) stages, each of "
        + "\(Figures.count(parallelism.tensorParallelSize, "device")), and as many lanes\n" : ""
    return "on \(parallelism.devicesHeading)\(profile.heading)\n\(parallelism.linkHeading)"
      + pipeline
  }
}
