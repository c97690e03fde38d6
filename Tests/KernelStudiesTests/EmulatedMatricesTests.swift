import Foundation
import Operators
import TestSupport
import Testing

@testable import KernelStudies
@testable import Kernels

/// The shaders that multiply matrices, with matrices made of shared memory, so that devices without
/// any run them too, if only llvmpipe. All but decode attention's, which this cannot follow.
@Suite(.enabled(if: hasVulkanDevice, "no Vulkan device here"), .serialized)
struct EmulatedMatricesTests {
  private let backend: VulkanBackend

  init() throws {
    let context = try VulkanContext(
      .any, substitutes: try EmulatedMatricesTests.shaders.get(),
      adjust: {
        // Room for the largest tiles, of which a few keep so small a device busy.
        $0.max_shared_bytes = 48 << 10
        $0.multiprocessors = 3
      })
    backend = try VulkanBackend(context)
    context.fragmentsAreKnown = true
  }

  @Test(
    "Dense layers by matrices give what float64 gives",
    arguments: [
      // linear_few.comp: one group of tokens and two, several tiles and blocks of inputs.
      LinearShape(tokens: 2, outputs: 33, inputs: 5120),
      LinearShape(tokens: 3, outputs: 20, inputs: 264),
      LinearShape(tokens: 8, outputs: 100, inputs: 4104),
      LinearShape(tokens: 13, outputs: 36, inputs: 2056),
      // linear_stream.comp: tiles of 32, 64 and 128 tokens, whole and cut, one and several.
      LinearShape(tokens: 17, outputs: 1000, inputs: 128),
      LinearShape(tokens: 30, outputs: 150, inputs: 1152),
      LinearShape(tokens: 64, outputs: 258, inputs: 512),
      LinearShape(tokens: 47, outputs: 600, inputs: 384),
      LinearShape(tokens: 100, outputs: 300, inputs: 320),
      LinearShape(tokens: 200, outputs: 130, inputs: 640),
      // linear_matrix.comp: its four tiles, an odd number of slices, and one alone.
      LinearShape(tokens: 300, outputs: 390, inputs: 96),
      LinearShape(tokens: 140, outputs: 260, inputs: 32),
      LinearShape(tokens: 100, outputs: 180, inputs: 96),
      LinearShape(tokens: 40, outputs: 34, inputs: 160),
    ])
  func linear(_ shape: LinearShape) throws {
    var random = CheckRandom(seed: 7)
    try judge(LinearTrial(shape, random: &random), .linear)
  }

  private static let turned = KVFormat.int4.rotated(by: 64, includesValues: true)
  private static let window = AttentionOptions(slidingWindow: 50)
  private static let bent = AttentionOptions(softCap: 30, slidingWindow: 100)

  @Test(
    "Prefill attention by matrices gives what float64 gives",
    arguments: [
      (KVFormat.fp16, 64, 2, 70, 130, AttentionOptions.plain),
      (.fp16, 128, 4, 40, 40, bent),
      (.int4, 64, 1, 200, 200, window),
      (.int4.rotated(by: 16, includesValues: false), 64, 3, 90, 170, .plain),
      (.int4.rotated(by: 32, includesValues: false), 64, 2, 64, 64, bent),
      (turned, 64, 2, 65, 300, window),
      (.int4Rotated, 128, 2, 70, 100, .plain),
    ])
  func prefill(
    _ format: KVFormat, dim: Int, group: Int, chunk: Int, context: Int, options: AttentionOptions
  ) throws {
    let heads = HeadGeometry(queryHeads: 2 * group, kvHeads: 2, headDim: dim)
    let shape = AttentionShape(
      format: format, heads: heads, blockSize: 16, contexts: [context], chunk: chunk,
      options: options, hasOutliers: false)
    var random = CheckRandom(seed: 8)
    try judge(
      AttentionTrial(shape, writer: CPUBackend(path: .scalar), random: &random), .prefill)
  }

  private func judge(_ trial: any Trial, _ kind: CheckOperator) throws {
    let verdict = Verdict(
      trial.outcome(of: kind, on: backend), against: trial.expectation(of: kind))
    #expect(verdict.fault == nil)
    let error = try #require(verdict.error)
    #expect(error <= CheckReport.aim)
  }

  /// Compiled once for all cases.
  private static let shaders = Result { try compiled() }

  /// The shaders' SPIR-V, by a script.
  private static func compiled() throws -> [VulkanShader: [UInt32]] {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("kvsim-matrices-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let tests = URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent()
    let compile = Process()
    compile.executableURL = tests.appendingPathComponent("EmulatedMatrices/compile")
    compile.arguments = [folder.path]
    try compile.run()
    compile.waitUntilExit()
    try #require(compile.terminationStatus == 0, "is glslang-tools installed? make setup-vulkan")
    var shaders: [VulkanShader: [UInt32]] = [:]
    for shader in [VulkanShader.linearFew, .linearMatrix, .linearStream, .prefillMatrix] {
      let spirv = try Data(contentsOf: folder.appendingPathComponent(shader.rawValue + ".spv"))
      shaders[shader] = spirv.withUnsafeBytes { Array($0.bindMemory(to: UInt32.self)) }
    }
    return shaders
  }
}
