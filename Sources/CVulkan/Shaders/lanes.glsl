// Rows in registers, LANES lanes to a row: how threads are numbered, and what they hand each other.
//
// By shuffles where a row fits into a subgroup, and through shared memory elsewhere. The workgroup
// is a multiple of LANES.

shared uvec4 passed[gl_WorkGroupSize.x];

// Whether subgroups are full, so that their lanes are numbered without gaps.
bool is_packed() { return gl_NumSubgroups * gl_SubgroupSize == gl_WorkGroupSize.x; }

uint thread_number() {
  return is_packed() ? gl_SubgroupID * gl_SubgroupSize + gl_SubgroupInvocationID
                     : gl_LocalInvocationIndex;
}

// What another thread of the same row holds. Every thread of the workgroup must call it.
uvec4 of_thread(uvec4 mine, uint other) {
  if (is_packed() && LANES <= gl_SubgroupSize) {
    return subgroupShuffle(mine, other % gl_SubgroupSize);
  }
  passed[thread_number()] = mine;
  barrier();
  const uvec4 theirs = passed[other];
  barrier();
  return theirs;
}
vec4 of_thread(vec4 mine, uint other) {
  return uintBitsToFloat(of_thread(floatBitsToUint(mine), other));
}
