#include "CVulkan.h"

#include "device_features.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Functions of a device, by the names that Vulkan gives them. */
#define DEVICE_FUNCTIONS(f) \
  f(AllocateCommandBuffers) f(AllocateMemory) f(BeginCommandBuffer) f(BindBufferMemory) \
  f(CmdBindPipeline) f(CmdCopyBuffer) f(CmdDispatch) f(CmdFillBuffer) f(CmdPipelineBarrier) \
  f(CmdPushConstants) f(CmdResetQueryPool) f(CmdWriteTimestamp) f(CreateBuffer) \
  f(CreateCommandPool) f(CreateComputePipelines) f(CreateFence) f(CreatePipelineCache) \
  f(CreatePipelineLayout) f(CreateQueryPool) f(CreateShaderModule) f(DestroyBuffer) \
  f(DestroyCommandPool) f(DestroyDevice) f(DestroyFence) f(DestroyPipeline) \
  f(DestroyPipelineCache) f(DestroyPipelineLayout) f(DestroyQueryPool) f(DestroyShaderModule) \
  f(DeviceWaitIdle) f(EndCommandBuffer) f(FreeMemory) f(GetBufferDeviceAddress) \
  f(GetBufferMemoryRequirements) f(GetDeviceQueue) f(GetQueryPoolResults) f(MapMemory) \
  f(QueueSubmit) f(ResetCommandBuffer) f(ResetFences) f(WaitForFences)

struct cvulkan_compute {
  VkDevice device;
  VkQueue queue;
  VkPhysicalDeviceMemoryProperties heaps;
  VkPipelineCache cache;
  VkPipelineLayout layout;
  VkCommandPool pool;
  VkCommandBuffer commands;
  VkFence fence;
  VkQueryPool stamps;
  bool is_recording;
  /* CVULKAN_OK, or what made the device useless. */
  cvulkan_result fate;
  char reason[256];
#define MEMBER(name) PFN_vk##name name;
  DEVICE_FUNCTIONS(MEMBER)
#undef MEMBER
};

__attribute__((format(printf, 3, 4))) static cvulkan_result
fail(cvulkan_compute *c, cvulkan_result result, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(c->reason, sizeof c->reason, format, arguments);
  va_end(arguments);
  if (result == CVULKAN_DEVICE_LOST || result == CVULKAN_TIMED_OUT) c->fate = result;
  return result;
}

/* What a VkResult of `call` comes to. */
static cvulkan_result judge(cvulkan_compute *c, VkResult result, const char *call) {
  switch (result) {
    case VK_SUCCESS: return CVULKAN_OK;
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
      return fail(c, CVULKAN_OUT_OF_MEMORY, "%s: the device has no memory left", call);
    case VK_ERROR_OUT_OF_HOST_MEMORY:
      return fail(c, CVULKAN_OUT_OF_MEMORY, "%s: the host has no memory left", call);
    case VK_ERROR_DEVICE_LOST:
      return fail(c, CVULKAN_DEVICE_LOST, "%s: the device stopped answering", call);
    case VK_TIMEOUT: return fail(c, CVULKAN_TIMED_OUT, "%s: no end within the time given", call);
    default: return fail(c, CVULKAN_FAILED, "%s failed with VkResult %d", call, (int)result);
  }
}

static cvulkan_result create_device(cvulkan_compute *c, const cvulkan_loader *loader,
                                    VkPhysicalDevice device, uint32_t family) {
  const float priority = 1;
  const VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                         .queueFamilyIndex = family,
                                         .queueCount = 1,
                                         .pQueuePriorities = &priority};
  VkPhysicalDeviceVulkan11Features v11 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
      .storageBuffer16BitAccess = VK_TRUE};
  cvulkan_optional_features optional;
  cvulkan_ask_optional(loader, device, &optional);
  static const char *const extensions[] = {VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME};
  optional.matrices.pNext = NULL;
  optional.matrices.cooperativeMatrixRobustBufferAccess = VK_FALSE;
  if (optional.has_matrices) v11.pNext = &optional.matrices;
  VkPhysicalDeviceVulkan12Features v12 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
      .pNext = &v11,
      .bufferDeviceAddress = VK_TRUE,
      .shaderFloat16 = optional.has_matrices,
      .vulkanMemoryModel = optional.has_matrices};
  const VkPhysicalDeviceFeatures2 features = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
      .pNext = &v12,
      .features = {.shaderInt64 = VK_TRUE}};
  const VkDeviceCreateInfo information = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                          .pNext = &features,
                                          .queueCreateInfoCount = 1,
                                          .pQueueCreateInfos = &queue,
                                          .enabledExtensionCount = optional.has_matrices,
                                          .ppEnabledExtensionNames = extensions};
  PFN_vkCreateDevice create =
      (PFN_vkCreateDevice)cvulkan_function_of(loader, "vkCreateDevice");
  PFN_vkGetDeviceProcAddr address =
      (PFN_vkGetDeviceProcAddr)cvulkan_function_of(loader, "vkGetDeviceProcAddr");
  if (!create || !address) return fail(c, CVULKAN_NOT_A_LOADER, "libvulkan makes no devices");
  const cvulkan_result made =
      judge(c, create(device, &information, NULL, &c->device), "vkCreateDevice");
  if (made != CVULKAN_OK) return made;
#define LOAD(name) \
  c->name = (PFN_vk##name)address(c->device, "vk" #name); \
  if (!c->name) return fail(c, CVULKAN_NOT_A_LOADER, "the driver lacks vk" #name);
  DEVICE_FUNCTIONS(LOAD)
#undef LOAD
  c->GetDeviceQueue(c->device, family, 0, &c->queue);
  return CVULKAN_OK;
}

static cvulkan_result create_objects(cvulkan_compute *c, uint32_t family) {
  const VkPipelineCacheCreateInfo cache = {.sType =
                                               VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO};
  const VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
                                     .size = CVULKAN_PUSH_BYTES};
  const VkPipelineLayoutCreateInfo layout = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
      .pushConstantRangeCount = 1,
      .pPushConstantRanges = &range};
  const VkCommandPoolCreateInfo pool = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
      .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
      .queueFamilyIndex = family};
  const VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
  const VkQueryPoolCreateInfo stamps = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                        .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                        .queryCount = CVULKAN_STAMPS};
  VkResult result = c->CreatePipelineCache(c->device, &cache, NULL, &c->cache);
  if (result == VK_SUCCESS) {
    result = c->CreatePipelineLayout(c->device, &layout, NULL, &c->layout);
  }
  if (result == VK_SUCCESS) result = c->CreateCommandPool(c->device, &pool, NULL, &c->pool);
  const VkCommandBufferAllocateInfo commands = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
      .commandPool = c->pool,
      .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
      .commandBufferCount = 1};
  if (result == VK_SUCCESS) result = c->AllocateCommandBuffers(c->device, &commands, &c->commands);
  if (result == VK_SUCCESS) result = c->CreateFence(c->device, &fence, NULL, &c->fence);
  if (result == VK_SUCCESS) result = c->CreateQueryPool(c->device, &stamps, NULL, &c->stamps);
  return judge(c, result, "making the device's objects");
}

cvulkan_result cvulkan_compute_open(const cvulkan_loader *loader, VkPhysicalDevice device,
                                    cvulkan_compute **compute, char *reason) {
  *compute = NULL;
  reason[0] = '\0';
  cvulkan_compute *c = calloc(1, sizeof *c);
  if (!c) return CVULKAN_OUT_OF_MEMORY;
  cvulkan_features features;
  cvulkan_ask_features(loader, device, &features);
  uint32_t bits = 0;
  const uint32_t family = cvulkan_compute_family(loader, device, &bits);
  const char *lacks = family == UINT32_MAX ? "a queue that computes" : cvulkan_missing(&features);
  PFN_vkGetPhysicalDeviceMemoryProperties heaps =
      (PFN_vkGetPhysicalDeviceMemoryProperties)cvulkan_function_of(
          loader, "vkGetPhysicalDeviceMemoryProperties");
  cvulkan_result result = CVULKAN_OK;
  if (lacks) {
    result = fail(c, CVULKAN_MISSING_FEATURE, "the device lacks %s", lacks);
  } else {
    heaps(device, &c->heaps);
    result = create_device(c, loader, device, family);
    if (result == CVULKAN_OK) result = create_objects(c, family);
  }
  if (result == CVULKAN_OK) {
    *compute = c;
    return CVULKAN_OK;
  }
  memcpy(reason, c->reason, sizeof c->reason);
  cvulkan_compute_close(c);
  return result;
}

bool cvulkan_compute_close(cvulkan_compute *c) {
  if (!c) return true;
  /* What is still running cannot be waited for, and must not lose what it runs on. */
  if (c->fate == CVULKAN_TIMED_OUT) return false;
  if (c->device && c->DestroyDevice) {
    if (c->DeviceWaitIdle) c->DeviceWaitIdle(c->device);
    if (c->DestroyQueryPool) c->DestroyQueryPool(c->device, c->stamps, NULL);
    if (c->DestroyFence) c->DestroyFence(c->device, c->fence, NULL);
    if (c->DestroyCommandPool) c->DestroyCommandPool(c->device, c->pool, NULL);
    if (c->DestroyPipelineLayout) c->DestroyPipelineLayout(c->device, c->layout, NULL);
    if (c->DestroyPipelineCache) c->DestroyPipelineCache(c->device, c->cache, NULL);
    c->DestroyDevice(c->device, NULL);
  }
  free(c);
  return true;
}

const char *cvulkan_compute_reason(const cvulkan_compute *c) { return c->reason; }

/* A kind of memory that `bits` allow and that has `wanted`; UINT32_MAX where there is none. */
static uint32_t memory_kind(const cvulkan_compute *c, uint32_t bits, VkMemoryPropertyFlags wanted) {
  for (uint32_t i = 0; i < c->heaps.memoryTypeCount; ++i) {
    const VkMemoryPropertyFlags flags = c->heaps.memoryTypes[i].propertyFlags;
    if ((bits >> i & 1) && (flags & wanted) == wanted) return i;
  }
  return UINT32_MAX;
}

static cvulkan_result bind_memory(cvulkan_compute *c, bool is_host_visible,
                                  cvulkan_memory *memory) {
  VkMemoryRequirements needs;
  c->GetBufferMemoryRequirements(c->device, memory->buffer, &needs);
  VkMemoryPropertyFlags wanted = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT;
  if (is_host_visible) {
    wanted = VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  }
  uint32_t kind = UINT32_MAX;
  /* Reading uncached memory back takes a hundred times as long. */
  if (is_host_visible) {
    kind = memory_kind(c, needs.memoryTypeBits, wanted | VK_MEMORY_PROPERTY_HOST_CACHED_BIT);
  }
  if (kind == UINT32_MAX) kind = memory_kind(c, needs.memoryTypeBits, wanted);
  if (kind == UINT32_MAX) return fail(c, CVULKAN_FAILED, "the device has no such memory");
  const VkMemoryAllocateFlagsInfo flags = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
      .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
  const VkMemoryAllocateInfo information = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                            .pNext = &flags,
                                            .allocationSize = needs.size,
                                            .memoryTypeIndex = kind};
  VkResult result = c->AllocateMemory(c->device, &information, NULL, &memory->memory);
  if (result == VK_SUCCESS) {
    result = c->BindBufferMemory(c->device, memory->buffer, memory->memory, 0);
  }
  if (result == VK_SUCCESS && is_host_visible) {
    result = c->MapMemory(c->device, memory->memory, 0, VK_WHOLE_SIZE, 0, &memory->mapped);
  }
  return judge(c, result, "vkAllocateMemory");
}

cvulkan_result cvulkan_allocate(cvulkan_compute *c, uint64_t byte_count, bool is_host_visible,
                                cvulkan_memory *memory) {
  memset(memory, 0, sizeof *memory);
  if (c->fate != CVULKAN_OK) return c->fate;
  const VkBufferCreateInfo information = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
      .size = byte_count,
      .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT
          | VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
  cvulkan_result result = judge(
      c, c->CreateBuffer(c->device, &information, NULL, &memory->buffer), "vkCreateBuffer");
  if (result == CVULKAN_OK) result = bind_memory(c, is_host_visible, memory);
  if (result != CVULKAN_OK) {
    cvulkan_free(c, memory);
    return result;
  }
  const VkBufferDeviceAddressInfo address = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = memory->buffer};
  memory->address = c->GetBufferDeviceAddress(c->device, &address);
  memory->byte_count = byte_count;
  return CVULKAN_OK;
}

void cvulkan_free(cvulkan_compute *c, cvulkan_memory *memory) {
  if (c->fate != CVULKAN_TIMED_OUT) {
    c->DestroyBuffer(c->device, memory->buffer, NULL);
    c->FreeMemory(c->device, memory->memory, NULL);
  }
  memset(memory, 0, sizeof *memory);
}

cvulkan_result cvulkan_make_pipeline(cvulkan_compute *c, const void *spirv, size_t byte_count,
                                     const uint32_t *constants, uint32_t constant_count,
                                     VkPipeline *pipeline) {
  enum { MOST = 32 };
  *pipeline = VK_NULL_HANDLE;
  if (c->fate != CVULKAN_OK) return c->fate;
  if (constant_count > MOST) return fail(c, CVULKAN_FAILED, "too many constants");
  VkSpecializationMapEntry entries[MOST];
  for (uint32_t i = 0; i < constant_count; ++i) {
    entries[i] = (VkSpecializationMapEntry){i, i * (uint32_t)sizeof *constants, sizeof *constants};
  }
  const VkSpecializationInfo special = {constant_count, entries,
                                        constant_count * sizeof *constants, constants};
  const VkShaderModuleCreateInfo code = {.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
                                         .codeSize = byte_count,
                                         .pCode = spirv};
  VkShaderModule module;
  const cvulkan_result loaded =
      judge(c, c->CreateShaderModule(c->device, &code, NULL, &module), "vkCreateShaderModule");
  if (loaded != CVULKAN_OK) return loaded;
  const VkComputePipelineCreateInfo information = {
      .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
      .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                .module = module,
                .pName = "main",
                .pSpecializationInfo = &special},
      .layout = c->layout};
  const VkResult result =
      c->CreateComputePipelines(c->device, c->cache, 1, &information, NULL, pipeline);
  c->DestroyShaderModule(c->device, module, NULL);
  return judge(c, result, "vkCreateComputePipelines");
}

void cvulkan_destroy_pipeline(cvulkan_compute *c, VkPipeline pipeline) {
  if (c->fate != CVULKAN_TIMED_OUT) c->DestroyPipeline(c->device, pipeline, NULL);
}

cvulkan_result cvulkan_begin(cvulkan_compute *c) {
  if (c->fate != CVULKAN_OK) return c->fate;
  const VkCommandBufferBeginInfo information = {
      .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
  VkResult result = c->ResetCommandBuffer(c->commands, 0);
  if (result == VK_SUCCESS) result = c->BeginCommandBuffer(c->commands, &information);
  if (result == VK_SUCCESS) {
    c->CmdResetQueryPool(c->commands, c->stamps, 0, CVULKAN_STAMPS);
    c->is_recording = true;
  }
  return judge(c, result, "vkBeginCommandBuffer");
}

void cvulkan_dispatch(cvulkan_compute *c, VkPipeline pipeline, const void *push,
                      uint32_t push_bytes, uint32_t x, uint32_t y, uint32_t z) {
  c->CmdBindPipeline(c->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
  c->CmdPushConstants(c->commands, c->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, push_bytes, push);
  c->CmdDispatch(c->commands, x, y, z);
}

/* Between shaders alone: naming copies and the host too costs an H200 1 us each time. */
void cvulkan_barrier(cvulkan_compute *c) {
  const VkMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
      .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
      .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT};
  c->CmdPipelineBarrier(c->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
                        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

/* Between everything, the host included. */
static void separate(cvulkan_compute *c) {
  const VkAccessFlags writes = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT;
  const VkMemoryBarrier barrier = {
      .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
      .srcAccessMask = writes,
      .dstAccessMask = writes | VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_TRANSFER_READ_BIT
          | VK_ACCESS_HOST_READ_BIT};
  const VkPipelineStageFlags work =
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
  c->CmdPipelineBarrier(c->commands, work, work | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0,
                        NULL, 0, NULL);
}

void cvulkan_copy(cvulkan_compute *c, const cvulkan_memory *from, uint64_t from_offset,
                  const cvulkan_memory *to, uint64_t to_offset, uint64_t byte_count) {
  const VkBufferCopy copy = {from_offset, to_offset, byte_count};
  separate(c);
  c->CmdCopyBuffer(c->commands, from->buffer, to->buffer, 1, &copy);
  separate(c);
}

void cvulkan_fill(cvulkan_compute *c, const cvulkan_memory *memory, uint32_t word) {
  separate(c);
  c->CmdFillBuffer(c->commands, memory->buffer, 0, VK_WHOLE_SIZE, word);
  separate(c);
}

void cvulkan_stamp(cvulkan_compute *c, uint32_t index) {
  c->CmdWriteTimestamp(c->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, c->stamps, index);
}

cvulkan_result cvulkan_submit(cvulkan_compute *c, uint64_t timeout_ns) {
  if (c->fate != CVULKAN_OK) return c->fate;
  VkResult result = VK_SUCCESS;
  if (c->is_recording) {
    separate(c);
    result = c->EndCommandBuffer(c->commands);
  }
  c->is_recording = false;
  if (result == VK_SUCCESS) result = c->ResetFences(c->device, 1, &c->fence);
  const VkSubmitInfo information = {.sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
                                    .commandBufferCount = 1,
                                    .pCommandBuffers = &c->commands};
  if (result == VK_SUCCESS) result = c->QueueSubmit(c->queue, 1, &information, c->fence);
  if (result != VK_SUCCESS) return judge(c, result, "running the commands");
  result = c->WaitForFences(c->device, 1, &c->fence, VK_TRUE, timeout_ns);
  /* Waiting may fail for want of memory while the commands run on what the caller frees next. */
  if (result < 0 && result != VK_ERROR_DEVICE_LOST && c->DeviceWaitIdle(c->device) != VK_SUCCESS) {
    result = VK_TIMEOUT;
  }
  return judge(c, result, "running the commands");
}

cvulkan_result cvulkan_read_stamps(cvulkan_compute *c, uint32_t count, uint64_t *ticks) {
  if (c->fate != CVULKAN_OK) return c->fate;
  const VkResult result =
      c->GetQueryPoolResults(c->device, c->stamps, 0, count, count * sizeof *ticks, ticks,
                             sizeof *ticks, VK_QUERY_RESULT_64_BIT | VK_QUERY_RESULT_WAIT_BIT);
  return judge(c, result, "vkGetQueryPoolResults");
}
