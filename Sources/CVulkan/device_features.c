#include "device_features.h"

#include <stdlib.h>
#include <string.h>

PFN_vkVoidFunction cvulkan_function_of(const cvulkan_loader *loader, const char *name) {
  return loader->get_instance_proc_addr(loader->instance, name);
}

/* The first family of queues that computes; one that does nothing else is as good. UINT32_MAX where
   there is none. */
uint32_t cvulkan_compute_family(const cvulkan_loader *loader, VkPhysicalDevice device,
                               uint32_t *timestamp_bits) {
  PFN_vkGetPhysicalDeviceQueueFamilyProperties ask =
      (PFN_vkGetPhysicalDeviceQueueFamilyProperties)cvulkan_function_of(
          loader, "vkGetPhysicalDeviceQueueFamilyProperties");
  VkQueueFamilyProperties families[32];
  uint32_t count = 32;
  ask(device, &count, families);
  for (uint32_t i = 0; i < count; ++i) {
    if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
      *timestamp_bits = families[i].timestampValidBits;
      return i;
    }
  }
  return UINT32_MAX;
}

static bool has_extension(const cvulkan_loader *loader, VkPhysicalDevice device, const char *name) {
  PFN_vkEnumerateDeviceExtensionProperties ask =
      (PFN_vkEnumerateDeviceExtensionProperties)cvulkan_function_of(
          loader, "vkEnumerateDeviceExtensionProperties");
  uint32_t count = 0;
  if (!ask || ask(device, NULL, &count, NULL) != VK_SUCCESS || count == 0) return false;
  VkExtensionProperties *all = calloc(count, sizeof *all);
  if (!all) return false;
  bool found = false;
  if (ask(device, NULL, &count, all) >= VK_SUCCESS) {
    for (uint32_t i = 0; i < count && !found; ++i) found = !strcmp(all[i].extensionName, name);
  }
  free(all);
  return found;
}

/* Products of halves into floats for a subgroup, in the one size that shaders use. */
static bool multiplies_16x8x16(const cvulkan_loader *loader, VkPhysicalDevice device) {
  PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR ask =
      (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)cvulkan_function_of(
          loader, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
  enum { MOST = 256 };
  uint32_t count = MOST;
  VkCooperativeMatrixPropertiesKHR *all = ask ? calloc(MOST, sizeof *all) : NULL;
  if (!all) return false;
  for (uint32_t i = 0; i < MOST; ++i) {
    all[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
  }
  bool found = false;
  if (ask(device, &count, all) >= VK_SUCCESS) {
    for (uint32_t i = 0; i < count && !found; ++i) {
      found = all[i].MSize == 16 && all[i].NSize == 8 && all[i].KSize == 16
          && all[i].AType == VK_COMPONENT_TYPE_FLOAT16_KHR
          && all[i].BType == VK_COMPONENT_TYPE_FLOAT16_KHR
          && all[i].CType == VK_COMPONENT_TYPE_FLOAT32_KHR
          && all[i].ResultType == VK_COMPONENT_TYPE_FLOAT32_KHR
          && all[i].scope == VK_SCOPE_SUBGROUP_KHR;
    }
  }
  free(all);
  return found;
}

/* What of the optional features the device has; the chain begins at `v12`. */
void cvulkan_ask_optional(const cvulkan_loader *loader, VkPhysicalDevice device,
                         cvulkan_optional_features *optional) {
  memset(optional, 0, sizeof *optional);
  PFN_vkGetPhysicalDeviceFeatures2 ask =
      (PFN_vkGetPhysicalDeviceFeatures2)cvulkan_function_of(loader, "vkGetPhysicalDeviceFeatures2");
  optional->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
  optional->matrices.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
  const bool knows_matrices =
      has_extension(loader, device, VK_KHR_COOPERATIVE_MATRIX_EXTENSION_NAME);
  optional->v12.pNext = knows_matrices ? &optional->matrices : NULL;
  VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                   .pNext = &optional->v12};
  ask(device, &all);
  optional->has_matrices = knows_matrices && optional->matrices.cooperativeMatrix
      && optional->v12.shaderFloat16 && optional->v12.vulkanMemoryModel
      && multiplies_16x8x16(loader, device);
}

/* 0 where the driver does not say. */
static uint32_t multiprocessors(const cvulkan_loader *loader, VkPhysicalDevice device) {
  if (!has_extension(loader, device, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME)) return 0;
  PFN_vkGetPhysicalDeviceProperties2 ask =
      (PFN_vkGetPhysicalDeviceProperties2)cvulkan_function_of(loader,
                                                            "vkGetPhysicalDeviceProperties2");
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV builtins = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
  VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                     .pNext = &builtins};
  ask(device, &all);
  return builtins.shaderSMCount;
}

void cvulkan_ask_features(const cvulkan_loader *loader, VkPhysicalDevice device,
                          cvulkan_features *features) {
  memset(features, 0, sizeof *features);
  PFN_vkGetPhysicalDeviceProperties2 properties =
      (PFN_vkGetPhysicalDeviceProperties2)cvulkan_function_of(loader,
                                                            "vkGetPhysicalDeviceProperties2");
  PFN_vkGetPhysicalDeviceFeatures2 ask =
      (PFN_vkGetPhysicalDeviceFeatures2)cvulkan_function_of(loader, "vkGetPhysicalDeviceFeatures2");
  if (!properties || !ask || loader->api_version < VK_API_VERSION_1_2) return;
  VkPhysicalDeviceSubgroupProperties subgroups = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_PROPERTIES};
  VkPhysicalDeviceProperties2 about = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &subgroups};
  properties(device, &about);
  if (about.properties.apiVersion < VK_API_VERSION_1_2) return;
  VkPhysicalDeviceVulkan11Features v11 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES};
  VkPhysicalDeviceVulkan12Features v12 = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES, .pNext = &v11};
  VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                   .pNext = &v12};
  ask(device, &all);
  const VkSubgroupFeatureFlags needed =
      VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT
      | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | VK_SUBGROUP_FEATURE_SHUFFLE_BIT;
  features->buffer_address = v12.bufferDeviceAddress;
  features->int64 = all.features.shaderInt64;
  features->storage_16bit = v11.storageBuffer16BitAccess;
  features->subgroup_arithmetic = (subgroups.supportedOperations & needed) == needed
      && (subgroups.supportedStages & VK_SHADER_STAGE_COMPUTE_BIT);
  features->subgroup_size = subgroups.subgroupSize;
  features->max_workgroup_invocations =
      about.properties.limits.maxComputeWorkGroupInvocations;
  features->max_shared_bytes = about.properties.limits.maxComputeSharedMemorySize;
  cvulkan_optional_features optional;
  cvulkan_ask_optional(loader, device, &optional);
  features->matrix_16x8x16 = optional.has_matrices;
  features->multiprocessors = multiprocessors(loader, device);
  uint32_t bits = 0;
  cvulkan_compute_family(loader, device, &bits);
  features->timestamp_ns = bits ? (double)about.properties.limits.timestampPeriod : 0;
}

const char *cvulkan_missing(const cvulkan_features *features) {
  if (!features->buffer_address) return "Vulkan 1.2 with bufferDeviceAddress";
  if (!features->int64) return "shaderInt64";
  if (!features->storage_16bit) return "storageBuffer16BitAccess";
  if (!features->subgroup_arithmetic) return "subgroup arithmetic and shuffles";
  return NULL;
}
