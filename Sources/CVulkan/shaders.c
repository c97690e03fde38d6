#include "CVulkan.h"

/* SPIR-V is made of words. C23 has #embed; clang has it in every mode, and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"
#define SHADER(name) _Alignas(4) static const unsigned char name##_spirv[]
SHADER(fill) = {
#embed "Shaders/fill.spv"
};
SHADER(linear_rows) = {
#embed "Shaders/linear_rows.spv"
};
SHADER(linear_tiles) = {
#embed "Shaders/linear_tiles.spv"
};
SHADER(prefill) = {
#embed "Shaders/prefill.spv"
};
#undef SHADER

#define SHADER(name) {#name, name##_spirv, sizeof name##_spirv}
static const cvulkan_shader shaders[] = {
    SHADER(fill),
    SHADER(linear_rows),
    SHADER(linear_tiles),
    SHADER(prefill),
};
#undef SHADER

const cvulkan_shader *cvulkan_shaders(size_t *count) {
  *count = sizeof shaders / sizeof *shaders;
  return shaders;
}
