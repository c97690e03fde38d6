#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#pragma use_vulkan_memory_model
#include "common.glsl"
#include "fragments.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T by products of matrices of halves
// into floats, for many tokens. x comes from halves.comp; w is as models store it.
//
// A workgroup takes a tile of tokens and outputs, a subgroup a part of it. It goes over the inputs
// by slices of 32, of which shared memory holds this one and the next, and registers the one after.
// Matrices are filled from registers (fragments.glsl), the order of inputs in a product being free:
// a lane's eight inputs lie side by side in memory, four of them for each of two products, which
// makes of both operands in shared memory plain copies without conflicts of banks. Tokens 2g and
// 2g + 1 are the matrix's rows g and g + 8.
//
// Rows of w come by whole lines of the cache, so by two slices at a time: each thread holds quads
// of the first or of the second, and stores them when that slice's turn comes.
//
// Operations: 2 * tokens * outputs * inputs. Floor on an H200: products of 16 x 8 x 16, as Vulkan
// has them, at 530 TFLOP/s measured without loads (its tensor cores reach 990 by other
// instructions). 2,048 tokens, 4,096 outputs and inputs, with halves.comp: 0.229 ms (300 TFLOP/s),
// 0.015 of them halves.comp; 0.244 where rows of w come by 64 bytes. 8,192 tokens and 24,576
// outputs reach 331 TFLOP/s (315). Of the latter kernel's 0.218 ms without halves.comp 0.129 were
// the products, 0.032 waiting for each other at barriers, 0.005 writing to shared memory, and 0.050
// loads from the L2 cache. Slower still: 128 tokens by 256 outputs 0.243, fragments straight from
// memory 0.245 to 0.320, coopMatLoad 0.306 and more, two workgroups of 128 threads 0.250, fragments
// of the next slice during the products of this one 0.220; and the loop unrolled by two slices,
// which makes the kernel above a seventh slower.

layout(local_size_x = 256, local_size_x_id = 0) in;
layout(constant_id = 7) const uint TILE_TOKENS = 256;
layout(constant_id = 8) const uint TILE_OUTPUTS = 128;
// A subgroup's part.
layout(constant_id = 9) const uint OWN_TOKENS = 64;
layout(constant_id = 10) const uint OWN_OUTPUTS = 64;
layout(push_constant) uniform Push {
  // As halves.comp leaves them.
  uint64_t x, factors;
  uint64_t w, y;
  // Inputs are a multiple of 32, outputs of 2.
  uint tokens, outputs, inputs;
};

// Tiles of tokens that go over the same outputs one after the other, w still being in the cache.
const uint BAND = 8;
const uint X_QUADS = TILE_TOKENS * 4, W_QUADS = TILE_OUTPUTS * 4, STAGE = X_QUADS + W_QUADS;
// Of a thread: x of one slice, w of two.
const uint X_EACH = X_QUADS / gl_WorkGroupSize.x, W_EACH = 2 * W_QUADS / gl_WorkGroupSize.x;
const uint M_COUNT = OWN_TOKENS / 16, N_COUNT = OWN_OUTPUTS / 8;
shared uvec4 stage[2 * STAGE];

uvec4 x_ahead[X_EACH], w_ahead[W_EACH];
// Where those come from, in slice 0.
uint x_at[X_EACH], w_at[W_EACH];
uint own_token, own_output;
LEFT low[M_COUNT], high[M_COUNT];
uvec4 right[N_COUNT];
RESULT sums[M_COUNT * N_COUNT];

void load_x(uint slice) {
  const uint64_t x_from = x + slice * 1024ul;
  [[unroll]] for (uint i = 0; i < X_EACH; i++) x_ahead[i] = Quads(x_from).at[x_at[i]];
}

// Of w, `slice` and the next; this thread's quads are all of one of them.
void load_w(uint slice, uint last) {
  const uint64_t w_from = w + min(slice + gl_LocalInvocationIndex / 4 % 2, last) * 64ul;
  [[unroll]] for (uint i = 0; i < W_EACH; i++) w_ahead[i] = Quads(w_from).at[w_at[i]];
}

void store(uint to, uint slice) {
  const uint local = gl_LocalInvocationIndex;
  [[unroll]] for (uint i = 0; i < X_EACH; i++) {
    stage[to + local + i * gl_WorkGroupSize.x] = x_ahead[i];
  }
  if (local / 4 % 2 == slice % 2) {
    to += X_QUADS + local / 8 * 4 + local % 4;
    [[unroll]] for (uint i = 0; i < W_EACH; i++) {
      stage[to + i * gl_WorkGroupSize.x / 2] = w_ahead[i];
    }
  }
}

void fetch(uint from) {
  const uint x_from = from + own_token * 4 + gl_SubgroupInvocationID;
  const uint w_from = from + X_QUADS + own_output * 4 + gl_SubgroupInvocationID;
  [[unroll]] for (uint m = 0; m < M_COUNT; m++) low[m] = left_of(stage[x_from + m * 64]);
  [[unroll]] for (uint n = 0; n < N_COUNT; n++) right[n] = stage[w_from + n * 32];
  [[unroll]] for (uint m = 0; m < M_COUNT; m++) high[m] = left_of(stage[x_from + m * 64 + 32]);
}

void multiply_low() {
  [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
    [[unroll]] for (uint m = 0; m < M_COUNT; m++) {
      const uint i = m * N_COUNT + n;
      sums[i] = coopMatMulAdd(low[m], right_of(right[n].xy), sums[i]);
    }
  }
}
void multiply_high() {
  [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
    [[unroll]] for (uint m = 0; m < M_COUNT; m++) {
      const uint i = m * N_COUNT + n;
      sums[i] = coopMatMulAdd(high[m], right_of(right[n].zw), sums[i]);
    }
  }
}

// Where this thread's share of each slice lies; beyond the last token or output, the last ones.
void find(uint first_token, uint first_output) {
  const uint last_tile = (tokens + 15) / 16 - 1;
  [[unroll]] for (uint i = 0; i < X_EACH; i++) {
    const uint at = i * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    x_at[i] = min(first_token / 16 + at / 64, last_tile) * (inputs * 2) + at % 64;
  }
  [[unroll]] for (uint i = 0; i < W_EACH; i++) {
    const uint at = i * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    w_at[i] = min(first_output + at / 8, outputs - 1) * (inputs / 8) + at % 4;
  }
}

void write(uint first_token, uint first_output) {
  const uint lane = gl_SubgroupInvocationID, output0 = first_output + own_output + lane % 4 * 2;
  [[unroll]] for (uint m = 0; m < M_COUNT; m++) {
    [[unroll]] for (uint h = 0; h < 2; h++) {
      const uint token = first_token + own_token + m * 16 + lane / 4 * 2 + h;
      if (token >= tokens) continue;
      const float factor = Floats(factors).at[token];
      Twos to = Twos(y + uint64_t(token) * outputs * 4);
      [[unroll]] for (uint n = 0; n < N_COUNT; n++) {
        const uint i = m * N_COUNT + n, first = output0 + n * 8;
        if (first < outputs) {
          to.at[first / 2] = vec2(sums[i][h * 2], sums[i][h * 2 + 1]) * factor;
        }
      }
    }
  }
}

void main() {
  const uint rows = (tokens + TILE_TOKENS - 1) / TILE_TOKENS;
  const uint columns = (outputs + TILE_OUTPUTS - 1) / TILE_OUTPUTS;
  const uint band = gl_WorkGroupID.x / (BAND * columns);
  const uint inner = gl_WorkGroupID.x % (BAND * columns);
  const uint height = min(BAND, rows - band * BAND);
  const uint first_token = (band * BAND + inner % height) * TILE_TOKENS;
  const uint first_output = inner / height * TILE_OUTPUTS;
  own_token = gl_SubgroupID / (TILE_OUTPUTS / OWN_OUTPUTS) * OWN_TOKENS;
  own_output = gl_SubgroupID % (TILE_OUTPUTS / OWN_OUTPUTS) * OWN_OUTPUTS;
  find(first_token, first_output);
  [[unroll]] for (uint i = 0; i < M_COUNT * N_COUNT; i++) sums[i] = RESULT(0.0);

  const uint last = inputs / 32 - 1;
  load_x(0);
  load_w(0, last);
  store(0, 0);
  load_x(min(1, last));
  barrier();
  uint turn = 0;
  // The last slice comes after the loop: sums that leave a loop are copied in each turn of it.
  [[dont_unroll]] for (uint slice = 0; slice < last; slice++) {
    fetch(turn);
    multiply_low();
    turn = STAGE - turn;
    store(turn, slice + 1);
    barrier();
    // After the barrier, or the compiler would move it up and copy what it brings.
    load_x(min(slice + 2, last));
    if (slice % 2 == 0) load_w(slice + 2, last);
    multiply_high();
  }
  fetch(turn);
  multiply_low();
  multiply_high();
  write(first_token, first_output);
}
