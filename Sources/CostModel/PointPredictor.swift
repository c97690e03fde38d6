import Operators

/// Predicts points of any shape from a profile's fit; each model is made once.
struct PointPredictor {
  private enum Model {
    case ofOperator(OperatorModel)
    case ragged(RaggedDecodeModel)
    case launched(LaunchedAttentionModel)
  }

  /// What has a model of its own.
  private struct Key: Hashable {
    let own: OperatorKey
    let heads: HeadGeometry?
    let experts: ExpertShape?
  }

  private let profile: Profile
  private var models: [Key: Result<Model, ProfileError>] = [:]

  init(profile: Profile) {
    self.profile = profile
  }

  /// - Throws: ``ProfileError/notMeasured(_:_:)``.
  mutating func predict(_ shape: OperatorShape) throws(ProfileError) -> OperatorModel.Prediction {
    switch try model(of: shape) {
    case .ofOperator(let model): return model.predict(shape)
    case .launched(let model): return model.predict(shape)
    case .ragged(let model):
      guard case .raggedDecode(let batch, _, _) = shape else {
        preconditionFailure("a ragged model is of ragged batches")
      }
      return model.predict(batch)
    }
  }

  private mutating func model(of shape: OperatorShape) throws(ProfileError) -> Model {
    var experts: ExpertShape?
    if case .experts(_, _, let layer) = shape { experts = layer }
    let key = Key(own: shape.key, heads: shape.heads, experts: experts)
    if let known = models[key] { return try known.get() }
    let made = Result { () throws(ProfileError) in try makeModel(shape) }
    models[key] = made
    return try made.get()
  }

  private func makeModel(_ shape: OperatorShape) throws(ProfileError) -> Model {
    let missing = ProfileError.notMeasured(shape.kind, shape.format)
    switch shape {
    case .experts(_, _, let layer):
      guard let model = OperatorModel(experts: layer, profile: profile) else { throw missing }
      return .ofOperator(model)
    case .mixedAttention(_, _, _, _, let heads, let format):
      guard
        let model = try LaunchedAttentionModel(format: format, heads: heads, profile: profile)
      else { throw missing }
      return .launched(model)
    case .raggedDecode(_, let heads, let format):
      let alike = try OperatorModel(
        .decodeAttention, format: format, heads: heads, profile: profile)
      guard
        let model = RaggedDecodeModel(
          format: format, heads: heads, profile: profile, alike: alike)
      else { throw missing }
      return .ragged(model)
    default:
      return .ofOperator(
        try OperatorModel(
          shape.kind, format: shape.format, heads: shape.heads, profile: profile))
    }
  }
}
