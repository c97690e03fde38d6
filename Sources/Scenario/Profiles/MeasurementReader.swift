import CostModel
import Operators

/// One measurement of a profile.
struct MeasurementReader {
  let cursor: Cursor
  /// The formats that points may have.
  let formats: [KVFormat]

  /// Nil with at least one error where it is refused.
  func measurement() -> Measurement? {
    guard let any = cursor.anyMapping(keys: SchemaKeys.allOfMeasurements),
      let name = any.required("operator", accepted: "an operator's name")?
        .choice(of: SchemaKeys.operatorNames)
    else { return nil }
    let own = SchemaKeys.operators.first { $0.name == name }?.keys ?? []
    guard let point = cursor.mapping(keys: SchemaKeys.anyMeasurement + own) else { return nil }
    let isHeldOut = point.required("held_out", accepted: "true or false")?.boolean()
    let times = point.required("times_ns", accepted: "a list of nanoseconds")?.times()
    let shape = shape(name, point)
    guard let shape, let isHeldOut, let times else { return nil }
    return Measurement(shape: shape, isHeldOut: isHeldOut, timesNs: times)
  }

  private func shape(_ name: String, _ point: MappingCursor) -> OperatorShape? {
    func size(_ key: String, from least: Int = 1) -> Int? {
      point.required(key, accepted: "a whole number from \(least)")?
        .integer(in: least...Limits.tokens)
    }
    switch name {
    case "linear":
      let sizes = (size("tokens"), size("outputs"), size("inputs"))
      guard let tokens = sizes.0, let outputs = sizes.1, let inputs = sizes.2 else { return nil }
      return checked(
        .linear(tokens: tokens, outputs: outputs, inputs: inputs), 16, tokens, outputs, inputs)
    case "append", "gather":
      let parts = (size("tokens"), heads(point), format(point))
      guard let tokens = parts.0, let heads = parts.1, let format = parts.2 else { return nil }
      return name == "append"
        ? .append(tokens: tokens, heads: heads, format: format)
        : .gather(tokens: tokens, heads: heads, format: format)
    case "decode_attention":
      let parts = (size("sequences"), size("context"), heads(point), format(point))
      guard let sequences = parts.0, let context = parts.1, let heads = parts.2,
        let format = parts.3
      else { return nil }
      return checked(
        .decodeAttention(sequences: sequences, context: context, heads: heads, format: format),
        16, sequences, context, heads.queryHeads, heads.headDim)
    case "ragged_decode_attention":
      return raggedDecode(point, size: size)
    case "experts":
      let sizes = (size("tokens"), size("active"), size("per_token"), size("inputs"))
      guard let tokens = sizes.0, let active = sizes.1, let perToken = sizes.2,
        let inputs = sizes.3, let width = size("width")
      else { return nil }
      let layer = ExpertShape(perToken: perToken, inputs: inputs, width: width)
      return checked(
        .experts(tokens: tokens, active: active, layer: layer), 16, max(tokens, active), perToken,
        inputs, width)
    case "mixed_attention":
      return mixedAttention(point, size: size)
    case "prefill_attention":
      let parts = (size("tokens"), size("prefix", from: 0), heads(point), format(point))
      guard let tokens = parts.0, let prefix = parts.1, let heads = parts.2, let format = parts.3
      else { return nil }
      return checked(
        .prefillAttention(tokens: tokens, prefix: prefix, heads: heads, format: format),
        16, tokens, tokens + prefix, heads.queryHeads, heads.headDim)
    default:
      guard let kind = ElementwiseOperator(rawValue: name), let rows = size("rows"),
        let width = point.required("width", accepted: "elements of a row")?
          .integer(in: 1...Limits.vocabSize)
      else { return nil }
      return checked(.elementwise(kind, rows: rows, width: width), 32, rows, width)
    }
  }

  private func raggedDecode(
    _ point: MappingCursor, size: (_ key: String, _ least: Int) -> Int?
  ) -> OperatorShape? {
    let sizes = (size("sequences", 2), size("context", 1), size("longest", 1))
    let parts = (heads(point), format(point))
    guard let sequences = sizes.0, let context = sizes.1, let longest = sizes.2,
      let heads = parts.0, let format = parts.1
    else { return nil }
    guard RaggedBatch.exists(sequences: sequences, context: context, longest: longest) else {
      cursor.refuse(
        "\(sequences) contexts of 1 or more, \(context) on average, cannot reach up to \(longest)")
      return nil
    }
    let batch = RaggedBatch(sequences: sequences, context: context, longest: longest)
    return checked(
      .raggedDecode(batch, heads: heads, format: format), 16, sequences, context,
      heads.queryHeads, heads.headDim)
  }

  private func mixedAttention(
    _ point: MappingCursor, size: (_ key: String, _ least: Int) -> Int?
  ) -> OperatorShape? {
    let sizes = (
      size("tokens", 1), size("prefix", 0), size("sequences", 1), size("context", 1)
    )
    let parts = (heads(point), format(point))
    guard let tokens = sizes.0, let prefix = sizes.1, let sequences = sizes.2,
      let context = sizes.3, let heads = parts.0, let format = parts.1
    else { return nil }
    let shape = OperatorShape.mixedAttention(
      tokens: tokens, prefix: prefix, sequences: sequences, context: context, heads: heads,
      format: format)
    // Twice the larger of both parts bounds their sum.
    let work = (tokens, tokens + prefix, heads.queryHeads, heads.headDim)
    return checked(shape, 32, work.0, work.1, work.2, work.3).flatMap {
      checked($0, 32, sequences, context, heads.queryHeads, heads.headDim)
    }
  }

  /// The shape, or nil with an error where its bytes or operations, bounded by the product of
  /// `factors`, leave 64 bits.
  private func checked(_ shape: OperatorShape, _ factors: Int...) -> OperatorShape? {
    var product = 1
    for factor in factors {
      let (next, overflows) = product.multipliedReportingOverflow(by: factor)
      guard !overflows else {
        cursor.refuse("the product of these sizes leaves 64 bits")
        return nil
      }
      product = next
    }
    return shape
  }

  private func heads(_ point: MappingCursor) -> HeadGeometry? {
    func size(_ key: String, upTo limit: Int) -> Int? {
      point.required(key, accepted: "a whole number from 1 to \(limit)")?.integer(in: 1...limit)
    }
    let queryHeads = size("query_heads", upTo: Limits.heads)
    let kvHeads = size("kv_heads", upTo: Limits.heads)
    let headDim = size("head_dim", upTo: Limits.headDim)
    guard let queryHeads, let kvHeads, let headDim else { return nil }
    guard queryHeads % kvHeads == 0 else {
      point.optional("kv_heads")?.refuse(
        "\(kvHeads) does not divide `query_heads`, \(queryHeads); accepted: a divisor")
      return nil
    }
    guard headDim % 2 == 0 else {
      point.optional("head_dim")?.refuse("\(headDim) is odd; accepted: an even number")
      return nil
    }
    return HeadGeometry(queryHeads: queryHeads, kvHeads: kvHeads, headDim: headDim)
  }

  private func format(_ point: MappingCursor) -> KVFormat? {
    point.required("format", accepted: "a format's name")?.format(of: formats)
  }
}

extension Cursor {
  /// The one of `formats` whose name stands here.
  func format(of formats: [KVFormat]) -> KVFormat? {
    choice(of: formats.map(\.name)).flatMap { name in formats.first { $0.name == name } }
  }

  /// The raw samples of one measurement, in nanoseconds.
  func times() -> [Int64]? {
    let accepted = "a list of at least one whole number of nanoseconds"
    guard case .sequence(let items) = node.kind else {
      refuse(accepted: accepted)
      return nil
    }
    guard !items.isEmpty, items.count <= Limits.repeats else {
      refuse("\(items.count) times; accepted: from 1 to \(Limits.repeats)")
      return nil
    }
    let range = 1...Limits.callNs
    let times = items.indices.compactMap { index -> Int64? in
      // A profile has a hundred thousand times: only what is refused needs a cursor to say where.
      if let ns = items[index].wholeNumber, range.contains(ns) { return Int64(ns) }
      return item(index, items[index]).integer(in: range, unit: "nanoseconds").map(Int64.init)
    }
    return times.count == items.count ? times : nil
  }
}
