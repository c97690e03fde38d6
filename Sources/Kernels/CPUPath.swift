import CAttention
import Glibc

/// The instructions that CPU kernels use.
public enum CPUPath: String, CaseIterable, Hashable, Sendable {
  /// Plain C, one loop per sum.
  case scalar
  /// AVX2, FMA and F16C.
  case avx2
  /// AVX-512 F, BW, VL and DQ.
  case avx512Base = "avx512-base"
  /// The same, and VNNI with VBMI where the CPU has them.
  case avx512
  /// NEON, part of every arm64 CPU.
  case neon

  /// The variable of the environment that forces a path.
  public static let environmentVariable = "KVSIM_CPU_PATH"

  /// The name that users write and profiles keep.
  public var name: String { rawValue }

  /// Paths that this CPU and its operating system run, slowest first.
  public static var available: [CPUPath] {
    allCases.filter { kv_path_available($0.code) }
  }

  /// The forced path, else the fastest that runs here.
  ///
  /// - Parameter forced: a path's name, by default the value of `KVSIM_CPU_PATH`.
  /// - Throws: ``DeviceError/unknownPath(name:accepted:)`` or
  ///   ``DeviceError/pathUnavailable(name:available:)``.
  public static func select(forced: String? = environmentChoice) throws(DeviceError) -> CPUPath {
    let available = CPUPath.available
    guard let forced else { return available[available.count - 1] }
    guard let path = CPUPath(rawValue: forced) else {
      throw .unknownPath(name: forced, accepted: allCases.map(\.name))
    }
    guard available.contains(path) else {
      throw .pathUnavailable(name: forced, available: available.map(\.name))
    }
    return path
  }

  /// The value of `KVSIM_CPU_PATH`; nil where it is unset or empty.
  public static var environmentChoice: String? {
    guard let value = getenv(environmentVariable) else { return nil }
    let name = String(cString: value)
    return name.isEmpty ? nil : name
  }

  /// The path as the C kernels know it.
  var code: kv_path {
    switch self {
    case .scalar: KV_PATH_SCALAR
    case .avx2: KV_PATH_AVX2
    case .avx512Base: KV_PATH_AVX512_BASE
    case .avx512: KV_PATH_AVX512
    case .neon: KV_PATH_NEON
    }
  }
}
