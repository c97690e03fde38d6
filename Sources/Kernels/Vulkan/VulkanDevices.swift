import CVulkan

/// A device that Vulkan offers for computing.
public struct VulkanDevice: Hashable, Sendable {
  /// What kind of device it is.
  public enum Kind: String, Sendable, CaseIterable {
    /// A graphics processor that shares the processor's memory.
    case integrated
    /// A graphics processor with memory of its own.
    case discrete
    /// A graphics processor lent to a virtual machine.
    case virtual
    /// The processor itself, such as llvmpipe: right results, and times that say nothing.
    case cpu
    /// Anything else.
    case other
  }

  /// A version of the Vulkan interface.
  public struct Version: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first number.
    public let major: Int
    /// The second number.
    public let minor: Int
    /// The third number.
    public let patch: Int

    /// Unpacks what `VK_MAKE_API_VERSION` packed.
    init(packed: UInt32) {
      major = Int(packed >> 22 & 0x7f)
      minor = Int(packed >> 12 & 0x3ff)
      patch = Int(packed & 0xfff)
    }

    /// Such as `1.3.239`.
    public var description: String { "\(major).\(minor).\(patch)" }

    /// Older comes first.
    public static func < (left: Version, right: Version) -> Bool {
      (left.major, left.minor, left.patch) < (right.major, right.minor, right.patch)
    }
  }

  /// What the driver calls it.
  public let name: String
  /// What kind of device it is.
  public let kind: Kind
  /// Its maker: a PCI vendor id, or a number that Khronos has given out.
  public let vendorID: UInt32
  /// The newest version of Vulkan that it supports.
  public let apiVersion: Version
  /// The driver's name and version as it writes them, such as "NVIDIA 580.159.04"; empty where it
  /// does not say.
  public let driver: String
  /// Its largest heap of local memory; 0 if it reports none.
  public let deviceLocalBytes: UInt64
  /// Whether storage buffers may hold 16-bit values, which the kernels for half precision need.
  public let has16BitStorage: Bool

  init(_ device: cvulkan_device) {
    name = withUnsafeBytes(of: device.name, String.init(zeroTerminated:))
    kind =
      switch device.type {
      case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: .integrated
      case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: .discrete
      case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: .virtual
      case VK_PHYSICAL_DEVICE_TYPE_CPU: .cpu
      default: .other
      }
    vendorID = device.vendor_id
    apiVersion = Version(packed: device.api_version)
    driver = withUnsafeBytes(of: device.driver, String.init(zeroTerminated:))
    deviceLocalBytes = device.device_local_bytes
    has16BitStorage = device.has_16bit_storage
  }
}

/// What asking Vulkan for devices came to.
public enum VulkanListing: Hashable, Sendable {
  /// Vulkan cannot be used here; the reason says what to do about it.
  case unavailable(reason: String)
  /// The devices, in Vulkan's order. Never empty.
  case devices([VulkanDevice])

  /// Asks the Vulkan of this machine. Opens libvulkan and its drivers for the time of the call.
  public static func list() -> VulkanListing {
    list(library: nil)
  }

  /// - Parameter library: a library to open in place of `libvulkan.so.1`, for tests.
  static func list(library: String?) -> VulkanListing {
    var loader = cvulkan_loader()
    let opened = cvulkan_open(&loader, library, false)
    defer { cvulkan_close(&loader) }
    guard opened == CVULKAN_OK else { return .unavailable(reason: reason(opened, loader)) }

    // More devices than this in one machine are left out, rather than asked for in a second round.
    var devices = [cvulkan_device](repeating: cvulkan_device(), count: 64)
    var count: UInt32 = 0
    let listed = cvulkan_list_devices(&loader, &devices, UInt32(devices.count), &count)
    guard listed == CVULKAN_OK else { return .unavailable(reason: reason(listed, loader)) }
    guard count > 0 else { return .unavailable(reason: reason(CVULKAN_NO_DRIVER, loader)) }
    return .devices(devices.prefix(Int(count)).map(VulkanDevice.init))
  }

  static func reason(_ result: cvulkan_result, _ loader: cvulkan_loader) -> String {
    let detail = withUnsafeBytes(of: loader.reason, String.init(zeroTerminated:))
    switch result {
    case CVULKAN_NO_LIBRARY:
      return "libvulkan.so.1 could not be opened; is it installed? (Debian: apt-get install "
        + "libvulkan1 mesa-vulkan-drivers) [\(detail)]"
    case CVULKAN_NO_DRIVER:
      return "Vulkan is installed, but it found no device; is a driver installed? (Debian: "
        + "apt-get install mesa-vulkan-drivers)"
    default:
      return "Vulkan cannot be used: \(detail)"
    }
  }
}

extension String {
  /// Text of an array in C, up to its first zero.
  init(zeroTerminated bytes: UnsafeRawBufferPointer) {
    self.init(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
  }
}
