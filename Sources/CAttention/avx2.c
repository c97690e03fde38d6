// The kernels compiled for AVX2, FMA and F16C. Only the dispatcher may lead here.

#if defined(__x86_64__)
#include "tiles.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx2,fma,f16c"))), \
    apply_to = function)
#include "lanes_avx2.h"

#include "kernels_body.h"
#pragma clang attribute pop

const kv_kernels kv_avx2_kernels = KV_KERNEL_TABLE;
#else
typedef int kv_avx2_is_x86_only;
#endif
