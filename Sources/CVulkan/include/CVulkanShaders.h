/* The compute shaders: SPIR-V of Shaders/NAME.comp, compiled by Shaders/compile and embedded.
   Included by CVulkan.h. */
#ifndef CVULKAN_SHADERS_H
#define CVULKAN_SHADERS_H

typedef struct cvulkan_shader {
  const char *name;
  const void *spirv;
  size_t byte_count;
} cvulkan_shader;

/* All of them; `count` takes how many there are. */
const cvulkan_shader *cvulkan_shaders(size_t *count);

#endif
