/// The time of a step's small operators, derived from the bytes they move at the device's measured
/// read bandwidth. Activations are FP32, as in the bundled kernels.
struct ElementwiseTraffic: Sendable {
  /// Bytes per token of a step, all layers.
  let bytesPerToken: Int
  /// Bytes per sequence that gets a token.
  let bytesPerOutput: Int
  private let nsPerByte: Double

  init(model: ModelArchitecture, profile: Profile) {
    let hidden = model.hiddenSize
    let rotated = (model.heads.queryHeads + model.heads.kvHeads) * model.heads.headDim
    let norms = model.normsPerLayer * (2 * hidden)
    let residuals = 2 * (3 * hidden)
    let rotary = 2 * rotated
    let layers = model.layerGroups.reduce(0) { sum, group in
      let activation = group.feedForward.activationElements
      return sum + group.count * 4 * (norms + residuals + rotary + activation)
    }
    // The embedding's row is read in FP16 and written in FP32; a final norm follows the layers.
    bytesPerToken = layers + (2 + 4) * hidden + 4 * 2 * hidden
    // Greedy sampling reads each logit once.
    bytesPerOutput = 4 * model.vocabSize
    nsPerByte = 1e9 / Double(profile.readBytesPerSecond)
  }

  func ns(tokens: Int) -> Double { Double(tokens * bytesPerToken) * nsPerByte }
  func ns(outputs: Int) -> Double { Double(outputs * bytesPerOutput) * nsPerByte }
}
