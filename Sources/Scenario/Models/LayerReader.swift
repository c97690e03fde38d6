import CostModel

/// The layers of one `config.json`: their MLPs or experts, and their windows.
///
/// Every key is read even where an earlier one was refused, so that a file's errors come out
/// together.
struct LayerReader {
  let fields: ModelFields
  let family: ModelFamily

  /// Layers that are alike together, in the order of their first ones.
  func groups(maxPositions: Int?) -> [LayerGroup]? {
    let layers = fields.size("num_hidden_layers", upTo: Limits.layers, absent: family.layers)
    let intermediateSize = fields.size(
      "intermediate_size", upTo: Limits.intermediateSize, absent: family.intermediateSize)
    let hasWindow = hasWindow(layers: layers)
    let window = window()
    let hasExperts = hasExperts()
    let experts = experts(intermediateSize: intermediateSize)
    guard fields.config.log.isEmpty, let layers, let intermediateSize, let maxPositions,
      let hasWindow, let hasExperts
    else { return nil }
    let mlp = FeedForward.dense(intermediateSize: intermediateSize, isGated: family.isGated)
    // A window as long as the longest request is none.
    let effective = window.flatMap { $0 < maxPositions ? $0 : nil }
    var groups: [LayerGroup] = []
    for layer in 0..<layers {
      let feedForward = hasExperts(layer) ? experts ?? mlp : mlp
      let attentionWindow = hasWindow(layer) ? effective : nil
      let alike = groups.firstIndex {
        $0.feedForward == feedForward && $0.attentionWindow == attentionWindow
      }
      let group = LayerGroup(
        count: 1 + (alike.map { groups[$0].count } ?? 0), feedForward: feedForward,
        attentionWindow: attentionWindow)
      if let alike { groups[alike] = group } else { groups.append(group) }
    }
    return groups
  }

  // MARK: Windows

  /// The window of the layers that have one, in tokens; nil where none is in effect.
  private func window() -> Int? {
    let absent: Int?
    let isUsed: Bool?
    switch family.windows {
    case .none: return nil
    case .all(let window): (absent, isUsed) = (window, true)
    case .allButEach: (absent, isUsed) = (4096, true)
    case .allIfUsed, .upperIfUsed:
      (absent, isUsed) = (4096, fields.boolean("use_sliding_window", absent: false))
    }
    guard isUsed ?? false else { return nil }
    guard let cursor = fields.config.optional("sliding_window") else { return absent }
    return cursor.isNull ? nil : cursor.integer(in: 1...Limits.tokens)
  }

  /// Which layers attend to a window, if there is one.
  private func hasWindow(layers: Int?) -> ((Int) -> Bool)? {
    if let cursor = fields.value("layer_types") { return listedWindows(cursor, layers: layers) }
    switch family.windows {
    case .none: return { _ in false }
    case .all, .allIfUsed: return { _ in true }
    case .upperIfUsed:
      let first = fields.integer("max_window_layers", in: 0...Limits.layers, absent: 28)
      return first.map { first in { $0 >= first } }
    case .allButEach(let usual):
      let period = fields.integer("sliding_window_pattern", in: 1...Limits.layers, absent: usual)
      return period.map { period in { ($0 + 1) % period != 0 } }
    }
  }

  private func listedWindows(_ cursor: Cursor, layers: Int?) -> ((Int) -> Bool)? {
    let types = ["full_attention", "sliding_attention"]
    guard let items = cursor.items(accepted: "a list of `\(types[0])` and `\(types[1])`") else {
      return nil
    }
    if let layers, items.count != layers {
      cursor.refuse(
        "\(items.count) entries for `num_hidden_layers` \(layers); accepted: one for each layer")
      return nil
    }
    var windows: [Bool] = []
    for item in items {
      guard let type = item.choice(of: types) else { return nil }
      windows.append(type == types[1])
    }
    return { [windows] in windows[$0] }
  }

  // MARK: Experts

  /// Which layers have experts.
  private func hasExperts() -> ((Int) -> Bool)? {
    switch family.experts {
    case .none: return { _ in false }
    case .everyLayer: return { _ in true }
    case .some: break
    }
    let step = fields.integer("decoder_sparse_step", in: 1...Limits.layers, absent: 1)
    var dense: Set<Int> = []
    if let cursor = fields.value("mlp_only_layers") {
      guard let items = cursor.items(accepted: "a list of layers, counted from 0") else {
        return nil
      }
      for item in items {
        guard let layer = item.integer(in: 0...Limits.layers - 1) else { return nil }
        dense.insert(layer)
      }
    }
    guard let step else { return nil }
    return { [dense] in !dense.contains($0) && ($0 + 1) % step == 0 }
  }

  private func experts(intermediateSize: Int?) -> FeedForward? {
    let size: Int?
    let sharedSize: Int?
    let usual: (count: Int, perToken: Int)
    switch family.experts {
    case .none: return nil
    case .everyLayer(let count):
      (size, sharedSize, usual) = (intermediateSize, 0, (count, 2))
    case .some(let count, let perToken, let usualSize, let usualShared):
      size = fields.size(
        "moe_intermediate_size", upTo: Limits.intermediateSize, absent: usualSize)
      sharedSize =
        usualShared.map {
          fields.size(
            "shared_expert_intermediate_size", upTo: Limits.intermediateSize, absent: $0)
        } ?? 0
      usual = (count, perToken)
    }
    let countKey = countKey
    let count = fields.size(countKey, upTo: Limits.experts, absent: usual.count)
    let perToken = expertsPerToken(of: count, countKey: countKey, absent: usual.perToken)
    guard let size, let sharedSize, let count, let perToken else { return nil }
    guard count * size + sharedSize <= Limits.expertWidth else {
      fields.refuse(
        countKey,
        "\(count) experts of width \(size) are too many; accepted: a width of "
          + "\(Limits.expertWidth) in all")
      return nil
    }
    return .experts(
      count: count, perToken: perToken, intermediateSize: size,
      sharedIntermediateSize: sharedSize)
  }

  /// transformers writes either key, and reads both.
  private var countKey: String {
    let keys = ["num_experts", "num_local_experts"]
    let own = if case .everyLayer = family.experts { keys[1] } else { keys[0] }
    return keys.first { fields.value($0) != nil } ?? own
  }

  private func expertsPerToken(of count: Int?, countKey: String, absent: Int) -> Int? {
    let key = "num_experts_per_tok"
    guard let perToken = fields.size(key, upTo: Limits.experts, absent: absent) else { return nil }
    if let count, perToken > count {
      fields.refuse(
        key, "\(perToken) is more than `\(countKey)`, \(count); accepted: 1 to \(count)")
      return nil
    }
    return perToken
  }
}
