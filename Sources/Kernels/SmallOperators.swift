/// The small operators that a layer needs besides attention and dense layers, on FP32 activations.
///
/// They are bound by memory. As those of ``KernelBackend`` they take plain arrays, and check them
/// before anything is dispatched.
public protocol SmallOperators: AnyObject {
  /// Root mean square norm: `output = x / √(mean(x²) + epsilon) · weight`, row by row (B. Zhang and
  /// R. Sennrich, Root Mean Square Layer Normalization, 2019, equation 4; epsilon as in Hugging
  /// Face's models).
  ///
  /// `x` and `output` are `[row][width]`, `weight` is `[width]`. A row is a token's hidden state,
  /// or, for the norms of queries and keys that Qwen3 has, one head of a token. What `output`
  /// holds beyond that stays as it is.
  func rmsNorm(
    _ x: [Float], weight: [Float], epsilon: Float, rows: Int, width: Int,
    into output: inout [Float]
  ) throws(DeviceError)

  /// Turns queries or keys by their positions, in place.
  ///
  /// `vectors` are `[token][head][headDim]`, a position for each token, from 0 to
  /// ``RotaryFrequencies/largestPosition`` in any order. Elements i and i + headDim / 2 are a
  /// pair, as in Hugging Face's Llama and Qwen (`rotate_half`): of (a, b) and the angle φ it makes
  /// (a cos φ − b sin φ, b cos φ + a sin φ). What `vectors` hold beyond that stays as it is.
  func rotaryEmbedding(
    _ vectors: inout [Float], positions: [Int], heads: Int, frequencies: RotaryFrequencies
  ) throws(DeviceError)

  /// `output = silu(gate) · up` with `silu(x) = x / (1 + e⁻ˣ)`, of `count` elements: the gate of a
  /// SwiGLU layer (N. Shazeer, GLU Variants Improve Transformer, 2020, equation 6). What `output`
  /// holds beyond that stays as it is.
  func siluMultiply(
    gate: [Float], up: [Float], count: Int, into output: inout [Float]
  ) throws(DeviceError)

  /// `sum += addend`, of `count` elements: what a layer adds to the residual stream. What `sum`
  /// holds beyond that stays as it is.
  func add(_ addend: [Float], count: Int, to sum: inout [Float]) throws(DeviceError)
}
