import Glibc
import Kernels
import Operators

/// The operators in Double, written from their definitions: what every kernel is held against.
enum Reference {
  /// Attention of the last `tokens` tokens of a sequence over what pages hold, causal.
  ///
  /// softmax(cap(q · Kᵀ / sqrt(dim))) · V over the keys that a token sees; cap(s) is
  /// c · tanh(s / c) where there is a soft-cap, else s.
  /// - Parameter queries: `[token][queryHead][headDim]`.
  /// - Returns: `[token][queryHead][headDim]`.
  static func attention(
    _ pages: KVPages, _ sequence: CachedSequence, tokens: Int, queryHeads: Int,
    queries: ArraySlice<Float>, options: AttentionOptions
  ) -> [Double] {
    let layout = pages.layout
    let dim = layout.headDim, group = queryHeads / layout.kvHeads
    let hadamard = layout.format.rotationOrder(headDim: dim).map(Hadamard.init)
    let turnsValues = layout.format.rotation?.includesValues ?? false
    var result = [Double](repeating: 0, count: tokens * queryHeads * dim)
    for kvHead in 0..<layout.kvHeads {
      // Row r is query head r % group of token r / group.
      var turned: [Double] = []
      for row in 0..<tokens * group {
        let head = kvHead * group + row % group
        let start = queries.startIndex + (row / group * queryHeads + head) * dim
        let query = queries[start..<start + dim].map(Double.init)
        turned += hadamard?.rotated(query) ?? query
      }
      let rows = RowsOfOneHead(
        pages: pages, sequence: sequence, kvHead: kvHead, queries: turned, group: group,
        tokens: tokens, options: options)
      let sums = rows.attended()
      for row in 0..<tokens * group {
        let head = kvHead * group + row % group
        var output = Array(sums[row * dim..<(row + 1) * dim])
        if turnsValues, let hadamard { output = hadamard.rotated(output) }
        let start = (row / group * queryHeads + head) * dim
        for i in 0..<dim { result[start + i] = output[i] }
      }
    }
    return result
  }

  /// What pages hold of a sequence, turned back: `[token][kvHead][headDim]`.
  static func gathered(_ pages: KVPages, _ sequence: CachedSequence, isValue: Bool) -> [Double] {
    let layout = pages.layout
    let turns = !isValue || layout.format.rotation?.includesValues ?? false
    let hadamard =
      turns ? layout.format.rotationOrder(headDim: layout.headDim).map(Hadamard.init) : nil
    let reader = PageReader(pages: pages)
    var result: [Double] = []
    result.reserveCapacity(sequence.context * layout.kvHeads * layout.headDim)
    for token in 0..<sequence.context {
      for kvHead in 0..<layout.kvHeads {
        let stored = reader.vector(
          slot: sequence.slot(of: token, layout), kvHead: kvHead, isValue: isValue)
        result += hadamard?.rotated(stored) ?? stored
      }
    }
    return result
  }

  /// `[tokens × outputs] = activations[tokens × inputs] · weights[outputs × inputs]ᵀ`.
  static func linear(
    _ activations: [Float], weights: [Float16], tokens: Int, outputs: Int, inputs: Int
  ) -> [Double] {
    let x = activations.map(Double.init), w = weights.map { Double($0) }
    var result = [Double](repeating: 0, count: tokens * outputs)
    x.withUnsafeBufferPointer { x in
      w.withUnsafeBufferPointer { w in
        for token in 0..<tokens {
          for output in 0..<outputs {
            result[token * outputs + output] = dot(
              x.baseAddress! + token * inputs, w.baseAddress! + output * inputs, inputs)
          }
        }
      }
    }
    return result
  }

  /// Four sums at a time, for speed; any order of additions does in Double.
  static func dot(
    _ a: UnsafePointer<Double>, _ b: UnsafePointer<Double>, _ count: Int
  ) -> Double {
    var s0 = 0.0, s1 = 0.0, s2 = 0.0, s3 = 0.0
    var i = 0
    while i &+ 4 <= count {
      s0 += a[i] * b[i]
      s1 += a[i &+ 1] * b[i &+ 1]
      s2 += a[i &+ 2] * b[i &+ 2]
      s3 += a[i &+ 3] * b[i &+ 3]
      i &+= 4
    }
    while i < count {
      s0 += a[i] * b[i]
      i &+= 1
    }
    return s0 + s1 + (s2 + s3)
  }
}

extension CachedSequence {
  /// Where a token of the sequence lies in the pool.
  func slot(of token: Int, _ layout: PageLayout) -> Int {
    Int(blocks[token / layout.blockSize]) * layout.blockSize + token % layout.blockSize
  }
}

/// The queries that share one KV head of a sequence; each key and value is read back once.
private struct RowsOfOneHead {
  let pages: KVPages
  let sequence: CachedSequence
  let kvHead: Int
  /// `[row][headDim]`, in the space of the stored keys; row r belongs to token r / group.
  let queries: [Double]
  let group: Int
  let tokens: Int
  let options: AttentionOptions

  private var rows: Int { tokens * group }
  private var dim: Int { pages.layout.headDim }

  /// The keys that a row sees.
  private func visible(_ row: Int) -> Range<Int> {
    let position = sequence.context - tokens + row / group
    let first = options.slidingWindow.map { max(0, position - $0 + 1) } ?? 0
    return first..<position + 1
  }

  /// The attended values, `[row][headDim]`, in the space of the stored values.
  func attended() -> [Double] {
    let seen = (0..<rows).map(visible)
    let context = sequence.context
    var weights = [Double](repeating: 0, count: rows * context)
    visit(isValue: false, seen) { key, token, row in
      queries.withUnsafeBufferPointer { queries in
        weights[row * context + token] = Reference.dot(
          queries.baseAddress! + row * dim, key, dim)
      }
    }
    for row in 0..<rows {
      softmax(&weights, row * context + seen[row].lowerBound..<row * context + seen[row].upperBound)
    }
    var sums = [Double](repeating: 0, count: rows * dim)
    sums.withUnsafeMutableBufferPointer { sums in
      visit(isValue: true, seen) { value, token, row in
        let weight = weights[row * context + token]
        let sum = sums.baseAddress! + row * dim
        var i = 0
        while i < dim {
          sum[i] += weight * value[i]
          i &+= 1
        }
      }
    }
    return sums
  }

  /// Turns products into weights that sum to one.
  private func softmax(_ weights: inout [Double], _ part: Range<Int>) {
    let scale = 1 / Double(dim).squareRoot()
    var largest = -Double.infinity
    for i in part {
      var logit = weights[i] * scale
      if let cap = options.softCap.map(Double.init) { logit = cap * tanh(logit / cap) }
      weights[i] = logit
      largest = max(largest, logit)
    }
    var total = 0.0
    for i in part {
      weights[i] = exp(weights[i] - largest)
      total += weights[i]
    }
    for i in part { weights[i] /= total }
  }

  /// Reads each stored vector that somebody sees once, and shows it to every row that sees it.
  private func visit(
    isValue: Bool, _ seen: [Range<Int>],
    _ body: (UnsafePointer<Double>, _ token: Int, _ row: Int) -> Void
  ) {
    let reader = PageReader(pages: pages)
    let first = seen.map(\.lowerBound).min() ?? 0
    withUnsafeTemporaryAllocation(of: Double.self, capacity: dim) { vector in
      vector.initialize(repeating: 0)
      for token in first..<sequence.context {
        reader.read(
          slot: sequence.slot(of: token, pages.layout), kvHead: kvHead, isValue: isValue,
          into: vector)
        for row in 0..<rows where seen[row].contains(token) {
          body(UnsafePointer(vector.baseAddress!), token, row)
        }
      }
    }
  }
}
