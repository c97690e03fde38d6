#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// to = H * (from * scale) * norm for rows of HEAD_DIM floats, H block-diagonal of Hadamard matrices
// of ORDER: queries before decode and prefill, where scale is 1 / sqrt(HEAD_DIM), and outputs to be
// turned back, where it is 1. In place or not; ORDER 0 only scales. The bits of `kv_decode_turn`
// and `kv_rotate`.
//
// Bytes per row: 8 * HEAD_DIM. Operations: log2(ORDER) + 2 per element. The floor is memory.
//
// `from` and `to` are multiples of 16. Groups: x * y at least rows over (workgroup / LANES).
layout(local_size_x_id = 0) in;
layout(constant_id = 7) const uint ORDER = 0;
layout(push_constant) uniform Push {
  uint64_t from;
  uint64_t to;
  uint rows;
  // 1 / sqrt(ORDER), rounded as the CPU rounds it.
  float norm;
  float scale;
};

#include "rows.glsl"

void main() {
  const uint thread = thread_number(), lane = thread % LANES;
  const uint row = group_number() * (gl_WorkGroupSize.x / LANES) + thread / LANES;
  const bool has_elements = row < rows && lane < PARTS;
  const uint64_t offset = uint64_t(row) * (4 * HEAD_DIM);

  precise Eight x = Eight(vec4(0), vec4(0));
  if (has_elements) {
    x = eight_at(from + offset, lane);
    x.a *= scale;
    x.b *= scale;
  }
  if (ORDER != 0) x = rotated(x, ORDER, norm);
  if (has_elements) put_eight(to + offset, lane, x);
}
