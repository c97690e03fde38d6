// The first two strides of a Hadamard block, which every layout of a row keeps within a lane.

// Strides 1 and 2 of four neighbours, to the bits of the CPU kernels.
vec4 butterflies_of_four(vec4 x) {
  precise const vec4 y = vec4(x.x + x.y, x.x - x.y, x.z + x.w, x.z - x.w);
  precise const vec4 z = vec4(y.xy + y.zw, y.xy - y.zw);
  return z;
}
