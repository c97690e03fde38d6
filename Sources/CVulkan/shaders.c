#include "CVulkan.h"

/* SPIR-V is made of words. C23 has #embed; clang has it in every mode, and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"
#define SHADER(name) _Alignas(4) static const unsigned char name##_spirv[]
SHADER(add) = {
#embed "Shaders/add.spv"
};
SHADER(append) = {
#embed "Shaders/append.spv"
};
SHADER(decode) = {
#embed "Shaders/decode.spv"
};
SHADER(decode_matrix) = {
#embed "Shaders/decode_matrix.spv"
};
SHADER(fill) = {
#embed "Shaders/fill.spv"
};
SHADER(fragments) = {
#embed "Shaders/fragments.spv"
};
SHADER(gather) = {
#embed "Shaders/gather.spv"
};
SHADER(gather_halves) = {
#embed "Shaders/gather_halves.spv"
};
SHADER(halves) = {
#embed "Shaders/halves.spv"
};
SHADER(linear_few) = {
#embed "Shaders/linear_few.spv"
};
SHADER(linear_matrix) = {
#embed "Shaders/linear_matrix.spv"
};
SHADER(linear_rows) = {
#embed "Shaders/linear_rows.spv"
};
SHADER(linear_stream) = {
#embed "Shaders/linear_stream.spv"
};
SHADER(linear_tiles) = {
#embed "Shaders/linear_tiles.spv"
};
SHADER(merge) = {
#embed "Shaders/merge.spv"
};
SHADER(prefill) = {
#embed "Shaders/prefill.spv"
};
SHADER(prefill_matrix) = {
#embed "Shaders/prefill_matrix.spv"
};
SHADER(read) = {
#embed "Shaders/read.spv"
};
SHADER(rms_norm) = {
#embed "Shaders/rms_norm.spv"
};
SHADER(rotary) = {
#embed "Shaders/rotary.spv"
};
SHADER(rotate) = {
#embed "Shaders/rotate.spv"
};
SHADER(silu_multiply) = {
#embed "Shaders/silu_multiply.spv"
};
#undef SHADER

#define SHADER(name) {#name, name##_spirv, sizeof name##_spirv}
static const cvulkan_shader shaders[] = {
    SHADER(add), SHADER(append), SHADER(decode), SHADER(decode_matrix), SHADER(fill),
    SHADER(fragments), SHADER(gather), SHADER(gather_halves), SHADER(halves), SHADER(linear_few),
    SHADER(linear_matrix), SHADER(linear_rows), SHADER(linear_stream), SHADER(linear_tiles),
    SHADER(merge), SHADER(prefill), SHADER(prefill_matrix), SHADER(read), SHADER(rms_norm),
    SHADER(rotary), SHADER(rotate), SHADER(silu_multiply),
};
#undef SHADER

const cvulkan_shader *cvulkan_shaders(size_t *count) {
  *count = sizeof shaders / sizeof *shaders;
  return shaders;
}
