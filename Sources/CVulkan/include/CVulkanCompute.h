/* A device to compute on: memory with addresses, pipelines from SPIR-V, and one list of commands
   that is recorded, submitted and waited for. Included by CVulkan.h.

   Shaders take addresses and sizes as push constants and have no descriptors. Every failure is a
   code with a reason; after CVULKAN_DEVICE_LOST or CVULKAN_TIMED_OUT the device is of no use any
   more, and everything but closing it fails with the same code. */
#ifndef CVULKAN_COMPUTE_H
#define CVULKAN_COMPUTE_H

/* What a device needs beyond Vulkan 1.2, and what kernels use where it is there. */
typedef struct cvulkan_features {
  /* Needed: addresses of buffers, 64-bit integers, 16-bit storage, subgroup arithmetic. */
  bool buffer_address, int64, storage_16bit, subgroup_arithmetic;
  /* Used where present: products of matrices of halves, 16 x 16 by 16 x 8 for a subgroup, added up
     in floats (VK_KHR_cooperative_matrix). */
  bool matrix_16x8x16;
  uint32_t subgroup_size;
  /* Multiprocessors; 0 where the driver does not say. */
  uint32_t multiprocessors;
  /* Lanes of the largest workgroup, and bytes that its threads may share. */
  uint32_t max_workgroup_invocations, max_shared_bytes;
  /* Nanoseconds of one tick of a timestamp; 0 where its queue has none. */
  double timestamp_ns;
} cvulkan_features;

/* Asks for what `device` has. */
void cvulkan_ask_features(const cvulkan_loader *loader, VkPhysicalDevice device,
                          cvulkan_features *features);

typedef struct cvulkan_compute cvulkan_compute;

/* Opens a device of an open loader, which must outlive it. `reason` (256 bytes) says why not. */
cvulkan_result cvulkan_compute_open(const cvulkan_loader *loader, VkPhysicalDevice device,
                                    cvulkan_compute **compute, char *reason);
/* Harmless on NULL. False where commands that timed out may still run: then all stays that they run
   on, and the loader must stay open, too. */
bool cvulkan_compute_close(cvulkan_compute *compute);
/* Why the last call failed. */
const char *cvulkan_compute_reason(const cvulkan_compute *compute);

/* A buffer with memory of its own. */
typedef struct cvulkan_memory {
  VkBuffer buffer;
  VkDeviceMemory memory;
  uint64_t byte_count;
  /* What shaders reach it by. */
  uint64_t address;
  /* Where the host sees it; NULL for memory of the device. */
  void *mapped;
} cvulkan_memory;

cvulkan_result cvulkan_allocate(cvulkan_compute *compute, uint64_t byte_count, bool is_host_visible,
                                cvulkan_memory *memory);
/* Harmless on zeros. */
void cvulkan_free(cvulkan_compute *compute, cvulkan_memory *memory);

/* Compiles SPIR-V with specialisation constants 0 ..< `constant_count`, 32 bits each. */
cvulkan_result cvulkan_make_pipeline(cvulkan_compute *compute, const void *spirv, size_t byte_count,
                                     const uint32_t *constants, uint32_t constant_count,
                                     VkPipeline *pipeline);
void cvulkan_destroy_pipeline(cvulkan_compute *compute, VkPipeline pipeline);

/* Bytes of push constants that every device has. */
enum { CVULKAN_PUSH_BYTES = 128, CVULKAN_STAMPS = 512 };

/* Recording: begin, any of the others, then submit. Shaders after a barrier see what shaders before
   it wrote. Copies and fills see all that was written before them, and what they write is seen by
   all after them; the host sees everything when submit returns. */
cvulkan_result cvulkan_begin(cvulkan_compute *compute);
void cvulkan_dispatch(cvulkan_compute *compute, VkPipeline pipeline, const void *push,
                      uint32_t push_bytes, uint32_t x, uint32_t y, uint32_t z);
void cvulkan_barrier(cvulkan_compute *compute);
void cvulkan_copy(cvulkan_compute *compute, const cvulkan_memory *from, uint64_t from_offset,
                  const cvulkan_memory *to, uint64_t to_offset, uint64_t byte_count);
void cvulkan_fill(cvulkan_compute *compute, const cvulkan_memory *memory, uint32_t word);
/* Writes the time into stamp `index`, below CVULKAN_STAMPS, when all before it is done. */
void cvulkan_stamp(cvulkan_compute *compute, uint32_t index);
/* Ends the recording, submits it and waits. May be called again to submit the same list again. */
cvulkan_result cvulkan_submit(cvulkan_compute *compute, uint64_t timeout_ns);
/* Ticks of stamps 0 ..< `count` of what was submitted last. */
cvulkan_result cvulkan_read_stamps(cvulkan_compute *compute, uint32_t count, uint64_t *ticks);

#endif
