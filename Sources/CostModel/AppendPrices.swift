import Operators

/// The time of writing a step's keys and values into pages, in all layers.
struct AppendPrices: Sendable {
  private let model: OperatorModel?
  private let heads: HeadGeometry
  private let format: KVFormat
  private let layers: Int

  /// - Parameter isOptional: whether writing may be part of an engine's attention, so that it is
  ///   free here where it was not measured.
  /// - Throws: ``ProfileError/notMeasured(_:_:)``.
  init(
    model: ModelArchitecture, format: KVFormat, profile: Profile, isOptional: Bool
  ) throws(ProfileError) {
    (heads, layers) = (model.heads, model.layers)
    self.format = format
    do throws(ProfileError) {
      self.model = try OperatorModel(.append, format: format, heads: heads, profile: profile)
    } catch {
      guard isOptional else { throw error }
      self.model = nil
    }
  }

  /// Writing so many tokens; nothing where attention does it.
  func parts(tokens: Int) -> [StepPart] {
    guard tokens > 0, let model else { return [] }
    let shape = OperatorShape.append(tokens: tokens, heads: heads, format: format)
    return [
      StepPart(
        name: "append", shape: shape, count: Double(layers), prediction: model.predict(shape))
    ]
  }
}
