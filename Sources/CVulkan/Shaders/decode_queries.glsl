// The queries of decode_matrix.comp, from memory into right matrices.

// Turns and scales the queries of `heads` heads, and zeros up to HEADS.
void turn_queries(uint64_t from, uint heads) {
  const uint thread = thread_number(), lane = thread % LANES;
  const float factor = scale * (soft_cap > 0.0 ? 1.0 : LOG2_E);
  for (uint next = 0; next < HEADS; next += gl_WorkGroupSize.x / LANES) {
    const uint row = next + thread / LANES;
    Eight x = Eight(vec4(0), vec4(0));
    if (row < heads && lane < PARTS) x = eight_at(from + row * (4 * HEAD_DIM), lane);
    if (key_order != 0) x = rotated(x, key_order, key_norm);
    [[unroll]] for (uint i = 0; i < 8; i++) {
      if (row >= HEADS || lane >= PARTS) continue;
      turned[row * HEAD_DIM + 8 * lane + i] = factor * (i < 4 ? x.a[i % 4] : x.b[i % 4]);
    }
  }
  barrier();
}

void load_queries() {
  // Of the column's head, four elements a step, in the order of the lane's words of a key.
  const uint column = g % HEADS;
  float q[4 * STEPS];
  float most = 0.0, sum = 0.0;
  [[unroll]] for (uint step = 0; step < STEPS; step++) {
    [[unroll]] for (uint i = 0; i < 4; i++) {
      uint at;
      if (FOUR_BIT) {
        at = nibble_dimension(key_word(step / 2), step % 2 * 2 + i / 2 + i % 2 * 4);
      } else {
        at = 2 * key_word(2 * step + i / 2) + i % 2;
      }
      const float x = turned[column * HEAD_DIM + at];
      q[4 * step + i] = x;
      sum += x;
      most = max(most, abs(x));
    }
  }
  sum += subgroupShuffleXor(sum, 1);
  sum += subgroupShuffleXor(sum, 2);
  query_sum = vec2(subgroupShuffle(sum, 4 * head), subgroupShuffle(sum, 4 * head + 4));
  // The largest of all becomes 2^9 to 2^10.
  [[unroll]] for (uint distance = 1; distance < 32; distance *= 2) {
    most = max(most, subgroupShuffleXor(most, distance));
  }
  const uint exponent = clamp(floatBitsToUint(most) >> 23, 20u, 240u);
  const float norm = uintBitsToFloat((263 - exponent) << 23);
  key_factor = (FOUR_BIT ? 16777216.0 : 1.0) / norm;
  // By way of shared memory: the compiler would keep the floats and make halves of them for every
  // product.
  [[unroll]] for (uint step = 0; step < STEPS; step++) {
    [[unroll]] for (uint i = 0; i < 2; i++) {
      // Codes four bits further up count 16 times.
      const vec2 x = vec2(q[4 * step + 2 * i], q[4 * step + 2 * i + 1])
          * (norm * (FOUR_BIT && i == 1 ? 0.0625 : 1.0));
      const vec2 high = vec2(cut_to_half(x.x), cut_to_half(x.y));
      const uint at = (2 * step + i) * 32 + 4 * g + t;
      if (step % SUBGROUPS != gl_SubgroupID) continue;
      packed_query[at] = packHalf2x16(!IS_SPLIT && g >= HEADS ? x - high : high);
      if (IS_SPLIT) packed_rest[at] = packHalf2x16(x - high);
    }
  }
  barrier();
  [[unroll]] for (uint step = 0; step < STEPS; step++) {
    const uint at = 2 * step * 32 + 4 * g + t;
    query[step] = right_of(uvec2(packed_query[at], packed_query[at + 32]));
    if (IS_SPLIT) query_rest[step] = right_of(uvec2(packed_rest[at], packed_rest[at + 32]));
  }
}
