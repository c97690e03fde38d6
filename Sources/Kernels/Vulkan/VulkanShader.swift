import CVulkan
import Operators

/// The embedded shaders, by the names of their files in `Sources/CVulkan/Shaders`.
enum VulkanShader: String, CaseIterable {
  case append, gather, rotate, decode, merge, prefill, fragments
  case halves
  case gatherHalves = "gather_halves"
  case decodeMatrix = "decode_matrix"
  case prefillMatrix = "prefill_matrix"
  case linearMatrix = "linear_matrix"
  case linearFew = "linear_few"
  case linearStream = "linear_stream"
  case linearRows = "linear_rows"
  case linearTiles = "linear_tiles"
  case rmsNorm = "rms_norm"
  case rotary
  case siluMultiply = "silu_multiply"
  case add
  case fill
  case read

  /// Its SPIR-V.
  var code: cvulkan_shader {
    var count = 0
    let all = UnsafeBufferPointer(start: cvulkan_shaders(&count), count: count)
    guard let found = all.first(where: { String(cString: $0.name) == rawValue }) else {
      preconditionFailure("every shader is embedded: \(rawValue)")
    }
    return found
  }

  /// The same, word by word.
  var words: UnsafeBufferPointer<UInt32> {
    let code = code
    return UnsafeBufferPointer(
      start: code.spirv.assumingMemoryBound(to: UInt32.self), count: code.byte_count / 4)
  }

  /// Tells one set of shaders from another: ``FNV1a`` of all SPIR-V in the order of `allCases`.
  static var digest: String {
    var hash = FNV1a()
    for shader in allCases {
      let code = shader.code
      hash.combine(UnsafeRawBufferPointer(start: code.spirv, count: code.byte_count))
    }
    return hash.digits
  }
}
