import CVulkan

/// The pipelines of a device, by shader and constants.
///
/// Each is compiled for its shapes and takes some megabytes, so that the check of the kernels would
/// fill any memory with them: the least recently used are given back.
struct PipelineCache {
  /// How many are kept between two lists of commands. A step of one model takes some ten.
  static let limit = 64

  /// What tells pipelines apart.
  struct Key: Hashable {
    let shader: VulkanShader
    let constants: [UInt32]
  }

  private var entries: [Key: Entry] = [:]
  private var clock = 0

  private struct Entry {
    let pipeline: VkPipeline
    var lastUse: Int
  }

  /// Those that are there, in no order.
  var pipelines: [VkPipeline] { entries.values.map(\.pipeline) }

  /// A pipeline that has been kept; asking for it makes it the last to go.
  mutating func find(_ key: Key) -> VkPipeline? {
    clock += 1
    entries[key]?.lastUse = clock
    return entries[key]?.pipeline
  }

  /// Keeps a pipeline, beyond the limit too: a list that is being recorded may need all of them.
  mutating func keep(_ pipeline: VkPipeline, _ key: Key) {
    clock += 1
    entries[key] = Entry(pipeline: pipeline, lastUse: clock)
  }

  /// Takes out those beyond the limit, the least recently used first, for the caller to destroy.
  mutating func removeOldest() -> [VkPipeline] {
    guard entries.count > PipelineCache.limit else { return [] }
    let old = entries.sorted { $0.value.lastUse < $1.value.lastUse }
      .prefix(entries.count - PipelineCache.limit)
    for each in old { entries[each.key] = nil }
    return old.map(\.value.pipeline)
  }
}
