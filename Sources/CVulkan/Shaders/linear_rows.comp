#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T for few tokens; w in IEEE half, x
// and y in FP32.
//
// A subgroup takes EACH outputs at a time, its lanes sharing their inputs; sums of all tokens stay
// in registers, so that each weight is read once. Loads have 16 bytes where rows allow (inputs a
// multiple of 8), 4 where the inputs are even, else 2.
//
// Bytes: 2 * outputs * inputs, and 4 * tokens * (inputs + outputs). Operations: 2 * tokens per
// weight. Floor on an H200: the bytes at 4.2 TB/s; 4,096 x 4,096 weights are 34 MB, 8 us. From some
// 14 tokens on the operations at 60 TFLOP/s of FP32 take longer than the weights; x comes from the
// first-level cache, 32 * TOKENS bytes for 16 * EACH of weights. One token takes an H200 13.5
// us for 4,096 x 4,096 weights and 50.5 for 24,576 x 4,096, where a launch that reads them alone
// takes 10.4 and 47. No faster: two, four or eight loads ahead by hand.

layout(local_size_x = 128, local_size_x_id = 0) in;
// Tokens that registers hold, 1 to 16: the call's tokens or more.
layout(constant_id = 7) const uint TOKENS = 1;
// Outputs of a subgroup at a time.
layout(constant_id = 8) const uint EACH = 2;
// Outputs of a workgroup at a time, whose subgroups share them whatever their size: a multiple of
// EACH, best EACH times as many as there are subgroups.
layout(constant_id = 9) const uint OUTPUTS = 8;

layout(push_constant) uniform Push {
  uint64_t x, w, y;
  uint tokens, outputs, inputs;
};

const uint SUMS = TOKENS * EACH;
// Of output e and token t at e * TOKENS + t.
float sums[SUMS];
// Where the rows of x begin, in elements, and those of w, as addresses; rows beyond the last repeat
// it.
uint x_rows[TOKENS];
uint64_t w_rows[EACH];

// Lanes of the subgroup that are there, and this one's rank among them: subgroups need not be full.
uint lanes, lane;

void add_eights(uint count) {
  for (uint i = lane; i < count / 8; i += lanes) {
    vec4 low[EACH], high[EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
      const uvec4 halves = Quads(w_rows[e]).at[i];
      low[e] = vec4(unpackHalf2x16(halves.x), unpackHalf2x16(halves.y));
      high[e] = vec4(unpackHalf2x16(halves.z), unpackHalf2x16(halves.w));
    }
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
      const uint from = x_rows[t] / 4 + 2 * i;
      const vec4 a = uintBitsToFloat(Quads(x).at[from]), b = uintBitsToFloat(Quads(x).at[from + 1]);
      [[unroll]] for (uint e = 0; e < EACH; e++) {
        float sum = sums[e * TOKENS + t];
        [[unroll]] for (uint j = 0; j < 4; j++) sum = fma(low[e][j], a[j], sum);
        [[unroll]] for (uint j = 0; j < 4; j++) sum = fma(high[e][j], b[j], sum);
        sums[e * TOKENS + t] = sum;
      }
    }
  }
}

void add_pairs(uint count) {
  for (uint i = lane; i < count / 2; i += lanes) {
    vec2 pair[EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
      pair[e] = unpackHalf2x16(Words(w_rows[e]).at[i]);
    }
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
      const uint from = x_rows[t] + 2 * i;
      const float a = Floats(x).at[from], b = Floats(x).at[from + 1];
      [[unroll]] for (uint e = 0; e < EACH; e++) {
        sums[e * TOKENS + t] = fma(pair[e].y, b, fma(pair[e].x, a, sums[e * TOKENS + t]));
      }
    }
  }
}

void add_ones(uint count) {
  for (uint i = lane; i < count; i += lanes) {
    float one[EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
      one[e] = float_of(uint(Halves(w_rows[e]).at[i]));
    }
    [[unroll]] for (uint t = 0; t < TOKENS; t++) {
      const float a = Floats(x).at[x_rows[t] + i];
      [[unroll]] for (uint e = 0; e < EACH; e++) {
        sums[e * TOKENS + t] = fma(one[e], a, sums[e * TOKENS + t]);
      }
    }
  }
}

void main() {
  lanes = subgroupAdd(1u);
  lane = subgroupExclusiveAdd(1u);
  [[unroll]] for (uint t = 0; t < TOKENS; t++) x_rows[t] = min(t, tokens - 1) * inputs;
  const uint next = gl_NumSubgroups * EACH;
  for (uint start = gl_WorkGroupID.x * OUTPUTS; start < outputs;
       start += gl_NumWorkGroups.x * OUTPUTS) {
    const uint end = min(start + OUTPUTS, outputs);
    // All subgroups go round alike, those without outputs adding nothing: control flow that is
    // uniform in the workgroup is what SPIR-V promises to join again before sums are taken.
    for (uint first = start; first < end; first += next) {
      const uint at = first + gl_SubgroupID * EACH;
      const uint count = at < end ? inputs : 0;
      [[unroll]] for (uint e = 0; e < EACH; e++) {
        w_rows[e] = w + uint64_t(min(at + e, outputs - 1)) * inputs * 2;
      }
      [[unroll]] for (uint i = 0; i < SUMS; i++) sums[i] = 0;
      if (inputs % 8 == 0) {
        add_eights(count);
      } else if (inputs % 2 == 0) {
        add_pairs(count);
      } else {
        add_ones(count);
      }
      [[unroll]] for (uint i = 0; i < SUMS; i++) {
        const float sum = subgroupAdd(sums[i]);
        const uint output_row = at + i / TOKENS, token = i % TOKENS;
        if (lane == 0 && output_row < end && token < tokens) {
          Floats(y).at[token * outputs + output_row] = sum;
        }
      }
    }
  }
}
