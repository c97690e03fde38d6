#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"

// Which elements of matrices a lane holds: Vulkan leaves it to the device, and shaders that fill
// them from registers have to know. Loads matrices whose elements are their own numbers (row *
// columns + column) and
// writes what each lane finds: eight of a left matrix, four of a right one, four of a result.

layout(local_size_x = 32) in;
layout(buffer_reference, std430, buffer_reference_align = 16) buffer HalfNumbers {
  float16_t at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Numbers { float at[]; };
layout(push_constant) uniform Push {
  // 0 to 255 as halves and as floats.
  uint64_t halves, floats;
  // [lane][16] floats.
  uint64_t found;
};

void main() {
  coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA> left;
  coopmat<float16_t, gl_ScopeSubgroup, 16, 8, gl_MatrixUseB> right;
  coopmat<float, gl_ScopeSubgroup, 16, 8, gl_MatrixUseAccumulator> result;
  coopMatLoad(left, HalfNumbers(halves).at, 0, 16, gl_CooperativeMatrixLayoutRowMajor);
  coopMatLoad(right, HalfNumbers(halves).at, 0, 8, gl_CooperativeMatrixLayoutRowMajor);
  coopMatLoad(result, Numbers(floats).at, 0, 8, gl_CooperativeMatrixLayoutRowMajor);
  Floats to = Floats(found + gl_SubgroupInvocationID * 64);
  [[unroll]] for (uint i = 0; i < 8; i++) to.at[i] = i < left.length() ? float(left[i]) : -1.0;
  [[unroll]] for (uint i = 0; i < 4; i++) {
    to.at[8 + i] = i < right.length() ? float(right[i]) : -1.0;
    to.at[12 + i] = i < result.length() ? result[i] : -1.0;
  }
}
