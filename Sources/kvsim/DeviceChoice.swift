import ArgumentParser
import KernelStudies
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

  /// Which timings suit it, as far as its name tells.
  var benchKind: BenchPlan.DeviceKind {
    switch self {
    case .cpu: .cpu
    case .vulkan: .gpu
    }
  }

  /// What runs a plan that suits the device.
  /// - Parameter threads: of the CPU, where the plan wants all; nil means one for each processor.
  func benchRunner(
    threads: Int? = nil, plan: (BenchPlan.DeviceKind) -> BenchPlan
  ) throws(DeviceError) -> BenchRunner {
    switch self {
    case .cpu:
      return BenchRunner(plan(.cpu)) { (wanted) throws(DeviceError) in
        try CPUBackend(threads: wanted ?? threads)
      }
    case .vulkan(let selection):
      let backend = try VulkanBackend(selection)
      return BenchRunner(plan(backend.facts.isGPU ? .gpu : .softwareGPU)) { _ in backend }
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
