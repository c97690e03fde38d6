// The kernels compiled for NEON, which every arm64 CPU has. Only the dispatcher may lead here.

#if defined(__aarch64__)
#include "tiles.h"

#include <arm_neon.h>

#include "lanes_neon.h"

#include "kernels_body.h"

const kv_kernels kv_neon_kernels = KV_KERNEL_TABLE;
#else
typedef int kv_neon_is_arm_only;
#endif
