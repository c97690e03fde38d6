import Glibc
import Operators

/// What a profile says about the device that it was measured on.
public struct DeviceFacts: Hashable, Sendable {
  /// The name that the device gives itself, such as "AMD EPYC 9B45".
  public let name: String
  /// The kernels that run, such as "avx512".
  public let kernelPath: String
  /// Logical cores that the kernels use; of a graphics processor its multiprocessors, 1 where the
  /// driver does not say.
  public let coreCount: Int
  /// Bytes of memory of the device.
  public let memoryBytes: Int
  /// Bytes of the largest cache level; of a Vulkan device what
  /// ``VulkanBackend/assumedCacheBytes`` assumes.
  public let lastLevelCacheBytes: Int
  /// An x86 CPU's family, which tells generations apart where the name does not (a virtual machine
  /// calls every EPYC so): 25 is Zen 3 and 4, 26 Zen 5. Nil elsewhere.
  public let cpuFamily: Int?
  /// The driver's name and version; nil where there is none.
  public let driver: String?
  /// A digest of the kernels where they are code for a device of their own; nil for those of the
  /// CPU, which are part of the program.
  public let kernelDigest: String?
  /// Whether it is a graphics processor; one made of software is none: its times say nothing.
  public let isGPU: Bool
  /// How the kernels cut dense layers into workgroups; nil where they do not go by that.
  public let layerPlan: DenseLayerPlan?

  /// Facts from elsewhere: another backend, a test.
  public init(
    name: String, kernelPath: String, coreCount: Int, memoryBytes: Int, lastLevelCacheBytes: Int,
    cpuFamily: Int? = nil, driver: String? = nil, kernelDigest: String? = nil, isGPU: Bool = false,
    layerPlan: DenseLayerPlan? = nil
  ) {
    self.layerPlan = layerPlan
    self.isGPU = isGPU
    self.driver = driver
    self.kernelDigest = kernelDigest
    self.cpuFamily = cpuFamily
    self.name = name
    self.kernelPath = kernelPath
    self.coreCount = coreCount
    self.memoryBytes = memoryBytes
    self.lastLevelCacheBytes = lastLevelCacheBytes
  }

  /// The machine that this process runs on, with the kernels of `path` on `coreCount` cores.
  public static func host(path: CPUPath, coreCount: Int) -> DeviceFacts {
    DeviceFacts(
      name: cpuField("model name") ?? "unnamed CPU", kernelPath: path.name,
      coreCount: coreCount,
      memoryBytes: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)),
      lastLevelCacheBytes: hostCacheBytes, cpuFamily: cpuField("cpu family").flatMap { Int($0) })
  }

  /// A field of the first CPU of /proc/cpuinfo; arm64 kernels print neither name nor family.
  private static func cpuField(_ name: String) -> String? {
    for line in lines(ofFile: "/proc/cpuinfo") where line.hasPrefix(name) {
      guard let colon = line.firstIndex(of: ":") else { continue }
      return String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    }
    return nil
  }

  /// The largest cache that the first core sees; 32 MiB where the system tells nothing.
  private static var hostCacheBytes: Int {
    var largest = 0
    for index in 0..<8 {
      let path = "/sys/devices/system/cpu/cpu0/cache/index\(index)/size"
      guard let text = lines(ofFile: path).first else { continue }
      let digits = text.prefix { $0.isNumber }
      let unit = text.hasSuffix("M") ? 1 << 20 : text.hasSuffix("K") ? 1 << 10 : 1
      largest = max(largest, (Int(digits) ?? 0) * unit)
    }
    return largest > 0 ? largest : 32 << 20
  }

  private static func lines(ofFile path: String) -> [String] {
    guard let file = fopen(path, "r") else { return [] }
    defer { fclose(file) }
    var text: [String] = []
    var line: UnsafeMutablePointer<CChar>?
    var capacity = 0
    defer { free(line) }
    while getline(&line, &capacity, file) > 0, let line {
      text.append(String(cString: line).filter { $0 != "\n" })
    }
    return text
  }
}
