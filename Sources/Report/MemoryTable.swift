import Planning
import Scenario
import Simulator

/// How the memory of a scenario's device is divided in each format, as a table for terminals.
public struct MemoryTable {
  private let pools: [PoolPlan]
  private var table = TextTable()

  /// The table of the formats of a comparison.
  public init(_ plan: ComparisonPlan) {
    pools = plan.pools
    let devices = plan.scenario.parallelism.devices
    add(devices > 1 ? "memory of each of \(devices) devices" : "memory of the device") {
      $0.page.format.name
    }
    table.addRule()
    add("weights") { "\(Size($0.weightBytes))" }
    let drafts = plan.scenario.draftModel != nil
    if drafts { add("of these, the draft model's") { "\(Size($0.draft?.weightBytes ?? 0))" } }
    add("activations") { "\(Size($0.activationBytes))" }
    add("KV pool") { "\(Size($0.poolBytes))" }
    add("unused") { "\(Size($0.unusedBytes))" }
    add("all") { "\(Size($0.deviceBytes))" }
    table.addRule()
    add("bytes of a page: codes") { Figures.count($0.pageCodeBytes) }
    add("bytes of a page: scales and zeros") { Figures.count($0.pageMetadataBytes) }
    add("layers, a page of each in a block") { Figures.count($0.layers) }
    if drafts {
      add("layers of the draft model, the same") { Figures.count($0.draft?.layers ?? 0) }
      add("bytes of a page of these") { Figures.count($0.draft?.page.pageBytes ?? 0) }
    }
    add("tokens of a block") { Figures.count($0.blockSize) }
    add("KV bytes per token") { Figures.count($0.kvBytesPerToken) }
    add("blocks the pool holds") { Figures.count($0.blocks) }
    add("tokens the pool holds") { Figures.count($0.tokens) }
    if plan.scenario.engine.swapSpace != nil {
      add("blocks the host memory holds") { Figures.count($0.hostMemory.blocks) }
    }
  }

  /// The text, ended by a newline.
  public func rendered() -> String { table.rendered() }

  private mutating func add(_ name: String, _ cell: (PoolPlan) -> String) {
    table.add([name] + pools.map(cell))
  }
}
