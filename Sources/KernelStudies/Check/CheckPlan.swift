import Kernels
import Operators

/// The cases of a run: a fixed cover of all sizes, whose free combinations and data are drawn from
/// a seed.
///
/// Formats and head sizes are taken in every pair that fits, and in the full plan with every group
/// and page size. The other sizes are chosen one after the other so that as many pairs of values
/// as possible meet for the first time (as AETG does: Cohen and others, IEEE TSE 23(7), 1997).
///
/// A device may compile its kernels for bits, head, group and page size, which takes it longer than
/// most cases do. The quick plan has few combinations of these, each with many contexts, batches,
/// caps, windows and rotations, and both plans take the cases of one combination together.
public struct CheckPlan: Sendable {
  /// How many cases there are.
  public enum Extent: Hashable, Sendable {
    /// Every pair of values of any two sizes, and contexts up to 131,072 tokens.
    case full
    /// So many caches for each pair of format and head size, four pairs of group and page size for
    /// each of bits and head size, contexts up to 4,096 tokens.
    case quick(rounds: Int)

    /// What `--quick` runs.
    public static let quick = Extent.quick(rounds: 9)
  }

  /// The seed of the plan and of its cases' data.
  public let seed: UInt64
  /// How many cases there are.
  public let extent: Extent
  /// The cases; a case's index is its place here.
  public let cases: [CheckCase]

  /// The same seed and extent give the same cases.
  public init(seed: UInt64, extent: Extent = .full) {
    self.seed = seed
    self.extent = extent
    var random = CheckRandom(seed: seed)
    let shapes = CheckPlan.cover(extent, &random) + CheckPlan.longContexts(extent)
    let together = CheckPlan.groups(of: shapes, by: \.compiledSizes)
      .flatMap { CheckPlan.groups(of: $0, by: \.format).joined() }
    var operands = together.map(CheckCase.Operand.attention)
    operands += CheckPlan.smallOperatorShapes(extent, seed: seed).map(CheckCase.Operand.small)
    operands += CheckPlan.linearShapes(extent, &random).map(CheckCase.Operand.linear)
    cases = operands.enumerated().map { CheckCase(index: $0.offset, operand: $0.element) }
  }

  /// How often each operator runs on each path.
  public var caseCounts: [CheckOperator: Int] {
    cases.reduce(into: [:]) { counts, each in
      for kind in each.operators { counts[kind, default: 0] += 1 }
    }
  }

  // MARK: The values of each size

  static let formats: [KVFormat] =
    [.fp16, .int4]
    + KVFormat.rotationOrders.flatMap { order in
      [false, true].map { KVFormat.int4.rotated(by: order, includesValues: $0) }
    }
    + [false, true].map { KVFormat.fp16.rotated(by: 64, includesValues: $0) }
  static let headDims = [64, 80, 96, 112, 128, 192, 256]
  static let groupSizes = [1, 2, 4, 5, 7, 8, 16]
  static let blockSizes = [1, 8, 16, 32, 64]
  static let kvHeads = [1, 2, 3]
  static let batches = [
    [1], [16], [17, 1, 33], [64, 63, 65], [113, 2], [2, 15, 31, 48, 7, 32], [128, 5],
    [8, 8, 8, 8], [300, 1],
  ]
  static let chunks = [1, 3, 17, 70]
  /// Gemma 2 caps at 50 and 30; 1.5 bends nearly every logit, and a million none.
  static let softCaps: [Float?] = [nil, 50, 1.5, 1e6]
  static let outliers = [false, true]
  static let windows: [Int?] = [nil, 1, 5, 32, 64, 100, 4096]

  // MARK: Shapes

  private static func cover(_ extent: Extent, _ random: inout CheckRandom) -> [AttentionShape] {
    var rows: [[Int?]] = []
    let pages = groupsAndPages(&random)
    for format in formats.indices {
      for dim in headDims.indices where fits(formats[format], headDim: headDims[dim]) {
        switch extent {
        case .full:
          for group in groupSizes.indices {
            for block in blockSizes.indices { rows.append([format, dim, group, block]) }
          }
        case .quick(let rounds):
          let own = pages[[formats[format].bitsPerElement, dim]]!
          for round in 0..<rounds {
            rows.append([format, dim] + own[(format + round) % own.count])
          }
        }
      }
    }
    rows.shuffle(using: &random)
    var pairs = PairCover(sizes: [
      formats.count, headDims.count, groupSizes.count, blockSizes.count, kvHeads.count,
      batches.count, chunks.count, softCaps.count, windows.count, outliers.count,
    ])
    return rows.map { row in
      let choice = pairs.complete(row + Array(repeating: nil, count: 6), &random)
      let contexts = batches[choice[5]]
      return AttentionShape(
        format: formats[choice[0]],
        heads: HeadGeometry(
          queryHeads: kvHeads[choice[4]] * groupSizes[choice[2]], kvHeads: kvHeads[choice[4]],
          headDim: headDims[choice[1]]),
        blockSize: blockSizes[choice[3]], contexts: contexts,
        chunk: min(chunks[choice[6]], contexts[0]),
        options: AttentionOptions(
          softCap: softCaps[choice[7]], slidingWindow: windows[choice[8]]),
        hasOutliers: outliers[choice[9]])
    }
  }

  /// The quick plan's pairs of group and page size, as places in their lists, by bits and the place
  /// of a head size.
  private static func groupsAndPages(_ random: inout CheckRandom) -> [[Int]: [[Int]]] {
    let bits = [16, 4]
    var pairs = PairCover(
      sizes: [bits.count, headDims.count, groupSizes.count, blockSizes.count])
    var chosen: [[Int]: [[Int]]] = [:]
    for _ in 0..<4 {
      for place in bits.indices {
        for dim in headDims.indices {
          let row = pairs.complete([place, dim, nil, nil], &random)
          chosen[[bits[place], dim], default: []].append(Array(row[2...]))
        }
      }
    }
    return chosen
  }

  /// Shapes in groups that agree in a key, each group where its first shape stands.
  private static func groups<Key: Hashable>(
    of shapes: [AttentionShape], by key: (AttentionShape) -> Key
  ) -> [[AttentionShape]] {
    var groups: [[AttentionShape]] = []
    var places: [Key: Int] = [:]
    for shape in shapes {
      if let place = places[key(shape)] {
        groups[place].append(shape)
      } else {
        places[key(shape)] = groups.count
        groups.append([shape])
      }
    }
    return groups
  }

  /// Whether the format's Hadamard order divides the head size.
  static func fits(_ format: KVFormat, headDim: Int) -> Bool {
    headDim % (format.rotation?.order ?? 1) == 0
  }

  /// Contexts that are cut into spans, with few heads: the scalar path has to manage them too.
  private static func longContexts(_ extent: Extent) -> [AttentionShape] {
    let turned = KVFormat.int4.rotated(by: 64, includesValues: true)
    let named: [KVFormat] = [.fp16, .int4, .int4Rotated]
    func shape(
      _ format: KVFormat, _ headDim: Int, kvHeads: Int = 1, group: Int, block: Int,
      _ contexts: [Int], _ options: AttentionOptions = .plain
    ) -> AttentionShape {
      AttentionShape(
        format: format,
        heads: HeadGeometry(queryHeads: kvHeads * group, kvHeads: kvHeads, headDim: headDim),
        blockSize: block, contexts: contexts, chunk: min(3, contexts[0]), options: options,
        hasOutliers: false)
    }
    let bent = AttentionOptions(softCap: 50, slidingWindow: 1000)
    // A window that is cut into spans itself, far from the sequence's first token.
    let wide = AttentionOptions(slidingWindow: 4096)
    var shapes = formats.map {
      shape($0, max(64, $0.rotation?.order ?? 0), group: 2, block: 16, [1025, 512, 3])
    }
    shapes += formats.map {
      shape($0, max(64, $0.rotation?.order ?? 0), group: 1, block: 32, [1024, 1700], bent)
    }
    // Long enough that spans keep their KV heads together.
    shapes += formats.map {
      shape(
        $0, max(64, $0.rotation?.order ?? 0), kvHeads: 4, group: 2, block: 16, [2048, 300])
    }
    shapes += named.map { shape($0, 80, kvHeads: 3, group: 5, block: 8, [2200, 9], bent) }
    shapes += [shape(.fp16, 64, group: 2, block: 8, [4096, 1])]
    shapes += [shape(.int4Rotated, 128, group: 4, block: 64, [4096, 1], bent)]
    shapes += [
      shape(.int4, 64, group: 2, block: 16, [4096, 7], AttentionOptions(slidingWindow: 2048))
    ]
    guard extent == .full else { return shapes }
    shapes += named.map { shape($0, 128, group: 2, block: 16, [4096, 4097]) }
    shapes += named.map { shape($0, 192, group: 5, block: 1, [4095, 33], bent) }
    shapes += named.map { shape($0, 128, group: 4, block: 16, [16_384, 40]) }
    shapes += [shape(turned, 64, group: 1, block: 32, [16_385], bent)]
    shapes += (named + [turned]).map { shape($0, 64, group: 2, block: 16, [16_385, 4097], wide) }
    shapes += [shape(.fp16, 64, group: 1, block: 64, [131_072, 1])]
    shapes += [shape(.int4, 64, group: 2, block: 16, [131_072, 17])]
    shapes += [shape(turned, 64, group: 2, block: 16, [1, 131_072])]
    shapes += [shape(.int4Rotated, 128, group: 1, block: 16, [131_072])]
    return shapes
  }

  private static func linearShapes(
    _ extent: Extent, _ random: inout CheckRandom
  ) -> [LinearShape] {
    var shapes: [LinearShape] = []
    for tokens in [1, 2, 3, 4, 5, 7, 8, 11, 47, 48, 49, 64, 100] {
      for outputs in [1, 3, 4, 5, 16, 33, 63, 64, 65, 130] {
        for inputs in [1, 7, 8, 15, 16, 17, 63, 64, 100, 256, 257, 300] {
          shapes.append(LinearShape(tokens: tokens, outputs: outputs, inputs: inputs))
        }
      }
    }
    shapes.shuffle(using: &random)
    if case .quick(let rounds) = extent { shapes.removeLast(shapes.count - 25 * rounds) }
    shapes += [
      // On a device with 132 multiprocessors: each tile of linear_matrix.comp, and a second band;
      // several tiles and blocks of linear_few.comp; tiles of linear_stream.comp whole and cut in
      // two and more, one and several of them over tokens; rows that halves.comp reads twice.
      LinearShape(tokens: 2200, outputs: 1410, inputs: 64),
      LinearShape(tokens: 1200, outputs: 1282, inputs: 64),
      LinearShape(tokens: 600, outputs: 1282, inputs: 64),
      LinearShape(tokens: 4, outputs: 4260, inputs: 4104),
      LinearShape(tokens: 12, outputs: 4260, inputs: 2056),
      LinearShape(tokens: 5, outputs: 2130, inputs: 5120),
      LinearShape(tokens: 8, outputs: 40, inputs: 1160),
      LinearShape(tokens: 16, outputs: 50, inputs: 136),
      LinearShape(tokens: 20, outputs: 34_000, inputs: 128),
      LinearShape(tokens: 24, outputs: 4260, inputs: 1024),
      LinearShape(tokens: 60, outputs: 1410, inputs: 2048),
      LinearShape(tokens: 100, outputs: 2600, inputs: 320),
      LinearShape(tokens: 200, outputs: 150, inputs: 2048),
      LinearShape(tokens: 20, outputs: 64, inputs: 4128),
      LinearShape(tokens: 1, outputs: 1024, inputs: 2048),
      LinearShape(tokens: 96, outputs: 256, inputs: 1024),
      LinearShape(tokens: 256, outputs: 128, inputs: 256),
    ]
    guard extent == .full else { return shapes }
    // Chunks of a prompt: as many tokens as prefill takes, on widths that the reference can pay.
    for tokens in [255, 256, 512] {
      for outputs in [128, 200, 512] {
        for inputs in [256, 1000] {
          shapes.append(LinearShape(tokens: tokens, outputs: outputs, inputs: inputs))
        }
      }
    }
    return shapes + [LinearShape(tokens: 512, outputs: 256, inputs: 1024)]
  }
}

/// Counts how often two values of different sizes have met, and completes rows so that new pairs
/// meet.
private struct PairCover {
  private let starts: [Int]
  private let sizes: [Int]
  private let width: Int
  private var met: [Int]

  init(sizes: [Int]) {
    self.sizes = sizes
    starts = sizes.indices.map { sizes[..<$0].reduce(0, +) }
    width = sizes.reduce(0, +)
    met = [Int](repeating: 0, count: width * width)
  }

  /// Fills what is nil, and counts the row's pairs.
  mutating func complete(_ row: [Int?], _ random: inout CheckRandom) -> [Int] {
    var row = row
    for size in row.indices where row[size] == nil {
      var best: (Int, Int, UInt64)?
      for value in 0..<sizes[size] {
        var unmet = 0, meetings = 0
        for (other, chosen) in row.enumerated() {
          guard let chosen, other != size else { continue }
          let count = met[(starts[size] + value) * width + starts[other] + chosen]
          unmet += count == 0 ? 1 : 0
          meetings += count
        }
        let rank = (unmet, -meetings, random.next())
        if best == nil || rank > best! {
          best = rank
          row[size] = value
        }
      }
    }
    let chosen = row.map { $0! }
    for (a, x) in chosen.enumerated() {
      for (b, y) in chosen.enumerated() where a != b {
        met[(starts[a] + x) * width + starts[b] + y] += 1
      }
    }
    return chosen
  }
}
