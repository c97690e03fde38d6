import Planning
import Scenario
import Simulator

/// How the memory of a scenario's devices is divided in each format, as tables for terminals: one
/// for each group of replicas.
public struct MemoryTable {
  private let tables: [(title: String, table: TextTable)]

  /// The tables of the formats of a comparison.
  public init(_ plan: ComparisonPlan) {
    let groups = plan.scenario.cluster.groups
    tables = groups.indices.map { index in
      (
        groups.count > 1 ? "\(groups[index].name):\n" : "",
        MemoryTable.table(groups[index].setup, plan.pools.map { $0[index].pool })
      )
    }
  }

  /// The text, ended by a newline.
  public func rendered() -> String {
    tables.map { $0.title + $0.table.rendered() }.joined(separator: "\n")
  }

  private static func table(_ setup: ReplicaSetup, _ pools: [PoolPlan]) -> TextTable {
    var table = TextTable()
    func add(_ name: String, _ cell: (PoolPlan) -> String) {
      table.add([name] + pools.map(cell))
    }
    let devices = setup.parallelism.devices
    add(devices > 1 ? "memory of each of \(devices) devices" : "memory of the device") {
      $0.page.format.name
    }
    table.addRule()
    add("weights") { "\(Size($0.weightBytes))" }
    let drafts = setup.draftModel != nil
    if drafts { add("of these, the draft model's") { "\(Size($0.draft?.weightBytes ?? 0))" } }
    add("activations") { "\(Size($0.activationBytes))" }
    add("KV pool") { "\(Size($0.poolBytes))" }
    add("unused") { "\(Size($0.unusedBytes))" }
    add("all") { "\(Size($0.deviceBytes))" }
    let stages = setup.engine.pipelineParallelSize
    if stages > 1 {
      add("of the stage that holds the fewest blocks") { "\($0.stage + 1) of \(stages)" }
    }
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
    if stages > 1 {
      add("blocks of each of \(stages) lanes") { Figures.count($0.laneBlocks) }
      add("tokens of each lane") { Figures.count($0.laneTokens) }
    }
    if setup.engine.swapSpace != nil {
      add("blocks the host memory holds") { Figures.count($0.hostMemory.blocks) }
    }
    return table
  }
}
