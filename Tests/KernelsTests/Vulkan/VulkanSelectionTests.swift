import CVulkan
import Testing

@testable import Kernels

@Suite struct VulkanSelectionTests {
  private func device(_ name: String, _ type: VkPhysicalDeviceType) -> VulkanDevice {
    var raw = cvulkan_device()
    withUnsafeMutableBytes(of: &raw.name) { $0.copyBytes(from: name.utf8) }
    raw.type = type
    return VulkanDevice(raw)
  }

  @Test("A device is named by kind, number or part of its name; anything else is none")
  func texts() {
    #expect(VulkanSelection("vulkan") == .any)
    #expect(VulkanSelection("vulkan:1") == .number(1))
    #expect(VulkanSelection("vulkan:H200") == .name("H200"))
    for text in ["", "cpu", "vulkan:", "Vulkan", "vulkan1", "cuda"] {
      #expect(VulkanSelection(text) == nil, "\(text)")
    }
    for text in ["vulkan", "vulkan:0", "vulkan:llvmpipe"] {
      #expect(VulkanSelection(text)?.description == text)
    }
  }

  @Test("By default a device that is no CPU, else the first; names in any case")
  func choice() {
    let both = [
      device("llvmpipe (LLVM 15)", VK_PHYSICAL_DEVICE_TYPE_CPU),
      device("NVIDIA H200", VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU),
    ]
    #expect(VulkanSelection.any.index(in: both) == 1)
    #expect(VulkanSelection.any.index(in: [both[0]]) == 0)
    #expect(VulkanSelection.any.index(in: []) == nil)
    #expect(VulkanSelection.number(0).index(in: both) == 0)
    #expect(VulkanSelection.number(2).index(in: both) == nil)
    #expect(VulkanSelection.number(-1).index(in: both) == nil)
    #expect(VulkanSelection.name("h200").index(in: both) == 1)
    #expect(VulkanSelection.name("LLVMpipe").index(in: both) == 0)
    #expect(VulkanSelection.name("radeon").index(in: both) == nil)
  }
}
