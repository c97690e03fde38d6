#include "CVulkan.h"

/* SPIR-V is made of words. C23 has #embed; clang has it in every mode, and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"
#define SHADER(name) _Alignas(4) static const unsigned char name##_spirv[]
SHADER(fill) = {
#embed "Shaders/fill.spv"
};
#undef SHADER

#define SHADER(name) {#name, name##_spirv, sizeof name##_spirv}
static const cvulkan_shader shaders[] = {
    SHADER(fill),
};
#undef SHADER

const cvulkan_shader *cvulkan_shaders(size_t *count) {
  *count = sizeof shaders / sizeof *shaders;
  return shaders;
}
