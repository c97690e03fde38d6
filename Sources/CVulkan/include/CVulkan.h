/* Vulkan without linking to it: libvulkan is opened at run time, so that kvsim builds and runs on
   machines that have none. Nothing here is global, nothing is printed, and every failure is a code
   with a reason. Functions on one loader must not run at the same time. */
#ifndef CVULKAN_H
#define CVULKAN_H

#define VK_NO_PROTOTYPES 1
#include <vulkan/vulkan.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. */
typedef enum cvulkan_result {
  CVULKAN_OK = 0,
  /* libvulkan could not be opened: most often, it is not installed. */
  CVULKAN_NO_LIBRARY = 1,
  /* The library that was opened lacks a function that every Vulkan loader has. */
  CVULKAN_NOT_A_LOADER = 2,
  /* Vulkan is there, but no driver for any device is. */
  CVULKAN_NO_DRIVER = 3,
  /* Vulkan returned an error; the reason has its number. */
  CVULKAN_FAILED = 4,
  /* The device lacks a feature that the kernels need; the reason names it. */
  CVULKAN_MISSING_FEATURE = 5,
  /* The device or the host has no memory left. */
  CVULKAN_OUT_OF_MEMORY = 6,
  /* The device stopped answering or was reset. */
  CVULKAN_DEVICE_LOST = 7,
  /* What was submitted did not end in time. */
  CVULKAN_TIMED_OUT = 8,
} cvulkan_result;

/* What the validation layer said. */
typedef struct cvulkan_messages {
  uint64_t count;
  /* The first message, cut to fit. */
  char first[1024];
} cvulkan_messages;

/* An open library with an instance. Owned by the caller; its fields are for CVulkan and for whoever
   goes on with the instance. */
typedef struct cvulkan_loader {
  void *library;
  PFN_vkGetInstanceProcAddr get_instance_proc_addr;
  VkInstance instance;
  /* With validation: where its messages go. */
  cvulkan_messages *messages;
  VkDebugUtilsMessengerEXT messenger;
  /* The version that the instance was created for, as VK_MAKE_API_VERSION packs it. */
  uint32_t api_version;
  /* Why the last call failed; empty after success. */
  char reason[256];
} cvulkan_loader;

/* A physical device. */
typedef struct cvulkan_device {
  VkPhysicalDevice handle;
  char name[VK_MAX_PHYSICAL_DEVICE_NAME_SIZE];
  VkPhysicalDeviceType type;
  uint32_t vendor_id;
  /* As VK_MAKE_API_VERSION packs it. */
  uint32_t api_version;
  /* Name and version; empty where the device does not say. */
  char driver[VK_MAX_DRIVER_NAME_SIZE + VK_MAX_DRIVER_INFO_SIZE];
  /* The largest heap of memory local to the device, in bytes; 0 if it reports none. */
  uint64_t device_local_bytes;
  /* Whether storage buffers may hold 16-bit values. */
  bool has_16bit_storage;
} cvulkan_device;

/* Opens `library` (NULL for libvulkan.so.1) and creates an instance, with the Khronos validation
   layer and its synchronisation checks where `validates`. After a failure the loader holds the
   reason and nothing that needs closing. */
cvulkan_result cvulkan_open(cvulkan_loader *loader, const char *library, bool validates);

/* The same by the function that all others of Vulkan are asked of, where the caller has one. */
cvulkan_result cvulkan_open_by(cvulkan_loader *loader, PFN_vkGetInstanceProcAddr function,
                               bool validates);

/* Writes up to `capacity` devices in the loader's order, and how many there are to `count`, which
   may be more than `capacity`. */
cvulkan_result cvulkan_list_devices(cvulkan_loader *loader, cvulkan_device *devices,
                                    uint32_t capacity, uint32_t *count);

/* Destroys the instance and closes the library. Harmless on a loader that is closed already or was
   never opened, if it was zeroed. */
void cvulkan_close(cvulkan_loader *loader);

#include "CVulkanCompute.h"
#include "CVulkanShaders.h"

#ifdef __cplusplus
}
#endif

#endif
