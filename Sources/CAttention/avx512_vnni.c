// Four-bit decode attention in whole numbers, for AVX-512 with VNNI and VBMI. Only the dispatcher
// may lead here. All other kernels of this path are those of avx512.c.

#if defined(__x86_64__)
#include "tiles.h"

#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target( \
        "avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512vbmi,avx2,fma,f16c"))), \
    apply_to = function)
#include "lanes_avx512.h"

#include "lanes_math.h"
#include "rows_body.h"
#include "decode_codes_body.h"
#pragma clang attribute pop
#else
typedef int kv_avx512_vnni_is_x86_only;
#endif
