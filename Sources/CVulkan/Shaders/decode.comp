#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// Paged decode attention, split along the context (Flash-Decoding): a workgroup attends to one span
// of one sequence's tokens for all query heads of one KV head, so that each key and value is read
// from memory once, and leaves per query head the running maximum, the sum of weights and the
// weighted values, head_dim + 2 floats. Queries come scaled and rotated; merge.comp joins spans.
//
// Four-bit rows are never expanded: with x = zero + scale * code,
//     q . k = scale * (q . codes) + zero * sum(q),    sum p v = sum (p scale) codes + sum p zero
//
// Who does what. ROW_LANES lanes share a row, each with its own words of it, so that a subgroup has
// SLOTS rows at once; a slot takes TILE consecutive tokens at a time, whose keys and values are all
// asked for before the first is used. Each slot runs a softmax of its own, and there is no barrier
// before the span ends. Products of keys with queries are added up over the slot's lanes by folding
// (`fold`): with TILE * HEADS sums for ROW_LANES lanes, each exchange halves what a lane still
// holds, so that it ends with the complete score of its own (token, head), bends it, and takes the
// exponential of it alone. Weights go back to all lanes of the slot by shuffles.
//
// Bytes per token and KV head at head_dim 128: 512 (FP16), 136 (four bits). Operations: 512 per
// query head. Floors on an H100 (3.35 TB/s; 132 SMs, 4 instructions of 32 lanes a cycle each,
// 1.7 GHz): memory 6.5 G tokens a second and KV head in FP16, 24.6 G in four bits. With 4 query
// heads, a token and KV head has 1,024 multiply-adds and 256 conversions (one instruction in FP16,
// two in four bits): 22.4 G and 18.7 G a second. So FP16 is bound by memory and four bits by
// arithmetic. On an H200 64 sequences of
// 4,096 tokens take 279 us in FP16 and 298 in four bits (a plain read: 236 and 63).

layout(local_size_x_id = 0) in;
// Lanes of a subgroup, as the device has them: 4 to 64, a power of two that divides the workgroup.
layout(constant_id = 7) const uint LANES = 32;
// Tokens that a slot has in flight: a power of two.
layout(constant_id = 8) const uint TILE = 4;
// Words of 32 bits that a lane loads at once (1, 2 or 4); 0 lets the shader choose.
layout(constant_id = 9) const uint LOAD_WORDS = 0;

layout(push_constant) uniform Push {
  uint64_t pages;
  // Page numbers: [sequence][table_stride].
  uint64_t tables;
  // [sequence][kv_head][GROUP_SIZE][HEAD_DIM] floats.
  uint64_t queries;
  // Four words each: sequence, KV head, first token, last token (not included). Aligned to 16.
  uint64_t spans;
  // [span][GROUP_SIZE][HEAD_DIM + 2] floats.
  uint64_t partials;
  uint table_stride;
  uint kv_heads;
  uint span_count;
  // Scores s become soft_cap * tanh(s / soft_cap); 0 means that they stay as they are.
  float soft_cap;
};

const bool FOUR_BIT = BITS == 4;
const uint SUBGROUPS = gl_WorkGroupSize.x / LANES;

// How a row goes over lanes. Its chunks of LANE_WORDS words are dealt out in turn; where they do
// not come out even, the last one is read by several lanes and counts for one. More than eight
// elements a lane leave few heads room in registers, so four-bit rows are not loaded 16 bytes at a
// time, to which their slabs would not always be aligned either.
const uint MOST_WORDS = ROW_BYTES % 16 + SLAB_BYTES % 16 == 0 ? 4 : 2;
const uint WANTED_WORDS = LOAD_WORDS > 0 ? LOAD_WORDS : !FOUR_BIT ? 4 : GROUP_SIZE > 4 ? 1 : 2;
const uint LANE_WORDS = WANTED_WORDS > MOST_WORDS ? MOST_WORDS : WANTED_WORDS;
const uint CHUNKS = ROW_BYTES / (4 * LANE_WORDS);
const uint SPREAD = CHUNKS <= 1 ? 1 : CHUNKS <= 2 ? 2 : CHUNKS <= 4 ? 4 : CHUNKS <= 8 ? 8
    : CHUNKS <= 16 ? 16 : CHUNKS <= 32 ? 32 : 64;
const uint ROW_LANES = SPREAD < LANES ? SPREAD : LANES;
const uint SLOTS = LANES / ROW_LANES;
const uint LANE_CHUNKS = (CHUNKS + ROW_LANES - 1) / ROW_LANES;
const uint TILE_CHUNKS = TILE * LANE_CHUNKS;
const bool IS_RAGGED = CHUNKS % ROW_LANES != 0;
const uint WORD_ELEMENTS = FOUR_BIT ? 8 : 2;
const uint ELEMENTS = LANE_CHUNKS * LANE_WORDS * WORD_ELEMENTS;

// Query heads that go over the rows together: as many as have room in registers.
const uint MOST_HEADS = ELEMENTS > 32 ? 1 : ELEMENTS <= 8 ? 8 : 64 / ELEMENTS;
const uint PASSES = (GROUP_SIZE + MOST_HEADS - 1) / MOST_HEADS;
const uint HEADS = (GROUP_SIZE + PASSES - 1) / PASSES;

// How a slot's scores, [head][token], go over its lanes: SCORES is their number up to the next
// power of two. A lane holds LANE_SCORES of them, LANE_HEADS heads of LANE_TOKENS tokens, and
// REPLICAS neighbours hold the same.
const uint NEEDED_SCORES = HEADS * TILE;
const uint SCORES = NEEDED_SCORES <= 1 ? 1 : NEEDED_SCORES <= 2 ? 2 : NEEDED_SCORES <= 4 ? 4
    : NEEDED_SCORES <= 8 ? 8 : NEEDED_SCORES <= 16 ? 16 : NEEDED_SCORES <= 32 ? 32
    : NEEDED_SCORES <= 64 ? 64 : 128;
const uint LANE_SCORES = SCORES > ROW_LANES ? SCORES / ROW_LANES : 1;
const uint REPLICAS = SCORES < ROW_LANES ? ROW_LANES / SCORES : 1;
const uint LANE_TOKENS = LANE_SCORES < TILE ? LANE_SCORES : TILE;
const uint LANE_HEADS = LANE_SCORES / LANE_TOKENS;

// A slot's tokens lie in one page where pages are whole tiles; else each is looked up.
const uint LOOKUPS = BLOCK_SIZE % TILE == 0 ? 1 : TILE;
const uint RUN = TILE / LOOKUPS;

// Below every score, and finite, so that differences are numbers.
const float LOWEST = -3.0e38;

uint first_token, last_token;
uint64_t kv_pages;
Ints table;

// The lane's place: within its row, which row, and the first of its scores.
uint lane, slot, first_score;

float query[HEADS * ELEMENTS];
float query_sum[LANE_HEADS];
// Weighted values of this slot's tokens: elements of the lane.
float sums[HEADS * ELEMENTS];
// Softmax of this slot: of the lane's heads, and of weights and zeros the lane's tokens alone.
float largest[LANE_HEADS], decay[LANE_HEADS], weight[LANE_HEADS], zeros[LANE_HEADS];

// Scores of the tile by [head][token]; after folding, the lane's own, then their weights.
float scores[SCORES];
uint pages_ahead[LOOKUPS];

shared float subgroup_largest[SUBGROUPS * HEADS];
shared float joined[HEADS * ELEMENTS * ROW_LANES];
shared float joined_largest[HEADS], joined_weight[HEADS], joined_zeros[HEADS];

// The lane of a slot that holds a score, and where.
uint lane_of(uint score) {
  return slot * ROW_LANES + (REPLICAS > 1 ? score * REPLICAS : score / LANE_SCORES);
}
uint head_of(uint own_head) { return first_score / TILE + own_head; }
uint chunk_of(uint i) {
  const uint chunk = i * ROW_LANES + lane;
  return IS_RAGGED ? min(chunk, CHUNKS - 1) : chunk;
}

// Where element `i` of lane `of` stands in its row; HEAD_DIM where it counts for nothing.
uint element_of(uint of, uint i) {
  const uint word = i / WORD_ELEMENTS, within = i % WORD_ELEMENTS;
  const uint chunk = word / LANE_WORDS * ROW_LANES + of;
  const uint at = chunk * LANE_WORDS + word % LANE_WORDS;
  if (chunk >= CHUNKS) return HEAD_DIM;
  return FOUR_BIT ? at * 4 + within / 2 + within % 2 * (HEAD_DIM / 2) : at * 2 + within;
}

// Elements of a word in the order of its bits. A four-bit code is put into the significand of 2^23
// where it stands, and so comes times `factor_of`, which is exact; queries and sums make up for it.
float element(uint word, uint i) {
  if (!FOUR_BIT) return i == 0 ? unpackHalf2x16(word).x : unpackHalf2x16(word).y;
  const uint code = (i < 4 ? word : word >> 16) & 0xFu << 4 * (i % 4);
  precise const float value = uintBitsToFloat(code | 0x4B000000u) - 8388608.0;
  return value;
}
float factor_of(uint i) { return FOUR_BIT ? float(1u << 4 * (i % 4)) : 1.0; }

uvec4 load(uint64_t address) {
  if (LANE_WORDS == 4) return Quads(address).at[0];
  if (LANE_WORDS == 2) return uvec4(Pairs(address).at[0], 0, 0);
  return uvec4(Words(address).at[0], 0, 0, 0);
}

// cap * tanh(s / cap). Small x need a series: 1 less an exponential would lose their digits.
float bend(float score) {
  const float x = score / soft_cap, size = abs(x), square = x * x;
  const float series = fma(fma(fma(fma(square, 62.0 / 2835.0, -17.0 / 315.0), square, 2.0 / 15.0),
                               square, -1.0 / 3.0), square * x, x);
  const float e = exp(-2.0 * min(size, 20.0));
  return soft_cap * (size < 0.25 ? series : sign(x) * ((1.0 - e) / (1.0 + e)));
}

void load_queries(uint64_t from, uint heads) {
  [[unroll]] for (uint head = 0; head < HEADS; head++) {
    float sum = 0.0;
    [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
      const uint at = element_of(lane, i);
      float q = 0.0;
      if (head < heads && at < HEAD_DIM) q = Floats(from).at[head * HEAD_DIM + at];
      sum += q;
      query[head * ELEMENTS + i] = q / factor_of(i);
    }
    if (FOUR_BIT) {
      for (uint stride = 1; stride < ROW_LANES; stride *= 2) {
        sum += subgroupShuffleXor(sum, stride);
      }
      [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
        if (head_of(own) == head) query_sum[own] = sum;
      }
    }
  }
}

// The token to look up for `token`: itself, or one in the first or last page of the span.
uint held(uint token) {
  const uint last = last_token - 1;
  return clamp(token, first_token - first_token % RUN, last - last % RUN);
}
uint look_up(uint token) { return uint(table.at[held(token) / BLOCK_SIZE]); }
bool is_valid(uint token) { return token >= first_token && token < last_token; }
uint64_t slab_at(uint page) { return kv_pages + uint64_t(page) * kv_heads * SLAB_BYTES; }

// Adds the two halves of what lanes `stride` apart hold and leaves each lane one of them.
void fold(uint stride) {
  if (stride >= ROW_LANES) return;
  const uint count = SCORES * stride / ROW_LANES;
  if (count == 0) {
    scores[0] += subgroupShuffleXor(scores[0], stride);
    return;
  }
  const bool is_upper = (lane & stride) != 0;
  [[unroll]] for (uint i = 0; i < count; i++) {
    const float kept = is_upper ? scores[i + count] : scores[i];
    const float sent = is_upper ? scores[i] : scores[i + count];
    scores[i] = kept + subgroupShuffleXor(sent, stride);
  }
}

void score(const uvec4 keys[TILE_CHUNKS]) {
  [[unroll]] for (uint i = 0; i < SCORES; i++) scores[i] = 0.0;
  [[unroll]] for (uint t = 0; t < TILE; t++) {
    [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
      const uint word = i / WORD_ELEMENTS;
      const uvec4 chunk = keys[t * LANE_CHUNKS + word / LANE_WORDS];
      const float x = element(chunk[word % LANE_WORDS], i % WORD_ELEMENTS);
      [[unroll]] for (uint head = 0; head < HEADS; head++) {
        const uint to = head * TILE + t;
        scores[to] = fma(query[head * ELEMENTS + i], x, scores[to]);
      }
    }
  }
  fold(32);
  fold(16);
  fold(8);
  fold(4);
  fold(2);
  fold(1);
}

// The lane's scores into weights, times the scale of their values. `metadata` has, of each of the
// lane's tokens, scale and zero of key and value.
void weigh(uint token, const vec4 metadata[LANE_TOKENS]) {
  [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
    float top = largest[own];
    [[unroll]] for (uint t = 0; t < LANE_TOKENS; t++) {
      float s = scores[own * LANE_TOKENS + t];
      if (FOUR_BIT) s = fma(s, metadata[t].x, metadata[t].y * query_sum[own]);
      if (soft_cap > 0.0) s = bend(s);
      s = is_valid(token + t) ? s : LOWEST;
      scores[own * LANE_TOKENS + t] = s;
      top = max(top, s);
    }
    [[unroll]] for (uint step = 1; step < TILE / LANE_TOKENS; step *= 2) {
      top = max(top, subgroupShuffleXor(top, step * REPLICAS));
    }
    decay[own] = exp(largest[own] - top);
    largest[own] = top;
    float weight_sum = 0.0, zero_sum = 0.0;
    [[unroll]] for (uint t = 0; t < LANE_TOKENS; t++) {
      float p = exp(scores[own * LANE_TOKENS + t] - top);
      // Not by p alone: before a slot's first token, top is as low as what stands for no token.
      const bool counts = is_valid(token + t);
      weight_sum += counts ? p : 0.0;
      if (FOUR_BIT) {
        zero_sum = counts ? fma(p, metadata[t].w, zero_sum) : zero_sum;
        p *= metadata[t].z;
      }
      scores[own * LANE_TOKENS + t] = counts ? p : 0.0;
    }
    weight[own] = fma(weight[own], decay[own], weight_sum);
    if (FOUR_BIT) zeros[own] = fma(zeros[own], decay[own], zero_sum);
  }
}

// Adds the tile's own sum to that of the span: token by token, a long sum would round ever coarser.
void add_values(const uvec4 values[TILE_CHUNKS]) {
  float p[NEEDED_SCORES], before[HEADS];
  [[unroll]] for (uint i = 0; i < NEEDED_SCORES; i++) {
    p[i] = subgroupShuffle(scores[i % LANE_SCORES], lane_of(i));
  }
  [[unroll]] for (uint head = 0; head < HEADS; head++) {
    const uint at = head * TILE;
    before[head] = subgroupShuffle(decay[at % LANE_SCORES / LANE_TOKENS], lane_of(at));
  }
  [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
    const uint word = i / WORD_ELEMENTS;
    float x[TILE];
    [[unroll]] for (uint t = 0; t < TILE; t++) {
      const uvec4 chunk = values[t * LANE_CHUNKS + word / LANE_WORDS];
      x[t] = element(chunk[word % LANE_WORDS], i % WORD_ELEMENTS);
    }
    [[unroll]] for (uint head = 0; head < HEADS; head++) {
      float sum = p[head * TILE] * x[0];
      [[unroll]] for (uint t = 1; t < TILE; t++) sum = fma(p[head * TILE + t], x[t], sum);
      const uint to = head * ELEMENTS + i;
      sums[to] = fma(sums[to], before[head], sum);
    }
  }
}

// Attends to the subgroup's tile that begins at `base`, whose pages have been looked up.
void attend_tile(uint base, uint next) {
  const uint token = base + slot * TILE, own_token = first_score % TILE;
  uvec4 keys[TILE_CHUNKS], values[TILE_CHUNKS];
  vec4 metadata[LANE_TOKENS];
  [[unroll]] for (uint t = 0; t < TILE; t++) {
    const uint at = t % LOOKUPS;
    const uint64_t row = slab_at(pages_ahead[at]) + held(token + at) % BLOCK_SIZE * ROW_BYTES;
    [[unroll]] for (uint i = 0; i < LANE_CHUNKS; i++) {
      // Constants last, so that they become offsets of the loads.
      const uint64_t chunk = row + chunk_of(i) * (4 * LANE_WORDS);
      keys[t * LANE_CHUNKS + i] = load(chunk + uint64_t((t - at) * ROW_BYTES));
      values[t * LANE_CHUNKS + i] = load(chunk + uint64_t((BLOCK_SIZE + t - at) * ROW_BYTES));
    }
  }
  [[unroll]] for (uint t = 0; FOUR_BIT && t < LANE_TOKENS; t++) {
    const uint at = (own_token + t) % LOOKUPS;
    uint page = pages_ahead[0];
    [[unroll]] for (uint i = 1; i < LOOKUPS; i++) page = at == i ? pages_ahead[i] : page;
    const uint row = held(token + at) % BLOCK_SIZE + own_token + t - at;
    Halves halves = Halves(slab_at(page) + 2 * BLOCK_SIZE * ROW_BYTES + 2 * row);
    metadata[t] = vec4(
        float_of(uint(halves.at[0])), float_of(uint(halves.at[BLOCK_SIZE])),
        float_of(uint(halves.at[2 * BLOCK_SIZE])), float_of(uint(halves.at[3 * BLOCK_SIZE])));
  }
  [[unroll]] for (uint at = 0; at < LOOKUPS; at++) {
    pages_ahead[at] = look_up(next + slot * TILE + at);
  }
  score(keys);
  weigh(token + own_token, metadata);
  if (base < first_token || base + SLOTS * TILE > last_token) {
    // What was never written may hold NaN, which even a weight of 0 would not hide.
    [[unroll]] for (uint i = 0; i < TILE_CHUNKS; i++) {
      if (!is_valid(token + i / LANE_CHUNKS)) values[i] = uvec4(0);
    }
  }
  add_values(values);
}

// Joins slots and subgroups: what each holds, scaled from its own maximum to that of all.
void join() {
  [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
    float top = largest[own];
    for (uint stride = ROW_LANES; stride < LANES; stride *= 2) {
      top = max(top, subgroupShuffleXor(top, stride));
    }
    const uint head = head_of(own);
    if (gl_SubgroupInvocationID == lane_of(first_score) && slot == 0 && first_score % TILE == 0
        && head < HEADS) {
      subgroup_largest[gl_SubgroupID * HEADS + head] = top;
    }
  }
  barrier();
  [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
    const uint head = min(head_of(own), HEADS - 1);
    float top = LOWEST;
    for (uint i = 0; i < SUBGROUPS; i++) top = max(top, subgroup_largest[i * HEADS + head]);
    decay[own] = exp(largest[own] - top);
    largest[own] = top;
    weight[own] *= decay[own];
    zeros[own] *= decay[own];
    for (uint step = 1; step < TILE / LANE_TOKENS; step *= 2) {
      weight[own] += subgroupShuffleXor(weight[own], step * REPLICAS);
      zeros[own] += subgroupShuffleXor(zeros[own], step * REPLICAS);
    }
    for (uint stride = ROW_LANES; stride < LANES; stride *= 2) {
      weight[own] += subgroupShuffleXor(weight[own], stride);
      zeros[own] += subgroupShuffleXor(zeros[own], stride);
    }
  }
  [[unroll]] for (uint head = 0; head < HEADS; head++) {
    const uint at = head * TILE;
    const float share = subgroupShuffle(decay[at % LANE_SCORES / LANE_TOKENS], lane_of(at));
    [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
      float sum = sums[head * ELEMENTS + i] * (share / factor_of(i));
      for (uint stride = ROW_LANES; stride < LANES; stride *= 2) {
        sum += subgroupShuffleXor(sum, stride);
      }
      sums[head * ELEMENTS + i] = sum;
    }
  }
  for (uint turn = 0; turn < SUBGROUPS; turn++) {
    if (gl_SubgroupID == turn && slot == 0) {
      [[unroll]] for (uint i = 0; i < HEADS * ELEMENTS; i++) {
        const uint to = i * ROW_LANES + lane;
        joined[to] = turn == 0 ? sums[i] : joined[to] + sums[i];
      }
      [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
        const uint head = head_of(own);
        if (lane != lane_of(first_score) || first_score % TILE != 0 || head >= HEADS) continue;
        joined_weight[head] = turn == 0 ? weight[own] : joined_weight[head] + weight[own];
        joined_zeros[head] = turn == 0 ? zeros[own] : joined_zeros[head] + zeros[own];
        joined_largest[head] = largest[own];
      }
    }
    barrier();
  }
}

// The joined sums of `heads` heads, in the order of memory.
void write(uint64_t to, uint heads) {
  for (uint i = gl_LocalInvocationIndex; i < heads * ELEMENTS * ROW_LANES;
       i += gl_WorkGroupSize.x) {
    const uint head = i / (ELEMENTS * ROW_LANES), of = i / ELEMENTS % ROW_LANES;
    const uint within = i % ELEMENTS, at = element_of(of, within);
    if (at >= HEAD_DIM) continue;
    const float sum = joined[(head * ELEMENTS + within) * ROW_LANES + of];
    Floats(to).at[head * (HEAD_DIM + 2) + 2 + at] = FOUR_BIT ? sum + joined_zeros[head] : sum;
  }
  for (uint head = gl_LocalInvocationIndex; head < heads; head += gl_WorkGroupSize.x) {
    Floats(to).at[head * (HEAD_DIM + 2)] = joined_largest[head];
    Floats(to).at[head * (HEAD_DIM + 2) + 1] = joined_weight[head];
  }
  // The next heads use the same memory.
  barrier();
}

void begin_softmax() {
  [[unroll]] for (uint i = 0; i < HEADS * ELEMENTS; i++) sums[i] = 0.0;
  [[unroll]] for (uint own = 0; own < LANE_HEADS; own++) {
    largest[own] = LOWEST;
    query_sum[own] = weight[own] = zeros[own] = 0.0;
  }
}

void main() {
  const uint index = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (index >= span_count) return;
  const uvec4 span = Quads(spans).at[index];
  first_token = span.z;
  last_token = span.w;
  kv_pages = slab_of(pages, 0, kv_heads, span.y);
  table = Ints(tables + uint64_t(span.x) * table_stride * 4);
  lane = gl_SubgroupInvocationID % ROW_LANES;
  slot = gl_SubgroupInvocationID / ROW_LANES;
  first_score = lane / REPLICAS * LANE_SCORES;
  const uint64_t pair = uint64_t(span.x) * kv_heads + span.y;
  const uint step = SUBGROUPS * SLOTS * TILE;
  const uint start = first_token - first_token % TILE + gl_SubgroupID * SLOTS * TILE;
  for (uint head = 0; head < GROUP_SIZE; head += HEADS) {
    const uint heads = min(HEADS, GROUP_SIZE - head);
    begin_softmax();
    load_queries(queries + (pair * GROUP_SIZE + head) * (4 * HEAD_DIM), heads);
    [[unroll]] for (uint at = 0; at < LOOKUPS; at++) {
      pages_ahead[at] = look_up(start + slot * TILE + at);
    }
    for (uint base = start; base < last_token; base += step) attend_tile(base, base + step);
    join();
    write(partials + (uint64_t(index) * GROUP_SIZE + head) * (4 * (HEAD_DIM + 2)), heads);
  }
}
