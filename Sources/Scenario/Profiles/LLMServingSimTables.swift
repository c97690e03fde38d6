import CostModel
import Operators

extension LLMServingSimFolder {
  /// The times of all tables; every error of every one is reported.
  mutating func readTables() {
    let dense = file("\(tables)dense.csv", .csv)
    if let dense { readDense(dense) }
    if model.layerGroups[0].feedForward.expertCount > 0, let file = file("\(tables)moe.csv", .csv) {
      readExperts(file)
    }
    if let file = file("\(tables)per_sequence.csv", .csv) { readPerSequence(file) }
    guard let attention = file("\(tables)attention.csv", .csv) else { return }
    readAttention(attention)
    guard isValid, let dense else { return }
    points.refuseGaps { kind in
      switch kind {
      case .decodeAttention: (attention.place, "rows of decodes alone, `prefill_chunk` 0")
      case .prefillAttention: (attention.place, "rows of a chunk alone, `n_decode` 0")
      case .mixedAttention: (attention.place, "")
      // Attention in one launch is known to write the cache, and stands for it.
      case .append: (attention.place, "or rows of a chunk with decodes, which contain it")
      default: (dense.place, "")
      }
    }
  }

  private mutating func readDense(_ file: File) {
    let group = model.layerGroups[0]
    let (heads, projections) = (model.heads, model.projections(of: group))
    // Where tokens go to experts, only an expert that all share has layers of its own.
    let mlp = projections.dropFirst(2)
    let required = ["qkv_proj", "o_proj"] + (mlp.isEmpty ? [] : ["gate_up_proj", "down_proj"])
    let model = model
    readLayers(file, rows: "tokens", required: required) { name, tokens in
      func linear(_ projection: ModelArchitecture.Projection?) -> OperatorShape? {
        projection.map { .linear(tokens: tokens, outputs: $0.outputs, inputs: $0.inputs) }
      }
      func small(_ kind: ElementwiseOperator, _ width: Int) -> OperatorShape {
        .elementwise(kind, rows: tokens, width: width)
      }
      return switch name {
      case "qkv_proj": linear(projections[0])
      case "o_proj": linear(projections[1])
      case "gate_up_proj": linear(mlp.first)
      case "down_proj": linear(mlp.last)
      case "gate", "router": linear(model.router(of: group))
      case "layernorm": small(.norm, model.hiddenSize)
      case "final_layernorm": small(.finalNorm, model.hiddenSize)
      case "rotary_emb": small(.rotary, (heads.queryHeads + heads.kvHeads) * heads.headDim)
      case "act_fn" where group.feedForward.expertCount == 0:
        small(.activation, group.feedForward.activationElements / 3)
      case "embedding": small(.embedding, model.hiddenSize)
      default: nil
      }
    }
  }

  private mutating func readPerSequence(_ file: File) {
    // Sampling needs the logits of the whole model.
    let (head, vocabulary) = (model.outputHead, whole.vocabSize)
    readLayers(file, rows: "sequences", required: ["lm_head"]) { name, sequences in
      switch name {
      case "lm_head": .linear(tokens: sequences, outputs: head.outputs, inputs: head.inputs)
      case "sampler": .elementwise(.sampling, rows: sequences, width: vocabulary)
      default: nil
      }
    }
  }

  /// Rows of a layer's name, a number of rows and a time, with some of each layer that is required.
  private mutating func readLayers(
    _ file: File, rows column: String, required: [String],
    shape: (_ layer: String, _ rows: Int) -> OperatorShape?
  ) {
    guard
      let table = CSVTable(file.source, columns: ["layer", column, "time_us"], into: file.log)
    else { return }
    var missing = required
    for row in table.rows {
      let layer = table.word(row, "layer")
      missing.removeAll { $0 == layer }
      guard let count = table.integer(row, column, in: 1...Limits.tokens),
        let ns = table.nanoseconds(row, microseconds: "time_us")
      else { continue }
      guard let shape = shape(layer, count) else {
        if !unknownLayers.contains(layer) { unknownLayers.append(layer) }
        continue
      }
      points.add(shape, ns: ns, named: layer, at: file.place(of: row))
    }
    guard !missing.isEmpty else { return }
    let shown = missing.map { "`\($0)`" }.joined(separator: ", ")
    file.place.refuse("no rows of \(shown), without which a step of \(model.name) has no time")
  }

  /// The experts of one layer, by how many of them have work.
  private mutating func readExperts(_ file: File) {
    guard
      let table = CSVTable(
        file.source, columns: ["tokens", "activated_experts", "time_us"], into: file.log),
      let layer = model.layerGroups[0].feedForward.expertShape(inputs: model.hiddenSize)
    else { return }
    let count = model.layerGroups[0].feedForward.expertCount
    for row in table.rows {
      guard let tokens = table.integer(row, "tokens", in: 1...Limits.tokens),
        let active = table.integer(row, "activated_experts", in: 1...count),
        let ns = table.nanoseconds(row, microseconds: "time_us")
      else { continue }
      points.add(
        .experts(tokens: tokens, active: active, layer: layer), ns: ns, at: file.place(of: row))
    }
  }

  private mutating func readAttention(_ file: File) {
    let columns = ["prefill_chunk", "kv_prefill", "n_decode", "kv_decode"]
    guard let table = CSVTable(file.source, columns: columns + ["time_us"], into: file.log) else {
      return
    }
    let (heads, format) = (model.heads, KVFormat.fp16)
    for row in table.rows {
      let sizes = columns.compactMap { table.integer(row, $0, in: 0...Limits.tokens) }
      guard sizes.count == 4, let ns = table.nanoseconds(row, microseconds: "time_us") else {
        continue
      }
      let (tokens, prefix, sequences, context) = (sizes[0], sizes[1], sizes[2], sizes[3])
      guard tokens > 0 || sequences > 0, context > 0 || sequences == 0 else {
        table.refuse(row, "n_decode", "a chunk, or decodes with a context")
        continue
      }
      let shape: OperatorShape =
        tokens == 0
        ? .decodeAttention(sequences: sequences, context: context, heads: heads, format: format)
        : sequences == 0
          ? .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format)
          : .mixedAttention(
            tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
            format: format)
      points.add(shape, ns: ns, at: file.place(of: row))
    }
  }
}

extension LLMServingSimFolder.File {
  /// Where a row stands.
  func place(of row: CSVTable.Row) -> ImportedPoints.Place {
    ImportedPoints.Place(log: log, position: Position(line: row.line, column: 1))
  }
}
