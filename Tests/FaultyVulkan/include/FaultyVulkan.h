/* A Vulkan that fails when it is told to: the real libvulkan behind functions that count calls. For
   tests of what kvsim makes of failures. One thing at a time: its state is global. */
#ifndef FAULTY_VULKAN_H
#define FAULTY_VULKAN_H

#include "CVulkan.h"

/* A feature that a device may be without. */
typedef enum faulty_feature {
  FAULTY_NONE,
  FAULTY_BUFFER_ADDRESS,
  FAULTY_INT64,
  FAULTY_16BIT_STORAGE,
  FAULTY_SUBGROUP_ARITHMETIC,
} faulty_feature;

/* What to open Vulkan by. */
PFN_vkVoidFunction VKAPI_CALL faulty_get_instance_proc_addr(VkInstance instance, const char *name);

/* Counts calls from 0 on, and lets the `call`th from now fail, of all functions or of the one with
   this name (NULL for all); 0 lets none fail. A call that fails does not reach the real Vulkan,
   except that a device is lost after what ran on it has ended. */
void faulty_arm(const char *name, uint64_t call, VkResult result);
/* The function that failed; empty where none has. */
const char *faulty_failed(void);

/* Hides a feature of all devices from now on. */
void faulty_hide(faulty_feature feature);

#endif
