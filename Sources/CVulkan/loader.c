#include "CVulkan.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps why a call failed, cut to fit, and passes its code on. */
__attribute__((format(printf, 3, 4))) static cvulkan_result
fail(cvulkan_loader *loader, cvulkan_result result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(loader->reason, sizeof loader->reason, format, arguments);
  va_end(arguments);
  return result;
}

/* Closes what has been opened so far, and keeps the reason. */
static cvulkan_result abandon(cvulkan_loader *loader, cvulkan_result result) {
  char reason[sizeof loader->reason];
  memcpy(reason, loader->reason, sizeof reason);
  cvulkan_close(loader);
  memcpy(loader->reason, reason, sizeof reason);
  return result;
}

static PFN_vkVoidFunction function(const cvulkan_loader *loader, const char *name) {
  return loader->get_instance_proc_addr(loader->instance, name);
}

static cvulkan_result open_library(cvulkan_loader *loader, const char *library) {
  loader->library = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!loader->library) {
    const char *error = dlerror();
    return fail(loader, CVULKAN_NO_LIBRARY, "%s", error ? error : library);
  }
  /* POSIX lets an object pointer be copied into a function pointer; ISO C has no cast for it. */
  void *symbol = dlsym(loader->library, "vkGetInstanceProcAddr");
  memcpy(&loader->get_instance_proc_addr, &symbol, sizeof symbol);
  if (!symbol) {
    return fail(loader, CVULKAN_NOT_A_LOADER, "%s has no vkGetInstanceProcAddr", library);
  }
  return CVULKAN_OK;
}

static VkBool32 VKAPI_CALL keep_message(VkDebugUtilsMessageSeverityFlagBitsEXT severity,
                                        VkDebugUtilsMessageTypeFlagsEXT types,
                                        const VkDebugUtilsMessengerCallbackDataEXT *data,
                                        void *user) {
  (void)severity;
  (void)types;
  cvulkan_messages *messages = user;
  if (messages->count++ == 0 && data->pMessage) {
    snprintf(messages->first, sizeof messages->first, "%s", data->pMessage);
  }
  return VK_FALSE;
}

/* The newest version up to 1.3 that the loader knows. One without vkEnumerateInstanceVersion is of
   version 1.0 and refuses anything newer. */
static uint32_t newest_version(const cvulkan_loader *loader) {
  PFN_vkEnumerateInstanceVersion version =
      (PFN_vkEnumerateInstanceVersion)function(loader, "vkEnumerateInstanceVersion");
  uint32_t available = VK_API_VERSION_1_0;
  if (version && version(&available) != VK_SUCCESS) available = VK_API_VERSION_1_0;
  return available < VK_API_VERSION_1_3 ? available : VK_API_VERSION_1_3;
}

static cvulkan_result create_instance(cvulkan_loader *loader, bool validates) {
  PFN_vkCreateInstance create = (PFN_vkCreateInstance)function(loader, "vkCreateInstance");
  if (!create) return fail(loader, CVULKAN_NOT_A_LOADER, "libvulkan has no vkCreateInstance");
  loader->api_version = newest_version(loader);
  const VkApplicationInfo application = {
      .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
      .pApplicationName = "kvsim",
      .apiVersion = loader->api_version,
  };
  static const VkValidationFeatureEnableEXT checks[] = {
      VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT};
  const VkValidationFeaturesEXT features = {
      .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
      .enabledValidationFeatureCount = 1,
      .pEnabledValidationFeatures = checks,
  };
  static const char *const layers[] = {"VK_LAYER_KHRONOS_validation"};
  static const char *const extensions[] = {VK_EXT_DEBUG_UTILS_EXTENSION_NAME};
  const VkInstanceCreateInfo information = {
      .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
      .pNext = validates ? &features : NULL,
      .pApplicationInfo = &application,
      .enabledLayerCount = validates ? 1 : 0,
      .ppEnabledLayerNames = layers,
      .enabledExtensionCount = validates ? 1 : 0,
      .ppEnabledExtensionNames = extensions,
  };
  VkResult result = create(&information, NULL, &loader->instance);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER) {
    return fail(loader, CVULKAN_NO_DRIVER, "libvulkan found no driver");
  }
  if (result == VK_ERROR_LAYER_NOT_PRESENT) {
    return fail(loader, CVULKAN_FAILED,
                "the Khronos validation layer is not installed (Debian: vulkan-validationlayers)");
  }
  if (result != VK_SUCCESS) {
    return fail(loader, CVULKAN_FAILED, "vkCreateInstance failed with VkResult %d", (int)result);
  }
  return CVULKAN_OK;
}

static cvulkan_result listen(cvulkan_loader *loader) {
  PFN_vkCreateDebugUtilsMessengerEXT create =
      (PFN_vkCreateDebugUtilsMessengerEXT)function(loader, "vkCreateDebugUtilsMessengerEXT");
  loader->messages = calloc(1, sizeof *loader->messages);
  if (!create || !loader->messages) {
    return fail(loader, CVULKAN_FAILED, "the validation layer cannot be listened to");
  }
  const VkDebugUtilsMessengerCreateInfoEXT information = {
      .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
      .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT
          | VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
      .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT
          | VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
      .pfnUserCallback = keep_message,
      .pUserData = loader->messages,
  };
  const VkResult result = create(loader->instance, &information, NULL, &loader->messenger);
  if (result == VK_SUCCESS) return CVULKAN_OK;
  return fail(loader, CVULKAN_FAILED, "vkCreateDebugUtilsMessengerEXT failed with VkResult %d",
              (int)result);
}

/* Goes on from the library's function. */
static cvulkan_result start(cvulkan_loader *loader, bool validates) {
  cvulkan_result result = create_instance(loader, validates);
  if (result == CVULKAN_OK && validates) result = listen(loader);
  return result == CVULKAN_OK ? CVULKAN_OK : abandon(loader, result);
}

cvulkan_result cvulkan_open(cvulkan_loader *loader, const char *library, bool validates) {
  memset(loader, 0, sizeof *loader);
  const cvulkan_result result = open_library(loader, library ? library : "libvulkan.so.1");
  return result == CVULKAN_OK ? start(loader, validates) : abandon(loader, result);
}

cvulkan_result cvulkan_open_by(cvulkan_loader *loader, PFN_vkGetInstanceProcAddr function,
                               bool validates) {
  memset(loader, 0, sizeof *loader);
  loader->get_instance_proc_addr = function;
  return start(loader, validates);
}

void cvulkan_close(cvulkan_loader *loader) {
  if (loader->messenger) {
    PFN_vkDestroyDebugUtilsMessengerEXT destroy =
        (PFN_vkDestroyDebugUtilsMessengerEXT)function(loader, "vkDestroyDebugUtilsMessengerEXT");
    if (destroy) destroy(loader->instance, loader->messenger, NULL);
  }
  if (loader->instance) {
    PFN_vkDestroyInstance destroy = (PFN_vkDestroyInstance)function(loader, "vkDestroyInstance");
    if (destroy) destroy(loader->instance, NULL);
  }
  if (loader->library) dlclose(loader->library);
  free(loader->messages);
  memset(loader, 0, sizeof *loader);
}

static uint64_t largest_local_heap(const VkPhysicalDeviceMemoryProperties *memory) {
  uint64_t largest = 0;
  for (uint32_t i = 0; i < memory->memoryHeapCount && i < VK_MAX_MEMORY_HEAPS; ++i) {
    const VkMemoryHeap *heap = &memory->memoryHeaps[i];
    if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap->size > largest) {
      largest = heap->size;
    }
  }
  return largest;
}

/* The query is part of Vulkan 1.1 of both instance and device. What is older is taken to have no
   16-bit storage, as it could only come by an extension that kvsim does not ask for. */
static bool stores_16bit(const cvulkan_loader *loader, VkPhysicalDevice device, uint32_t version) {
  PFN_vkGetPhysicalDeviceFeatures2 features =
      (PFN_vkGetPhysicalDeviceFeatures2)function(loader, "vkGetPhysicalDeviceFeatures2");
  if (loader->api_version < VK_API_VERSION_1_1 || version < VK_API_VERSION_1_1 || !features) {
    return false;
  }
  VkPhysicalDevice16BitStorageFeatures storage = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_16BIT_STORAGE_FEATURES,
  };
  VkPhysicalDeviceFeatures2 all = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
      .pNext = &storage,
  };
  features(device, &all);
  return storage.storageBuffer16BitAccess == VK_TRUE;
}

/* The driver's name and its version as it writes them itself, which Vulkan 1.2 asks of it; of an
   older device nothing. */
static void name_driver(const cvulkan_loader *loader, cvulkan_device *device) {
  PFN_vkGetPhysicalDeviceProperties2 properties =
      (PFN_vkGetPhysicalDeviceProperties2)function(loader, "vkGetPhysicalDeviceProperties2");
  if (loader->api_version < VK_API_VERSION_1_1 || device->api_version < VK_API_VERSION_1_2
      || !properties) {
    return;
  }
  VkPhysicalDeviceDriverProperties driver = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_DRIVER_PROPERTIES,
  };
  VkPhysicalDeviceProperties2 all = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &driver,
  };
  properties(device->handle, &all);
  snprintf(device->driver, sizeof device->driver, "%.*s %.*s", VK_MAX_DRIVER_NAME_SIZE - 1,
           driver.driverName, VK_MAX_DRIVER_INFO_SIZE - 1, driver.driverInfo);
}

cvulkan_result cvulkan_list_devices(cvulkan_loader *loader, cvulkan_device *devices,
                                    uint32_t capacity, uint32_t *count) {
  *count = 0;
  loader->reason[0] = '\0';
  PFN_vkEnumeratePhysicalDevices enumerate =
      (PFN_vkEnumeratePhysicalDevices)function(loader, "vkEnumeratePhysicalDevices");
  PFN_vkGetPhysicalDeviceProperties properties =
      (PFN_vkGetPhysicalDeviceProperties)function(loader, "vkGetPhysicalDeviceProperties");
  PFN_vkGetPhysicalDeviceMemoryProperties memory =
      (PFN_vkGetPhysicalDeviceMemoryProperties)function(loader,
                                                        "vkGetPhysicalDeviceMemoryProperties");
  if (!enumerate || !properties || !memory) {
    return fail(loader, CVULKAN_NOT_A_LOADER, "libvulkan lacks a function of Vulkan 1.0");
  }

  uint32_t found = 0;
  VkResult result = enumerate(loader->instance, &found, NULL);
  VkPhysicalDevice *handles = found ? calloc(found, sizeof *handles) : NULL;
  if (found && !handles) return fail(loader, CVULKAN_FAILED, "out of memory");
  if (result == VK_SUCCESS && found) result = enumerate(loader->instance, &found, handles);
  /* VK_INCOMPLETE means that a device came in between the two calls: the next listing has it. */
  if (result != VK_SUCCESS && result != VK_INCOMPLETE) {
    free(handles);
    return fail(loader, CVULKAN_FAILED, "vkEnumeratePhysicalDevices failed with VkResult %d",
                (int)result);
  }

  for (uint32_t i = 0; i < found && i < capacity; ++i) {
    VkPhysicalDeviceProperties about;
    VkPhysicalDeviceMemoryProperties heaps;
    properties(handles[i], &about);
    memory(handles[i], &heaps);
    cvulkan_device *device = &devices[i];
    memset(device, 0, sizeof *device);
    device->handle = handles[i];
    memcpy(device->name, about.deviceName, sizeof device->name);
    device->name[sizeof device->name - 1] = '\0';
    device->type = about.deviceType;
    device->vendor_id = about.vendorID;
    device->api_version = about.apiVersion;
    device->device_local_bytes = largest_local_heap(&heaps);
    device->has_16bit_storage = stores_16bit(loader, handles[i], about.apiVersion);
    name_driver(loader, device);
  }
  free(handles);
  *count = found;
  return CVULKAN_OK;
}
