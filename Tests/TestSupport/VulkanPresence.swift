import Kernels

/// Whether this machine has a Vulkan device, if only llvmpipe. CI installs one.
public var hasVulkanDevice: Bool {
  if case .devices = VulkanListing.list() { return true }
  return false
}
