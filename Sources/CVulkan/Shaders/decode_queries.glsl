// The queries of decode_matrix.comp, from memory into right matrices. A subgroup turns a head at a
// time, of which a lane holds four elements: with eight, half of the lanes turned zeros, which cost
// rotated formats 1.7 % at 256 sequences of 1,024 tokens.

// A lane's share of a head: its elements 4 * lane to 4 * lane + 3, and those 128 further on.
const uint QUADS = (HEAD_DIM + 127) / 128;
// Heads of a subgroup.
const uint TURNS = (HEADS + SUBGROUPS - 1) / SUBGROUPS;
vec4 own[TURNS * QUADS];

// Asks for the queries of `heads` heads: early, as the page table comes by then too.
void fetch_queries(uint64_t from, uint heads) {
  [[unroll]] for (uint turn = 0; turn < TURNS; turn++) {
    const uint row = min(turn * SUBGROUPS + gl_SubgroupID, heads - 1);
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      const uint at = min(32 * i + gl_SubgroupInvocationID, HEAD_DIM / 4 - 1);
      own[turn * QUADS + i] = Fours(from + row * (4 * HEAD_DIM)).at[at];
    }
  }
}

// Multiplies the head that begins at `first` by the blocks of key_order, but for their norm.
void rotate_queries(uint first) {
  [[unroll]] for (uint i = 0; i < QUADS; i++) {
    own[first + i] = butterflies_of_four(own[first + i]);
  }
  [[unroll]] for (uint distance = 1; distance < 32; distance *= 2) {
    if (4 * distance >= key_order) break;
    const float sign = (gl_SubgroupInvocationID & distance) == 0 ? 1.0 : -1.0;
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      const vec4 x = own[first + i];
      own[first + i] = fma(vec4(sign), x, subgroupShuffleXor(x, distance));
    }
  }
  if (QUADS == 2 && key_order > 128) {
    const vec4 x = own[first], y = own[first + QUADS - 1];
    own[first] = x + y;
    own[first + QUADS - 1] = x - y;
  }
}

// Turns and scales the queries of `heads` heads, and zeros up to HEADS.
void turn_queries(uint heads) {
  const uint lane = gl_SubgroupInvocationID;
  const float factor =
      scale * (soft_cap > 0.0 ? 1.0 : LOG2_E) * (key_order != 0 ? key_norm : 1.0);
  [[unroll]] for (uint turn = 0; turn < TURNS; turn++) {
    const uint row = turn * SUBGROUPS + gl_SubgroupID;
    if (row >= HEADS) break;
    if (key_order != 0) rotate_queries(turn * QUADS);
    vec4 sum = vec4(0.0), most = vec4(0.0);
    [[unroll]] for (uint i = 0; i < QUADS; i++) {
      const uint at = 4 * (32 * i + lane);
      if (at >= HEAD_DIM) continue;
      const vec4 x = row < heads ? factor * own[turn * QUADS + i] : vec4(0.0);
      sum += x;
      most = max(most, abs(x));
      [[unroll]] for (uint j = 0; j < 4; j++) {
        scratch[row * SCRATCH_ROW + at + j] = floatBitsToUint(x[j]);
      }
    }
    const float all = subgroupAdd(sum.x + sum.y + (sum.z + sum.w));
    const float top = subgroupMax(max(max(most.x, most.y), max(most.z, most.w)));
    if (lane == 0) head_sum[row] = all, head_most[row] = top;
  }
  barrier();
}

// The part of x that halves hold exactly, but for what is below them all.
float cut_to_half(float x) { return uintBitsToFloat(floatBitsToUint(x) & 0xFFFFE000u); }

void load_queries() {
  query_sum = vec2(head_sum[head], head_sum[head + 1]);
  // The largest of all becomes 2^9 to 2^10.
  float most = 0.0;
  [[unroll]] for (uint i = 0; i < HEADS; i++) most = max(most, head_most[i]);
  const uint exponent = clamp(floatBitsToUint(most) >> 23, 20u, 240u);
  const float norm = uintBitsToFloat((263 - exponent) << 23);
  key_factor = (FOUR_BIT ? 16777216.0 : 1.0) / norm;
  // By way of shared memory: the compiler would keep the floats and make halves of them for every
  // product. Each subgroup makes the halves of some steps, four elements of the column's head each,
  // in the order of the lane's words of a key.
  for (uint step = gl_SubgroupID; step < STEPS; step += SUBGROUPS) {
    [[unroll]] for (uint i = 0; i < 2; i++) {
      vec2 x;
      [[unroll]] for (uint j = 0; j < 2; j++) {
        const uint of = FOUR_BIT ? nibble_dimension(key_word(step / 2), step % 2 * 2 + i + j * 4)
                                 : 2 * key_word(2 * step + i) + j;
        x[j] = uintBitsToFloat(scratch[g % HEADS * SCRATCH_ROW + of]);
      }
      // Codes four bits further up count 16 times.
      x *= norm * (FOUR_BIT && i == 1 ? 0.0625 : 1.0);
      const vec2 high = vec2(cut_to_half(x.x), cut_to_half(x.y));
      const uint at = (2 * step + i) * 32 + 4 * g + t;
      scratch[PACKED + at] = packHalf2x16(!IS_SPLIT && g >= HEADS ? x - high : high);
      if (IS_SPLIT) scratch[PACKED_REST + at] = packHalf2x16(x - high);
    }
  }
  barrier();
  [[unroll]] for (uint step = 0; step < STEPS; step++) {
    const uint at = 2 * step * 32 + 4 * g + t;
    query[step] = right_of(uvec2(scratch[PACKED + at], scratch[PACKED + at + 32]));
    if (IS_SPLIT) {
      query_rest[step] =
          right_of(uvec2(scratch[PACKED_REST + at], scratch[PACKED_REST + at + 32]));
    }
  }
}
