// What all shaders share: memory by address, the sizes of pages, and half precision.

#extension GL_EXT_buffer_reference : require
#extension GL_EXT_buffer_reference2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Pairs { uvec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Quads { uvec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Twos { vec2 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Fours { vec4 at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Ints { int at[]; };
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Floats { float at[]; };
layout(buffer_reference, std430, buffer_reference_align = 2) buffer Halves { uint16_t at[]; };

// Specialisation constants 0 to 6 mean the same everywhere; a shader's own begin at 7.
layout(constant_id = 1) const uint BITS = 16;
layout(constant_id = 2) const uint HEAD_DIM = 128;
layout(constant_id = 3) const uint BLOCK_SIZE = 16;
// Orders of the Hadamard blocks of keys and of values; 0 means none.
layout(constant_id = 4) const uint KEY_ORDER = 0;
layout(constant_id = 5) const uint VALUE_ORDER = 0;
// Query heads per KV head.
layout(constant_id = 6) const uint GROUP_SIZE = 1;

const uint ROW_BYTES = HEAD_DIM * BITS / 8;
const uint METADATA_BYTES = BITS == 4 ? 8 : 0;
const uint SLAB_BYTES = BLOCK_SIZE * (2 * ROW_BYTES + METADATA_BYTES);

// The slab of a KV head in a page.
uint64_t slab_of(uint64_t pages, uint page, uint kv_heads, uint kv_head) {
  return pages + (uint64_t(page) * kv_heads + kv_head) * SLAB_BYTES;
}

// Rounds to nearest, ties to even, as the CPU kernels do; conversions of the hardware may not.
uint half_of(float value) {
  const uint bits = floatBitsToUint(value);
  const uint sign = bits >> 16 & 0x8000u;
  uint rest = bits & 0x7FFFFFFFu;
  if (rest > 0x7F800000u) return sign | 0x7E00u | (rest >> 13 & 0x3FFu);
  if (rest >= 0x477FF000u) return sign | 0x7C00u;
  if (rest < 0x38800000u) {
    // Below the smallest normal half: adding 0.5 leaves the rounded significand in the low bits.
    precise const float shifted = uintBitsToFloat(rest) + 0.5;
    return sign | (floatBitsToUint(shifted) - 0x3F000000u);
  }
  rest += 0xC8000FFFu + (rest >> 13 & 1u);
  return sign | rest >> 13;
}
float float_of(uint half_bits) { return unpackHalf2x16(half_bits).x; }
