import ArgumentParser
import Kernels
import Planning

/// `kvsim devices`.
struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List the devices of this machine and the kernels that can run on them.",
    discussion: """
      The fastest kernels are used, or those that KVSIM_CPU_PATH names: by every command that runs \
      kernels.
      """)

  func run() throws {
    do throws(DeviceError) {
      let path = try CPUPath.select()
      let facts = try CPUBackend(path: path).facts
      print(
        """
        cpu  \(facts.name)
             \(facts.coreCount) threads, memory \(Size(facts.memoryBytes)), \
        last-level cache \(Size(facts.lastLevelCacheBytes))
             kernels: \(CPUPath.available.map(\.name).joined(separator: ", ")) \
        (\(path.name) is used; \(CPUPath.environmentVariable) chooses another)
        """)
    } catch {
      throw failure(error, .runFailed)
    }
    switch VulkanListing.list() {
    case .unavailable(let reason):
      print("vulkan  none: \(reason)")
    case .devices(let devices):
      for (index, device) in devices.enumerated() {
        print(
          """
          vulkan:\(index)  \(device.name), \(device.kind.rawValue), Vulkan \(device.apiVersion)\
          \(device.driver.isEmpty ? "" : ", driver \(device.driver)")
                    device-local memory \(Size(Int(device.deviceLocalBytes))), 16-bit storage \
          \(device.has16BitStorage ? "yes" : "no")
          """)
      }
    }
  }
}
