import Kernels
import Operators
import Testing

@testable import KernelStudies

/// What must be refused before anything is dispatched, and the largest that must not be.
@Suite struct RefusalTests {
  let heads = HeadGeometry(queryHeads: 2, kvHeads: 1, headDim: 64)
  let pages: KVPages

  init() throws {
    pages = try KVPages(
      layout: PageLayout(format: .int4, blockSize: 16, kvHeads: 1, headDim: 64), pageCount: 4)
  }

  private func decode(_ sequence: CachedSequence, queries: Int = 128) throws(DeviceError) {
    var output = [Float](repeating: 0, count: 128)
    try CPUBackend(threads: 1).decodeAttention(
      queries: [Float](repeating: 1, count: queries), queryHeads: 2, sequences: [sequence],
      pages: pages, into: &output)
  }

  private func prefill(_ sequence: CachedSequence, tokens: Int) throws(DeviceError) {
    var output = [Float](repeating: 0, count: tokens * 128)
    try CPUBackend(threads: 1).prefillAttention(
      queries: [Float](repeating: 1, count: tokens * 128), queryHeads: 2, tokens: tokens,
      sequence: sequence, pages: pages, into: &output)
  }

  @Test(arguments: [-1, 4, Int32.max])
  func aPageThatDoesNotExistIsRefused(_ block: Int32) {
    let sequence = CachedSequence(blocks: [0, block, 2], context: 48)
    let error = DeviceError.badBlock(sequence: 0, index: 1, block: Int(block), pageCount: 4)
    #expect(throws: error) { try decode(sequence) }
    #expect(throws: error) { try prefill(sequence, tokens: 2) }
  }

  @Test func aContextBeyondItsTableIsRefused() {
    let sequence = CachedSequence(blocks: [3, 0], context: 33)
    let error = DeviceError.contextBeyondTable(sequence: 0, context: 33, capacity: 32)
    #expect(throws: error) { try decode(sequence) }
    #expect(throws: error) { try prefill(sequence, tokens: 1) }
  }

  @Test func exactCapacityPasses() throws {
    let sequence = CachedSequence(blocks: [3, 0, 2, 1], context: 64)
    try decode(sequence)
    try prefill(sequence, tokens: 64)
    var pages = pages
    let row = [Float](repeating: 1, count: 64)
    try CPUBackend(threads: 1).append(keys: row, values: row, slots: [63], to: &pages)
  }

  @Test func anEmptyContextIsRefused() {
    #expect(
      throws: DeviceError.unsupportedShape(field: "context", value: 0, accepted: "1 and more")
    ) { try decode(CachedSequence(blocks: [0], context: 0)) }
  }

  @Test func aChunkLongerThanItsContextIsRefused() {
    #expect(throws: DeviceError.self) {
      try prefill(CachedSequence(blocks: [0], context: 3), tokens: 4)
    }
  }

  @Test("What a page's numbers cannot hold is refused; the limit itself passes")
  func magnitudesThatPagesCannotHoldAreRefused() throws {
    let limits: [(format: KVFormat, keys: Float, values: Float)] = [
      (.int4, 65504, 65504), (.int4Rotated, 8188, 65504),
      (.int4.rotated(by: 16, includesValues: true), 16376, 16376),
      (.fp16, 65504, 65504), (.fp16.rotated(by: 64, includesValues: false), 8188, 65504),
    ]
    for (format, keys, values) in limits {
      let layout = PageLayout(format: format, blockSize: 16, kvHeads: 1, headDim: 64)
      func append(_ key: Float, _ value: Float) throws(DeviceError) -> [Float] {
        var pages = try KVPages(layout: layout, pageCount: 1)
        let backend = try CPUBackend(threads: 1)
        try backend.append(
          keys: [Float](repeating: key, count: 64), values: [Float](repeating: value, count: 64),
          slots: [3], to: &pages)
        var read = [Float](repeating: 0, count: 4 * 64), other = read
        try backend.gather(
          CachedSequence(blocks: [0], context: 4), pages: pages, keys: &read, values: &other)
        return read + other
      }
      #expect(try append(keys, values).allSatisfy(\.isFinite), "\(format.name)")
      #expect(throws: DeviceError.self) { try append(keys.nextUp, values) }
      #expect(throws: DeviceError.self) { try append(keys, values.nextUp) }
    }
  }

  @Test(arguments: [-1, 64])
  func aSlotOutsideThePoolIsRefused(_ slot: Int) {
    var pages = pages
    let row = [Float](repeating: 1, count: 128)
    #expect(throws: DeviceError.badSlot(token: 1, slot: slot, slotCount: 64)) {
      try CPUBackend(threads: 1).append(keys: row, values: row, slots: [0, slot], to: &pages)
    }
    #expect(pages.bytes.allSatisfy { $0 == 0 }, "nothing was written")
  }

  @Test func aShortBufferIsRefused() {
    #expect(throws: DeviceError.bufferTooSmall(field: "queries", count: 127, needed: 128)) {
      try decode(CachedSequence(blocks: [0], context: 1), queries: 127)
    }
  }

  @Test("The largest magnitudes still read back within half a step", arguments: [false, true])
  func largestMagnitudesKeepTheirBound(isRotated: Bool) throws {
    let format = KVFormat.int4.rotated(by: 16, includesValues: true)
    let layout = PageLayout(
      format: isRotated ? format : .int4, blockSize: 1, kvHeads: 1, headDim: 64)
    let limit = layout.format.largestMagnitude(headDim: 64, isValue: true)
    for path in CPUPath.available {
      for pattern in [0xFFFF, 0, 0x5555, 0xF00F] {
        let row = (0..<64).map { pattern >> ($0 % 16) & 1 == 0 ? limit : -limit }
        var pages = try KVPages(layout: layout, pageCount: 1)
        try CPUBackend(path: path, threads: 1).append(
          keys: row, values: row, slots: [0], to: &pages)
        let judge = AppendJudge(pages)
        for isValue in [false, true] {
          #expect(
            judge.share(of: row[...], slot: 0, kvHead: 0, isValue: isValue) <= 1, "\(path)")
        }
      }
    }
  }

  @Test func anUnknownPathIsRefusedByName() {
    #expect(
      throws: DeviceError.unknownPath(name: "sse9", accepted: CPUPath.allCases.map(\.name))
    ) { try CPUPath.select(forced: "sse9") }
  }

  @Test func noThreadsAreRefused() {
    #expect(throws: DeviceError.self) { try CPUBackend(path: .scalar, threads: 0) }
  }
}
