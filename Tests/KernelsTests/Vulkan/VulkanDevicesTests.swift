import Testing

@testable import Kernels

/// These hold on machines with Vulkan and on machines without.
@Suite struct VulkanDevicesTests {
  @Test("Listing twice gives the same, and what is listed is plausible")
  func listing() {
    let listing = VulkanListing.list()
    #expect(VulkanListing.list() == listing)
    switch listing {
    case .unavailable(let reason):
      #expect(reason.contains("Vulkan") || reason.contains("libvulkan"))
    case .devices(let devices):
      #expect(!devices.isEmpty)
      for device in devices {
        #expect(!device.name.isEmpty)
        #expect(device.apiVersion >= VulkanDevice.Version(packed: 1 << 22))
        #expect(device.vendorID != 0)
        #expect(
          !device.driver.isEmpty
            || device.apiVersion < VulkanDevice.Version(packed: 1 << 22 | 2 << 12))
        #expect(device.deviceLocalBytes > 0)
      }
    }
  }

  @Test("Without the library, the reason says what to install")
  func withoutLibrary() {
    let listing = VulkanListing.list(library: "libkvsim-no-such-vulkan.so.1")
    guard case .unavailable(let reason) = listing else {
      Issue.record("a library that does not exist listed \(listing)")
      return
    }
    #expect(reason.contains("apt-get install libvulkan1 mesa-vulkan-drivers"))
    #expect(reason.contains("libkvsim-no-such-vulkan.so.1"))
  }

  @Test("A library that is no Vulkan loader is refused by name")
  func otherLibrary() {
    let listing = VulkanListing.list(library: "libsqlite3.so.0")
    guard case .unavailable(let reason) = listing else {
      Issue.record("a library that is no loader listed \(listing)")
      return
    }
    #expect(reason.contains("libsqlite3.so.0"))
  }

  @Test("A packed version unpacks into its three numbers, without the variant")
  func versions() {
    let version = VulkanDevice.Version(packed: 1 << 29 | 1 << 22 | 3 << 12 | 239)
    #expect(version.description == "1.3.239")
    #expect(VulkanDevice.Version(packed: 1 << 22 | 2 << 12) < version)
  }
}
