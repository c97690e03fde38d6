/* What a device has of what kvsim asks for; shared by features.c and compute.c. */
#ifndef CVULKAN_DEVICE_FEATURES_H
#define CVULKAN_DEVICE_FEATURES_H

#include "CVulkan.h"
#include "newer.h"

/* Optional features, as the device has them. */
typedef struct cvulkan_optional_features {
  VkPhysicalDeviceVulkan12Features v12;
  VkPhysicalDeviceCooperativeMatrixFeaturesKHR matrices;
  bool has_matrices;
} cvulkan_optional_features;

void cvulkan_ask_optional(const cvulkan_loader *loader, VkPhysicalDevice device,
                          cvulkan_optional_features *optional);
/* The first of the needed features that is missing, in words; NULL where all are there. */
const char *cvulkan_missing(const cvulkan_features *features);
/* The first family of queues that computes; one that does nothing else is as good. UINT32_MAX where
   there is none. */
uint32_t cvulkan_compute_family(const cvulkan_loader *loader, VkPhysicalDevice device,
                                uint32_t *timestamp_bits);
PFN_vkVoidFunction cvulkan_function_of(const cvulkan_loader *loader, const char *name);

#endif
