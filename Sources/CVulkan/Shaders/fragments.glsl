// Matrices filled by hand. A lane, 4g + t of its subgroup, holds
//     left    row g, columns 2t, 2t + 1, 2t + 8 and 2t + 9;  row g + 8, the same
//     right   column g, rows 2t, 2t + 1, 2t + 8 and 2t + 9
//     result  row g, columns 2t and 2t + 1;  row g + 8, the same
// which the host makes sure of (fragments.comp) before it takes a shader that includes this.

#define LEFT coopmat<float16_t, gl_ScopeSubgroup, 16, 16, gl_MatrixUseA>
#define RIGHT coopmat<float16_t, gl_ScopeSubgroup, 16, 8, gl_MatrixUseB>
#define RESULT coopmat<float, gl_ScopeSubgroup, 16, 8, gl_MatrixUseAccumulator>

// The low columns of row g, those of row g + 8, the high columns of row g, those of row g + 8: the
// order of the registers.
LEFT left_of(uvec4 words) {
  const f16vec2 a = unpackFloat2x16(words.x), b = unpackFloat2x16(words.y);
  const f16vec2 c = unpackFloat2x16(words.z), d = unpackFloat2x16(words.w);
  LEFT left;
  left[0] = a.x;
  left[1] = a.y;
  left[2] = c.x;
  left[3] = c.y;
  left[4] = b.x;
  left[5] = b.y;
  left[6] = d.x;
  left[7] = d.y;
  return left;
}

// The low rows of column g, and the high ones.
RIGHT right_of(uvec2 words) {
  const f16vec2 a = unpackFloat2x16(words.x), b = unpackFloat2x16(words.y);
  RIGHT right;
  right[0] = a.x;
  right[1] = a.y;
  right[2] = b.x;
  right[3] = b.y;
  return right;
}
