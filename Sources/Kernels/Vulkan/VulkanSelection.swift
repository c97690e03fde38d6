/// Which Vulkan device a person means: `vulkan` (the first that is no CPU, or the first),
/// `vulkan:1` (by its number in `kvsim devices`) or `vulkan:llvmpipe` (by a part of its name).
public enum VulkanSelection: Hashable, Sendable {
  /// The first device that is no CPU; where there is none, the first.
  case any
  /// The device with this number.
  case number(Int)
  /// The first device whose name has this in it, in any case.
  case name(String)

  /// Reads what follows `--device`; nil where it names no Vulkan device.
  public init?(_ text: String) {
    guard text == "vulkan" || text.hasPrefix("vulkan:") else { return nil }
    let choice = String(text.dropFirst("vulkan:".count))
    if text == "vulkan" {
      self = .any
    } else if choice.isEmpty {
      return nil
    } else if let number = Int(choice) {
      self = .number(number)
    } else {
      self = .name(choice)
    }
  }

  /// The place of the chosen device in `devices`; nil where none is meant.
  func index(in devices: [VulkanDevice]) -> Int? {
    switch self {
    case .any: devices.firstIndex { $0.kind != .cpu } ?? devices.indices.first
    case .number(let number): devices.indices.contains(number) ? number : nil
    case .name(let part):
      devices.firstIndex { $0.name.lowercased().contains(part.lowercased()) }
    }
  }
}

extension VulkanSelection: CustomStringConvertible {
  /// As a person writes it.
  public var description: String {
    switch self {
    case .any: "vulkan"
    case .number(let number): "vulkan:\(number)"
    case .name(let part): "vulkan:\(part)"
    }
  }
}
