// The kernels compiled for AVX-512 F, BW, VL and DQ. Only the dispatcher may lead here.

#if defined(__x86_64__)
#include "tiles.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"))), \
    apply_to = function)
#include "lanes_avx512.h"

#include "kernels_body.h"
#pragma clang attribute pop

const kv_kernels kv_avx512_base_kernels = KV_KERNEL_TABLE;
#else
typedef int kv_avx512_is_x86_only;
#endif
