#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// y[tokens][outputs] = x[tokens][inputs] * w[outputs][inputs]^T for many tokens; w in IEEE half, x
// and y in FP32. Without cooperative matrices.
//
// A workgroup makes a tile of y of TILE_TOKENS times TILE_OUTPUTS, 16 inputs at a time, which go
// through shared memory with their tokens or outputs side by side. Threads stand in 16 columns of
// outputs; each holds 4 * TOKEN_QUADS tokens by 4 * OUTPUT_QUADS outputs. The next 16 inputs are on
// their way into registers while the last are multiplied. Every size is right; rows are read 16
// bytes at a time where the inputs are a multiple of 8, else an element.
//
// Bytes: each tile reads its rows of x and w once, mostly from caches. Operations: 2 * tokens *
// outputs * inputs. Floor on an H200: the operations at 60 TFLOP/s of FP32; 2,048 tokens by
// 4,096 x 4,096 are 69 GFLOP, 1.1 ms. Not measured on a GPU yet.

layout(local_size_x = 128, local_size_x_id = 0) in;
// Quads of tokens and of outputs in a thread's registers, 1 or 2.
layout(constant_id = 7) const uint TOKEN_QUADS = 2;
layout(constant_id = 8) const uint OUTPUT_QUADS = 1;

layout(push_constant) uniform Push {
  uint64_t x, w, y;
  uint tokens, outputs, inputs;
};

const uint COLUMNS = 16;
const uint DEPTH = 16;
const uint ROWS = gl_WorkGroupSize.x / COLUMNS;
const uint TILE_TOKENS = ROWS * 4 * TOKEN_QUADS;
const uint TILE_OUTPUTS = COLUMNS * 4 * OUTPUT_QUADS;
// A piece is eight inputs of a token or an output; how many pieces a thread takes at most.
const uint X_PIECES = (TILE_TOKENS * 2 + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
const uint W_PIECES = (TILE_OUTPUTS * 2 + gl_WorkGroupSize.x - 1) / gl_WorkGroupSize.x;
const uint SUMS = TOKEN_QUADS * 4 * OUTPUT_QUADS;

// [input][token] and [input][output].
shared vec4 x_stage[DEPTH * TILE_TOKENS / 4];
shared vec4 w_stage[DEPTH * TILE_OUTPUTS / 4];

// Pieces on their way, of 8 floats as two vectors and of 8 halves.
vec4 x_ahead[2 * X_PIECES];
uvec4 w_ahead[W_PIECES];

// Inputs `at` to `at + 7` of a row that begins at element `row`; zeros beyond the row's end.
void fetch_x(uint64_t row, uint at, out vec4 low, out vec4 high) {
  low = high = vec4(0);
  if (inputs % 8 == 0) {
    if (at >= inputs) return;
    Quads from = Quads(x + (row + at) * 4);
    low = uintBitsToFloat(from.at[0]);
    high = uintBitsToFloat(from.at[1]);
    return;
  }
  Floats from = Floats(x + (row + at) * 4);
  [[unroll]] for (uint e = 0; e < 4; e++) {
    if (at + e < inputs) low[e] = from.at[e];
    if (at + e + 4 < inputs) high[e] = from.at[e + 4];
  }
}
uvec4 fetch_w(uint64_t row, uint at) {
  uvec4 halves = uvec4(0);
  if (inputs % 8 == 0) return at < inputs ? Quads(w + (row + at) * 2).at[0] : halves;
  Halves from = Halves(w + (row + at) * 2);
  [[unroll]] for (uint e = 0; e < 8; e++) {
    if (at + e < inputs) halves[e / 2] |= uint(from.at[e]) << e % 2 * 16;
  }
  return halves;
}

// Asks for the pieces that this thread stages next. Rows beyond the last repeat it: what comes of
// them is not written.
void fetch(uint first_token, uint first_output, uint input_start) {
  [[unroll]] for (uint p = 0; p < X_PIECES; p++) {
    const uint i = p * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    const uint64_t row = uint64_t(min(first_token + i % TILE_TOKENS, tokens - 1)) * inputs;
    vec4 low, high;
    fetch_x(row, input_start + i / TILE_TOKENS * 8, low, high);
    x_ahead[2 * p] = low;
    x_ahead[2 * p + 1] = high;
  }
  [[unroll]] for (uint p = 0; p < W_PIECES; p++) {
    const uint i = p * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    const uint64_t row = uint64_t(min(first_output + i % TILE_OUTPUTS, outputs - 1)) * inputs;
    w_ahead[p] = fetch_w(row, input_start + i / TILE_OUTPUTS * 8);
  }
}

void put_x(uint index, float value) { x_stage[index / 4][index % 4] = value; }
void put_w(uint index, vec2 pair) {
  w_stage[index / 4][index % 4] = pair.x;
  w_stage[(index + TILE_OUTPUTS) / 4][index % 4] = pair.y;
}

void stage_pieces() {
  [[unroll]] for (uint p = 0; p < X_PIECES; p++) {
    const uint i = p * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    if (i >= TILE_TOKENS * 2) break;
    const uint to = i / TILE_TOKENS * 8 * TILE_TOKENS + i % TILE_TOKENS;
    [[unroll]] for (uint e = 0; e < 8; e++) {
      put_x(to + e * TILE_TOKENS, x_ahead[2 * p + e / 4][e % 4]);
    }
  }
  [[unroll]] for (uint p = 0; p < W_PIECES; p++) {
    const uint i = p * gl_WorkGroupSize.x + gl_LocalInvocationIndex;
    if (i >= TILE_OUTPUTS * 2) break;
    const uint to = i / TILE_OUTPUTS * 8 * TILE_OUTPUTS + i % TILE_OUTPUTS;
    [[unroll]] for (uint e = 0; e < 8; e += 2) {
      put_w(to + e * TILE_OUTPUTS, unpackHalf2x16(w_ahead[p][e / 2]));
    }
  }
}

void main() {
  const uint first_token = gl_WorkGroupID.y * TILE_TOKENS;
  const uint first_output = gl_WorkGroupID.x * TILE_OUTPUTS;
  const uint column = gl_LocalInvocationIndex % COLUMNS;
  const uint row = gl_LocalInvocationIndex / COLUMNS;
  // Quad q of a thread's tokens begins at (q * ROWS + row) * 4, of its outputs likewise by column.
  vec4 sums[SUMS];
  [[unroll]] for (uint i = 0; i < SUMS; i++) sums[i] = vec4(0);

  fetch(first_token, first_output, 0);
  for (uint start = 0; start < inputs; start += DEPTH) {
    barrier();
    stage_pieces();
    barrier();
    if (start + DEPTH < inputs) fetch(first_token, first_output, start + DEPTH);
    [[unroll]] for (uint d = 0; d < DEPTH; d++) {
      vec4 weight[OUTPUT_QUADS];
      [[unroll]] for (uint o = 0; o < OUTPUT_QUADS; o++) {
        weight[o] = w_stage[d * (TILE_OUTPUTS / 4) + o * COLUMNS + column];
      }
      [[unroll]] for (uint t = 0; t < TOKEN_QUADS; t++) {
        const vec4 four = x_stage[d * (TILE_TOKENS / 4) + t * ROWS + row];
        [[unroll]] for (uint j = 0; j < 4; j++) {
          [[unroll]] for (uint o = 0; o < OUTPUT_QUADS; o++) {
            const uint i = (t * 4 + j) * OUTPUT_QUADS + o;
            sums[i] = fma(vec4(four[j]), weight[o], sums[i]);
          }
        }
      }
    }
  }

  [[unroll]] for (uint t = 0; t < TOKEN_QUADS * 4; t++) {
    const uint token = first_token + (t / 4 * ROWS + row) * 4 + t % 4;
    if (token >= tokens) continue;
    [[unroll]] for (uint o = 0; o < OUTPUT_QUADS; o++) {
      const uint output_start = first_output + (o * COLUMNS + column) * 4;
      const uint64_t to = y + (uint64_t(token) * outputs + output_start) * 4;
      const vec4 sum = sums[t * OUTPUT_QUADS + o];
      if (outputs % 4 == 0) {
        if (output_start < outputs) Quads(to).at[0] = floatBitsToUint(sum);
        continue;
      }
      [[unroll]] for (uint e = 0; e < 4; e++) {
        if (output_start + e < outputs) Floats(to).at[e] = sum[e];
      }
    }
  }
}
