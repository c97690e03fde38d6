#include "CVulkan.h"

/* SPIR-V is made of words. C23 has #embed; clang has it in every mode, and says so. */
#pragma clang diagnostic ignored "-Wc23-extensions"
#define SHADER(name) _Alignas(4) static const unsigned char name##_spirv[]
SHADER(fill) = {
#embed "Shaders/fill.spv"
};
SHADER(decode) = {
#embed "Shaders/decode.spv"
};
SHADER(merge) = {
#embed "Shaders/merge.spv"
};
#undef SHADER

#define SHADER(name) {#name, name##_spirv, sizeof name##_spirv}
static const cvulkan_shader shaders[] = {
    SHADER(fill),
    SHADER(decode),
    SHADER(merge),
};
#undef SHADER

const cvulkan_shader *cvulkan_shaders(size_t *count) {
  *count = sizeof shaders / sizeof *shaders;
  return shaders;
}
