#include "FaultyVulkan.h"

#include <dlfcn.h>
#include <string.h>

static struct {
  /* Of the function that is to fail, and of the one that did. */
  char name[64], failed[64];
  uint64_t call, count;
  VkResult result;
  faulty_feature hidden;
} plan;

void faulty_arm(const char *name, uint64_t call, VkResult result) {
  strncpy(plan.name, name ? name : "", sizeof plan.name - 1);
  plan.call = call;
  plan.result = result;
  plan.count = 0;
  plan.failed[0] = '\0';
}

const char *faulty_failed(void) { return plan.failed; }
void faulty_hide(faulty_feature feature) { plan.hidden = feature; }

/* Counts a call: whether it is the one that fails. */
static bool is_due(const char *name) {
  if (plan.name[0] && strcmp(plan.name, name)) return false;
  if (++plan.count != plan.call) return false;
  strncpy(plan.failed, name, sizeof plan.failed - 1);
  return true;
}

/* Functions that may fail: name, parameters, arguments. */
#define FUNCTIONS(f) \
  f(EnumeratePhysicalDevices, (VkInstance a, uint32_t *b, VkPhysicalDevice *c), (a, b, c)) \
  f(CreateDevice, (VkPhysicalDevice a, const VkDeviceCreateInfo *b, \
                   const VkAllocationCallbacks *c, VkDevice *d), (a, b, c, d)) \
  f(AllocateCommandBuffers, (VkDevice a, const VkCommandBufferAllocateInfo *b, \
                             VkCommandBuffer *c), (a, b, c)) \
  f(AllocateMemory, (VkDevice a, const VkMemoryAllocateInfo *b, const VkAllocationCallbacks *c, \
                     VkDeviceMemory *d), (a, b, c, d)) \
  f(BeginCommandBuffer, (VkCommandBuffer a, const VkCommandBufferBeginInfo *b), (a, b)) \
  f(BindBufferMemory, (VkDevice a, VkBuffer b, VkDeviceMemory c, VkDeviceSize d), (a, b, c, d)) \
  f(CreateBuffer, (VkDevice a, const VkBufferCreateInfo *b, const VkAllocationCallbacks *c, \
                   VkBuffer *d), (a, b, c, d)) \
  f(CreateCommandPool, (VkDevice a, const VkCommandPoolCreateInfo *b, \
                        const VkAllocationCallbacks *c, VkCommandPool *d), (a, b, c, d)) \
  f(CreateComputePipelines, (VkDevice a, VkPipelineCache b, uint32_t c, \
                             const VkComputePipelineCreateInfo *d, \
                             const VkAllocationCallbacks *e, VkPipeline *g), (a, b, c, d, e, g)) \
  f(CreateFence, (VkDevice a, const VkFenceCreateInfo *b, const VkAllocationCallbacks *c, \
                  VkFence *d), (a, b, c, d)) \
  f(CreatePipelineCache, (VkDevice a, const VkPipelineCacheCreateInfo *b, \
                          const VkAllocationCallbacks *c, VkPipelineCache *d), (a, b, c, d)) \
  f(CreatePipelineLayout, (VkDevice a, const VkPipelineLayoutCreateInfo *b, \
                           const VkAllocationCallbacks *c, VkPipelineLayout *d), (a, b, c, d)) \
  f(CreateQueryPool, (VkDevice a, const VkQueryPoolCreateInfo *b, \
                      const VkAllocationCallbacks *c, VkQueryPool *d), (a, b, c, d)) \
  f(CreateShaderModule, (VkDevice a, const VkShaderModuleCreateInfo *b, \
                         const VkAllocationCallbacks *c, VkShaderModule *d), (a, b, c, d)) \
  f(EndCommandBuffer, (VkCommandBuffer a), (a)) \
  f(GetQueryPoolResults, (VkDevice a, VkQueryPool b, uint32_t c, uint32_t d, size_t e, void *g, \
                          VkDeviceSize h, VkQueryResultFlags i), (a, b, c, d, e, g, h, i)) \
  f(MapMemory, (VkDevice a, VkDeviceMemory b, VkDeviceSize c, VkDeviceSize d, \
                VkMemoryMapFlags e, void **g), (a, b, c, d, e, g)) \
  f(QueueSubmit, (VkQueue a, uint32_t b, const VkSubmitInfo *c, VkFence d), (a, b, c, d)) \
  f(ResetCommandBuffer, (VkCommandBuffer a, VkCommandBufferResetFlags b), (a, b)) \
  f(ResetFences, (VkDevice a, uint32_t b, const VkFence *c), (a, b, c))

#define DEFINE(name, parameters, arguments) \
  static PFN_vk##name real_##name; \
  static VkResult VKAPI_CALL faulty_##name parameters { \
    return is_due("vk" #name) ? plan.result : real_##name arguments; \
  }
FUNCTIONS(DEFINE)
#undef DEFINE

static PFN_vkWaitForFences real_WaitForFences;
static VkResult VKAPI_CALL faulty_WaitForFences(VkDevice device, uint32_t count,
                                                const VkFence *fences, VkBool32 all,
                                                uint64_t timeout_ns) {
  if (!is_due("vkWaitForFences")) {
    return real_WaitForFences(device, count, fences, all, timeout_ns);
  }
  if (plan.result == VK_ERROR_DEVICE_LOST) {
    real_WaitForFences(device, count, fences, all, UINT64_MAX);
  }
  return plan.result;
}

static PFN_vkGetPhysicalDeviceFeatures2 real_GetPhysicalDeviceFeatures2;
static void VKAPI_CALL faulty_GetPhysicalDeviceFeatures2(VkPhysicalDevice device,
                                                         VkPhysicalDeviceFeatures2 *features) {
  real_GetPhysicalDeviceFeatures2(device, features);
  if (plan.hidden == FAULTY_INT64) features->features.shaderInt64 = VK_FALSE;
  for (VkBaseOutStructure *each = features->pNext; each; each = each->pNext) {
    if (each->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES
        && plan.hidden == FAULTY_16BIT_STORAGE) {
      ((VkPhysicalDeviceVulkan11Features *)each)->storageBuffer16BitAccess = VK_FALSE;
    }
    if (each->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
        && plan.hidden == FAULTY_BUFFER_ADDRESS) {
      ((VkPhysicalDeviceVulkan12Features *)each)->bufferDeviceAddress = VK_FALSE;
    }
  }
}

static PFN_vkGetPhysicalDeviceProperties2 real_GetPhysicalDeviceProperties2;
static void VKAPI_CALL faulty_GetPhysicalDeviceProperties2(
    VkPhysicalDevice device, VkPhysicalDeviceProperties2 *properties) {
  real_GetPhysicalDeviceProperties2(device, properties);
  for (VkBaseOutStructure *each = properties->pNext; each; each = each->pNext) {
    if (each->sType == VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES
        && plan.hidden == FAULTY_SUBGROUP_ARITHMETIC) {
      ((VkPhysicalDeviceSubgroupProperties *)each)->supportedOperations =
          VK_SUBGROUP_FEATURE_BASIC_BIT;
    }
  }
}

/* `real`, or what stands in for it, which then calls it. */
static PFN_vkVoidFunction wrapped(const char *name, PFN_vkVoidFunction real) {
  if (!real) return real;
#define WRAP(function, ...) \
  if (!strcmp(name, "vk" #function)) { \
    real_##function = (PFN_vk##function)real; \
    return (PFN_vkVoidFunction)faulty_##function; \
  }
  FUNCTIONS(WRAP)
  WRAP(WaitForFences)
  WRAP(GetPhysicalDeviceFeatures2)
  WRAP(GetPhysicalDeviceProperties2)
#undef WRAP
  return real;
}

static PFN_vkGetDeviceProcAddr real_GetDeviceProcAddr;
static PFN_vkVoidFunction VKAPI_CALL faulty_get_device_proc_addr(VkDevice device,
                                                                 const char *name) {
  return wrapped(name, real_GetDeviceProcAddr(device, name));
}

PFN_vkVoidFunction VKAPI_CALL faulty_get_instance_proc_addr(VkInstance instance,
                                                            const char *name) {
  static PFN_vkGetInstanceProcAddr real;
  if (!real) {
    void *library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "vkGetInstanceProcAddr") : NULL;
    memcpy(&real, &symbol, sizeof symbol);
    if (!real) return NULL;
  }
  if (!strcmp(name, "vkGetDeviceProcAddr")) {
    real_GetDeviceProcAddr = (PFN_vkGetDeviceProcAddr)real(instance, name);
    return (PFN_vkVoidFunction)faulty_get_device_proc_addr;
  }
  return wrapped(name, real(instance, name));
}
