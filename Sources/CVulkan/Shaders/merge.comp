#version 450
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_control_flow_attributes : require
#include "common.glsl"

// Joins what decode.comp or decode_matrix.comp left of the spans of a (sequence, KV head) pair:
// with maxima m_i, weights l_i and weighted values o_i,
//     out = sum e^(m_i - m) o_i / sum e^(m_i - m) l_i.
// A workgroup writes the output of one query head; rotated values stay rotated.
//
// Bytes per span and query head: 4 * (head_dim + 2), read once and a half: the maxima come twice.
// Operations: 2 per element. Floor: for one sequence of 32 query heads on 8 KV heads of 128 in 64
// spans of a KV head each, 1 MiB, 0.3 us on an H100 that reads 3.35 TB/s, less than a launch takes;
// 6 to 9 us on an H200, launch included.

layout(local_size_x_id = 0) in;
layout(push_constant) uniform Push {
  // [span][GROUP_SIZE][HEAD_DIM + 2] floats.
  uint64_t partials;
  // Spans of sequence `i` are span_starts[i] ..< span_starts[i + 1]: one of each KV head, then the
  // next of each.
  uint64_t span_starts;
  // [pair][GROUP_SIZE][HEAD_DIM] floats.
  uint64_t outputs;
  uint kv_heads, pair_count;
};

const uint THREADS = gl_WorkGroupSize.x;
const uint ELEMENTS = (HEAD_DIM + THREADS - 1) / THREADS;
const uint PARTIAL = HEAD_DIM + 2;
// Spans whose values are asked for at once.
const uint AHEAD = 8;

// Factors of as many spans as there are threads, and their weights times these.
shared float shares[THREADS], weights[THREADS];

// The pair's first span, of all.
uint first_span;

// The partial of the pair's span number `i`.
Floats partial_of(uint i) {
  const uint64_t span = first_span + i * kv_heads;
  return Floats(partials + (span * GROUP_SIZE + gl_WorkGroupID.z) * (4 * PARTIAL));
}

float largest_of(uint count) {
  const uint thread = gl_LocalInvocationIndex;
  float largest = -3.0e38;
  for (uint span = thread; span < count; span += THREADS) {
    largest = max(largest, partial_of(span).at[0]);
  }
  largest = subgroupMax(largest);
  if (subgroupElect()) shares[gl_SubgroupID] = largest;
  barrier();
  for (uint i = 0; i < gl_NumSubgroups; i++) largest = max(largest, shares[i]);
  barrier();
  return largest;
}

void main() {
  const uint thread = gl_LocalInvocationIndex;
  const uint pair = gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x;
  if (pair >= pair_count) return;
  const uint first = Words(span_starts).at[pair / kv_heads];
  first_span = first + pair % kv_heads;
  const uint spans = (Words(span_starts).at[pair / kv_heads + 1] - first) / kv_heads;
  const float largest = largest_of(spans);
  float sums[ELEMENTS], weight = 0.0;
  [[unroll]] for (uint i = 0; i < ELEMENTS; i++) sums[i] = 0.0;
  for (uint start = 0; start < spans; start += THREADS) {
    const bool exists = start + thread < spans;
    Floats own = partial_of(exists ? start + thread : spans - 1);
    const float share = exists ? exp(own.at[0] - largest) : 0.0;
    shares[thread] = share;
    weights[thread] = share * own.at[1];
    barrier();
    const uint count = min(THREADS, spans - start);
    for (uint i = 0; i < count; i++) weight += weights[i];
    [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
      const uint at = 2 + min(thread + i * THREADS, HEAD_DIM - 1);
      for (uint next = 0; next < count; next += AHEAD) {
        float values[AHEAD];
        [[unroll]] for (uint j = 0; j < AHEAD; j++) {
          values[j] = partial_of(start + min(next + j, count - 1)).at[at];
        }
        [[unroll]] for (uint j = 0; j < AHEAD; j++) {
          const float factor = next + j < count ? shares[min(next + j, THREADS - 1)] : 0.0;
          sums[i] = fma(factor, values[j], sums[i]);
        }
      }
    }
    barrier();
  }
  const uint64_t row = uint64_t(pair) * GROUP_SIZE + gl_WorkGroupID.z;
  Floats to = Floats(outputs + row * (4 * HEAD_DIM));
  [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
    const uint at = thread + i * THREADS;
    if (at < HEAD_DIM) to.at[at] = sums[i] / weight;
  }
}
