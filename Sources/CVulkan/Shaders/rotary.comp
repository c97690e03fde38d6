#version 450
#extension GL_GOOGLE_include_directive : require
#include "common.glsl"
#include "groups.glsl"

// Rotary position embedding, in place, on rows of queries or keys [token][head][head_dim] (J. Su et
// al., RoFormer, 2021, equation 34), in the pairing of Hugging Face's Llama (rotate_half): elements
// i and i + head_dim / 2 turn by positions[token] * theta^(-2i / head_dim).
//
// The host gives frequencies in whole numbers, in 2^-64 turns per position:
//   frequencies[i] = round(theta^(-2i / head_dim) / (2 pi) * 2^64), head_dim / 2 of them,
// so that multiplying modulo 2^64 leaves the exact fraction of a turn at any position. In FP32 the
// angle at position 100,000 is off by 2^-8; sine and cosine of devices may err by 2^-11. Scaled
// frequencies (Llama 3.1, YaRN) are other tables.
//
// Bytes per element: reads 4, writes 4. Operations: about 20 per element. The floor is memory.
//
// `x` is a multiple of 16, `head_dim` one of 8; it is no constant, so that one pipeline serves all
// models. Groups: x * y at least tokens * heads * (head_dim / 8) over the workgroup.
layout(local_size_x_id = 0) in;
layout(buffer_reference, std430, buffer_reference_align = 8) buffer Longs { uint64_t at[]; };
layout(push_constant) uniform Push {
  uint64_t x;
  uint64_t positions;
  uint64_t frequencies;
  uint tokens;
  uint heads;
  uint head_dim;
};

// (cosine, sine) of 2^-32 turns, to 10^-7: within an eighth of a turn of a quarter, the polynomials
// of Cephes (S. Moshier, sinf.c).
vec2 turned_by(uint turns) {
  const uint quarter = (turns + 0x20000000u) >> 30;
  const float angle = float(int(turns - (quarter << 30))) * 1.4629180792671596e-9;
  const float z = angle * angle;
  const float s = angle
      + angle * z * (-1.6666654611e-1 + z * (8.3321608736e-3 - z * 1.9515295891e-4));
  const float c = 1.0 - 0.5 * z
      + z * z * (4.166664568298827e-2 + z * (-1.388731625493765e-3 + z * 2.443315711809948e-5));
  const vec2 turned = (quarter & 1u) == 0 ? vec2(c, s) : vec2(-s, c);
  return (quarter & 2u) == 0 ? turned : -turned;
}

void main() {
  const uint item = group_number() * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
  const uint half_fours = head_dim / 8, row = item / half_fours, four = item % half_fours;
  if (row >= tokens * heads) return;
  const uint64_t position = uint64_t(Words(positions).at[row / heads]);
  vec4 cosines, sines;
  for (uint i = 0; i < 4; ++i) {
    const uint64_t turns = position * Longs(frequencies).at[4 * four + i];
    const vec2 turned = turned_by(uint(turns >> 32));
    cosines[i] = turned.x;
    sines[i] = turned.y;
  }
  Fours both = Fours(x + uint64_t(row) * head_dim * 4);
  const vec4 a = both.at[four], b = both.at[four + half_fours];
  both.at[four] = a * cosines - b * sines;
  both.at[four + half_fours] = b * cosines + a * sines;
}
