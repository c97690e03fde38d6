import ArgumentParser
import Kernels

/// What `--device` names: the CPU, or a Vulkan device.
enum DeviceChoice: Hashable, ExpressibleByArgument {
  case cpu
  case vulkan(VulkanSelection)

  init?(argument: String) {
    if argument == "cpu" {
      self = .cpu
    } else if let selection = VulkanSelection(argument) {
      self = .vulkan(selection)
    } else {
      return nil
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .cpu: "cpu"
    case .vulkan(let selection): selection.description
    }
  }

  /// What a person types behind `--device`, in a shell's quotes where a name needs them.
  var commandLineArgument: String {
    let text = defaultValueDescription
    let isPlain = text.allSatisfy {
      $0.isASCII && ($0.isLetter || $0.isNumber || ":._-".contains($0))
    }
    return isPlain
      ? text
      : "'"
        + text.split(separator: "'", omittingEmptySubsequences: false)
        .joined(separator: #"'\''"#) + "'"
  }

  /// For help texts.
  static let accepted = "cpu, vulkan, vulkan:N or vulkan:NAME; kvsim devices lists them"

  /// What a profile calls this kind of device.
  var kind: String {
    switch self {
    case .cpu: "cpu"
    case .vulkan: "vulkan"
    }
  }

  /// Opens the device.
  /// - Parameter threads: of the CPU; nil means one for each processor.
  func backend(threads: Int? = nil) throws(DeviceError) -> any KernelBackend {
    switch self {
    case .cpu: try CPUBackend(threads: threads)
    case .vulkan(let selection): try VulkanBackend(selection)
    }
  }
}
