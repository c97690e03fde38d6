#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"
#include "exponentials.glsl"

// Causal prefill attention: a chunk of query tokens over a paged prefix and the chunk itself, which
// is appended already. Without cooperative matrices.
//
// A workgroup takes one KV head and ROWS rows, a row being a token and a head of the group: row =
// token * GROUP_SIZE + head. Over tiles of 64 keys it does online softmax as in FlashAttention.
// Threads stand in 16 columns; each holds ROWS_EACH rows of scores of its column's 4 keys, and of
// outputs of its column's HEAD_DIM / 16 dimensions. Both products go through shared memory, keys by
// 16 dimensions, values by some keys at a time, so that a head dimension of 512 needs no more of it
// than one of 128. Each key and value is dequantised once per workgroup. Tiles that no row sees are
// not visited. Values stay rotated: another shader turns outputs back.
//
// Shared memory: 256 bytes for every row, at most 8,192 for staging and 3,072 more: 27,648 with 64
// rows, whatever the head dimension. More rows do not fit into 32 KiB.
//
// Operations: 4 * HEAD_DIM per query head and attended pair. Bytes: pages once per block of rows,
// queries once per tile, both mostly from caches. Floor on an H200: the operations at 60 TFLOP/s of
// FP32; 2,048 tokens of 32 query heads of 128 from nothing are 34 GFLOP, 0.57 ms. Shared memory is
// the nearer bound: 3 loads of 16 bytes for 32 multiply-adds of scores, 4 for 64 of outputs. Not
// measured on a GPU yet.

layout(local_size_x = 128, local_size_x_id = 0) in;
// Rows of one thread: 1, 2, 4 or 8. A workgroup takes local_size_x / 16 times as many.
layout(constant_id = 7) const uint ROWS_EACH = 4;

layout(push_constant) uniform Push {
  uint64_t pages, table;
  // Scaled and rotated, [token][query_head][head_dim]; outputs alike.
  uint64_t queries, outputs;
  uint kv_heads, prefix, tokens;
  // Keys that a query sees at most, its own included; 0 means all up to its own.
  uint window;
  // 0 means none.
  float soft_cap;
};

const uint COLUMNS = 16;
const uint ROWS = gl_WorkGroupSize.x / COLUMNS * ROWS_EACH;
const uint TILE = 64;
// A tile's keys go by this many dimensions at a time, its values by as many keys as fit.
const uint DEPTH = 16;
const uint VALUES = HEAD_DIM <= 32 ? 64 : HEAD_DIM <= 64 ? 32 : HEAD_DIM <= 128 ? 16
    : HEAD_DIM <= 256 ? 8 : 4;
// A thread's dimensions: QUADS times four neighbours, then SINGLES. Arrays are not empty.
const uint QUADS = HEAD_DIM / 64;
const uint SINGLES = HEAD_DIM / 16 % 4;
const uint QUAD_SUMS = QUADS == 0 ? 1 : QUADS * ROWS_EACH;
const uint SINGLE_SUMS = SINGLES == 0 ? 1 : SINGLES * ROWS_EACH;
// Four more than the rows: columns write weights without waiting for each other.
const uint WEIGHT_PITCH = ROWS + 4;
const uint KEY_START = DEPTH * ROWS;
const uint KEY_STAGE = KEY_START + DEPTH * TILE;
const uint VALUE_STAGE = VALUES * HEAD_DIM;
const uint STAGE = KEY_STAGE > VALUE_STAGE ? KEY_STAGE : VALUE_STAGE;
// What no score comes near; infinities would turn differences into NaN.
const float LOWEST = -3.0e38;

// Queries as [dimension][row] and keys as [dimension][place]; or values as [key][dimension]; or one
// number of each row and column.
shared vec4 stage[(STAGE + 3) / 4];
// [key][row].
shared vec4 weights[TILE * WEIGHT_PITCH / 4];
// Of each key of the tile: where its key and value lie (0 for no key), and scales and zeros.
shared uint64_t key_rows[TILE], value_rows[TILE];
shared vec4 metadata[TILE];

// This thread's column, and the first of its rows within the workgroup.
uint column, own_row;
// Of each row of this thread: how many keys its token sees up to itself, the largest score so far,
// this column's sum of weights, and the weighted values of its dimensions, [dimensions][row].
uint seen[ROWS_EACH];
float largest[ROWS_EACH], weight[ROWS_EACH];
vec4 quads[QUAD_SUMS];
float singles[SINGLE_SUMS];

void put(uint index, float value) { stage[index / 4][index % 4] = value; }

// Numbers of this thread's rows, from `start` on in one of the shared arrays.
void staged_rows(uint start, out float to[ROWS_EACH]) {
  if (ROWS_EACH % 4 == 0) {
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i += 4) {
      const vec4 four = stage[(start + i) / 4];
      [[unroll]] for (uint j = 0; j < 4; j++) to[i + j] = four[j];
    }
  } else {
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i++) {
      to[i] = stage[(start + i) / 4][(start + i) % 4];
    }
  }
}
void weight_rows(uint start, out float to[ROWS_EACH]) {
  if (ROWS_EACH % 4 == 0) {
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i += 4) {
      const vec4 four = weights[(start + i) / 4];
      [[unroll]] for (uint j = 0; j < 4; j++) to[i + j] = four[j];
    }
  } else {
    [[unroll]] for (uint i = 0; i < ROWS_EACH; i++) {
      to[i] = weights[(start + i) / 4][(start + i) % 4];
    }
  }
}

// Writes the weights of this thread's rows and its column's keys.
void put_weights(vec4 of[ROWS_EACH]) {
  [[unroll]] for (uint c = 0; c < 4; c++) {
    const uint to = (column + c * COLUMNS) * WEIGHT_PITCH + own_row;
    if (ROWS_EACH % 4 == 0) {
      [[unroll]] for (uint r = 0; r < ROWS_EACH; r += 4) {
        weights[(to + r) / 4] = vec4(of[r][c], of[r + 1][c], of[r + 2][c], of[r + 3][c]);
      }
    } else {
      [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
        weights[(to + r) / 4][(to + r) % 4] = of[r][c];
      }
    }
  }
}

// Eight elements of a row, or zeros where there is none. Piece p of a row of halves begins at
// element 8 p; four bits pair elements a half apart, and so do their pieces.
uint piece_start(uint piece) {
  return BITS == 4 ? piece % 2 * (HEAD_DIM / 2) + piece / 2 * 8 : piece * 8;
}
void piece_of(uint64_t row, uint piece, vec2 scale_zero, out vec4 low, out vec4 high) {
  low = vec4(0);
  high = vec4(0);
  if (row == 0) return;
  if (BITS == 4) {
    const uvec2 codes = Pairs(row).at[piece / 2] >> piece % 2 * 4;
    low = vec4(codes.x & 15, codes.x >> 8 & 15, codes.x >> 16 & 15, codes.x >> 24 & 15);
    high = vec4(codes.y & 15, codes.y >> 8 & 15, codes.y >> 16 & 15, codes.y >> 24 & 15);
    low = fma(low, vec4(scale_zero.x), vec4(scale_zero.y));
    high = fma(high, vec4(scale_zero.x), vec4(scale_zero.y));
  } else {
    const uvec4 halves = Quads(row).at[piece];
    low = vec4(unpackHalf2x16(halves.x), unpackHalf2x16(halves.y));
    high = vec4(unpackHalf2x16(halves.z), unpackHalf2x16(halves.w));
  }
}

// Where the tile's keys lie, and their metadata.
void find_tile(uint kv_head, uint first, uint end) {
  for (uint i = gl_LocalInvocationIndex; i < TILE; i += gl_WorkGroupSize.x) {
    const uint key = first + i;
    key_rows[i] = value_rows[i] = 0;
    if (key >= end) continue;
    const uint offset = key % BLOCK_SIZE;
    const uint64_t slab = slab_of(pages, Words(table).at[key / BLOCK_SIZE], kv_heads, kv_head);
    key_rows[i] = slab + offset * ROW_BYTES;
    value_rows[i] = slab + (BLOCK_SIZE + offset) * ROW_BYTES;
    if (BITS == 4) {
      Halves of = Halves(slab + 2 * BLOCK_SIZE * ROW_BYTES);
      metadata[i] = vec4(
          float_of(uint(of.at[offset])), float_of(uint(of.at[BLOCK_SIZE + offset])),
          float_of(uint(of.at[2 * BLOCK_SIZE + offset])),
          float_of(uint(of.at[3 * BLOCK_SIZE + offset])));
    }
  }
}

// Where a row's vector begins in queries and outputs, in elements.
uint64_t vector_of(uint kv_head, uint row) {
  const uint64_t head = uint64_t(row / GROUP_SIZE) * kv_heads + kv_head;
  return (head * GROUP_SIZE + row % GROUP_SIZE) * HEAD_DIM;
}

// DEPTH dimensions, from piece `piece` on, of all rows and all keys.
void stage_keys(uint kv_head, uint first_row, uint row_end, uint piece) {
  for (uint i = gl_LocalInvocationIndex; i < 2 * ROWS; i += gl_WorkGroupSize.x) {
    const uint row = i % ROWS, side = i / ROWS, to = side * 8 * ROWS + row;
    vec4 low = vec4(0), high = vec4(0);
    if (first_row + row < row_end) {
      const uint64_t vector = vector_of(kv_head, first_row + row) + piece_start(piece + side);
      Quads from = Quads(queries + vector * 4);
      low = uintBitsToFloat(from.at[0]);
      high = uintBitsToFloat(from.at[1]);
    }
    [[unroll]] for (uint e = 0; e < 4; e++) {
      put(to + e * ROWS, low[e]);
      put(to + (e + 4) * ROWS, high[e]);
    }
  }
  for (uint i = gl_LocalInvocationIndex; i < 2 * TILE; i += gl_WorkGroupSize.x) {
    // A column's keys are 16 apart and stand side by side.
    const uint key = i % TILE, side = i / TILE;
    const uint to = KEY_START + side * 8 * TILE + key % COLUMNS * 4 + key / COLUMNS;
    vec4 low, high;
    piece_of(key_rows[key], piece + side, metadata[key].xy, low, high);
    [[unroll]] for (uint e = 0; e < 4; e++) {
      put(to + e * TILE, low[e]);
      put(to + (e + 4) * TILE, high[e]);
    }
  }
}

void stage_values(uint first) {
  const uint pieces = HEAD_DIM / 8;
  for (uint i = gl_LocalInvocationIndex; i < VALUES * pieces; i += gl_WorkGroupSize.x) {
    const uint key = i / pieces, piece = i % pieces;
    const uint to = (key * HEAD_DIM + piece_start(piece)) / 4;
    vec4 low, high;
    piece_of(value_rows[first + key], piece, metadata[first + key].zw, low, high);
    stage[to] = low;
    stage[to + 1] = high;
  }
}

// Scores of this thread's rows and its column's keys: column, column + 16, + 32 and + 48.
void score_tile(uint kv_head, uint first_row, uint row_end, out vec4 scores[ROWS_EACH]) {
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) scores[r] = vec4(0);
  for (uint piece = 0; piece < HEAD_DIM / 8; piece += 2) {
    barrier();
    stage_keys(kv_head, first_row, row_end, piece);
    barrier();
    [[unroll]] for (uint d = 0; d < DEPTH; d++) {
      float q[ROWS_EACH];
      staged_rows(d * ROWS + own_row, q);
      const vec4 key = stage[(KEY_START + d * TILE) / 4 + column];
      [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) scores[r] = fma(vec4(q[r]), key, scores[r]);
    }
  }
}

// Which of the column's keys a row sees: those before `seen`, and within its window.
bvec4 visible_keys(uint first, uint seen) {
  const uvec4 key = first + column + uvec4(0, COLUMNS, 2 * COLUMNS, 3 * COLUMNS);
  // Where a key is not before `seen` the difference wraps around, and the comparison before holds.
  const uint most = window == 0 ? 0xFFFFFFFFu : window;
  return bvec4(uvec4(lessThan(key, uvec4(seen))) & uvec4(lessThanEqual(seen - key, uvec4(most))));
}

// The largest and the sum of a row's numbers, one of each column, in `stage` as [row][column].
float largest_of(uint row) {
  const vec4 top = max(
      max(stage[row * 4], stage[row * 4 + 1]), max(stage[row * 4 + 2], stage[row * 4 + 3]));
  return max(max(top.x, top.y), max(top.z, top.w));
}
float sum_of(uint row) {
  const vec4 sum =
      (stage[row * 4] + stage[row * 4 + 1]) + (stage[row * 4 + 2] + stage[row * 4 + 3]);
  return (sum.x + sum.y) + (sum.z + sum.w);
}

// Softmax of a tile's scores: leaves weights, and rescales what the rows hold.
void weigh_tile(uint first, vec4 scores[ROWS_EACH]) {
  barrier();
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
    if (soft_cap > 0) {
      [[unroll]] for (uint c = 0; c < 4; c++) scores[r][c] = soft_capped(scores[r][c], soft_cap);
    }
    const vec4 s = mix(vec4(LOWEST), scores[r], visible_keys(first, seen[r]));
    put((own_row + r) * COLUMNS + column, max(max(s.x, s.y), max(s.z, s.w)));
  }
  barrier();
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
    const float now = max(largest[r], largest_of(own_row + r));
    const float decay = exp(largest[r] - now);
    const vec4 p = mix(vec4(0), exp(min(scores[r] - now, vec4(0))), visible_keys(first, seen[r]));
    largest[r] = now;
    weight[r] = weight[r] * decay + ((p.x + p.y) + (p.z + p.w));
    [[unroll]] for (uint j = 0; j < QUADS; j++) quads[j * ROWS_EACH + r] *= decay;
    [[unroll]] for (uint j = 0; j < SINGLES; j++) singles[j * ROWS_EACH + r] *= decay;
    scores[r] = p;
  }
  put_weights(scores);
}

// Adds the staged values, of which the first is the tile's key `key`, to the outputs.
void add_values(uint key) {
  for (uint k = 0; k < VALUES; k++) {
    float p[ROWS_EACH];
    weight_rows((key + k) * WEIGHT_PITCH + own_row, p);
    [[unroll]] for (uint j = 0; j < QUADS; j++) {
      const vec4 value = stage[k * (HEAD_DIM / 4) + j * COLUMNS + column];
      [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
        quads[j * ROWS_EACH + r] = fma(vec4(p[r]), value, quads[j * ROWS_EACH + r]);
      }
    }
    [[unroll]] for (uint j = 0; j < SINGLES; j++) {
      const uint from = k * HEAD_DIM + (QUADS * 4 + j) * COLUMNS + column;
      const float value = stage[from / 4][from % 4];
      [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
        singles[j * ROWS_EACH + r] = fma(p[r], value, singles[j * ROWS_EACH + r]);
      }
    }
  }
}

void write_outputs(uint kv_head, uint first_row, uint last_row) {
  barrier();
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
    put((own_row + r) * COLUMNS + column, weight[r]);
  }
  barrier();
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
    const uint row = first_row + own_row + r;
    if (row > last_row) break;
    const float inverse = 1.0 / sum_of(own_row + r);
    const uint64_t to = outputs + vector_of(kv_head, row) * 4;
    [[unroll]] for (uint j = 0; j < QUADS; j++) {
      Quads(to).at[j * COLUMNS + column] = floatBitsToUint(quads[j * ROWS_EACH + r] * inverse);
    }
    [[unroll]] for (uint j = 0; j < SINGLES; j++) {
      Floats(to).at[(QUADS * 4 + j) * COLUMNS + column] = singles[j * ROWS_EACH + r] * inverse;
    }
  }
}

void main() {
  const uint kv_head = gl_WorkGroupID.y;
  // The last rows see the most keys, and begin first.
  const uint first_row = (gl_NumWorkGroups.x - 1 - gl_WorkGroupID.x) * ROWS;
  const uint row_end = tokens * GROUP_SIZE;
  if (first_row >= row_end) return;
  const uint last_row = min(first_row + ROWS, row_end) - 1;
  column = gl_LocalInvocationIndex % COLUMNS;
  own_row = gl_LocalInvocationIndex / COLUMNS * ROWS_EACH;
  // Rows beyond the last are computed with queries of zero, and not written.
  [[unroll]] for (uint r = 0; r < ROWS_EACH; r++) {
    seen[r] = prefix + min(first_row + own_row + r, last_row) / GROUP_SIZE + 1;
    largest[r] = LOWEST;
    weight[r] = 0;
  }
  [[unroll]] for (uint i = 0; i < QUAD_SUMS; i++) quads[i] = vec4(0);
  [[unroll]] for (uint i = 0; i < SINGLE_SUMS; i++) singles[i] = 0;

  const uint first_seen = prefix + first_row / GROUP_SIZE + 1;
  const uint end = prefix + last_row / GROUP_SIZE + 1;
  const uint start = window == 0 || window >= first_seen ? 0 : first_seen - window;
  for (uint first = start; first < end; first += TILE) {
    find_tile(kv_head, first, end);
    vec4 scores[ROWS_EACH];
    score_tile(kv_head, first_row, row_end, scores);
    weigh_tile(first, scores);
    for (uint key = 0; key < min(TILE, end - first); key += VALUES) {
      barrier();
      stage_values(key);
      barrier();
      add_values(key);
    }
  }
  write_outputs(kv_head, first_row, last_row);
}
