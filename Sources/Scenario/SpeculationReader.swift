import CostModel
import Simulator

/// `engine.speculative_config.method`.
enum DraftMethod: String, CaseIterable {
  case ngram
  case draftModel = "draft_model"
}

/// `engine.speculative_config`, but for the file of the model that it names.
struct SpeculationReader {
  let engine: MappingCursor

  /// `.some(nil)` where nothing is drafted; nil with an error where something is refused.
  func speculation() -> SpeculativeDecoding?? {
    guard let given = engine.given(EngineKeys.speculativeConfig) else { return .some(nil) }
    guard let keys = given else { return nil }
    let tokens = keys.value(SpeculativeKeys.numSpeculativeTokens)
    let rate = keys.value(SpeculativeKeys.acceptanceRate)
    guard let tokens, let rate, agreesWithModel(keys) else { return nil }
    return SpeculativeDecoding(draftTokens: tokens, acceptanceRate: rate)
  }

  private func agreesWithModel(_ keys: MappingCursor) -> Bool {
    guard let given = keys.given(SpeculativeKeys.method) else { return true }
    guard let method = given else { return false }
    let hasModel = keys.optional(SpeculativeKeys.model) != nil
    guard hasModel == (method == .draftModel) else {
      keys.refuse(
        key: SpeculativeKeys.method.name,
        hasModel
          ? "`ngram` does not go with a `model`; accepted: one of the two"
          : "`draft_model` needs a `model`, the path of its config.json")
      return false
    }
    return true
  }
}

/// The model that drafts.
struct DraftModelReader {
  /// The scenario's folder with a slash behind it; empty for the working directory.
  let folder: String
  /// Errors in the model's file.
  private(set) var diagnosticsOfOtherFiles: [Diagnostic] = []

  init(folder: String) {
    self.folder = folder
  }

  /// `.some(nil)` where no model drafts; nil with an error where it is refused, or cannot draft for
  /// `target`.
  mutating func model(
    _ file: MappingCursor, _ engine: EngineOptions?, for target: ModelArchitecture?
  ) -> LoadedModel?? {
    let keys = file.mapping(at: ScenarioKeys.engine.name, keys: EngineKeys.form.names)?
      .mapping(at: EngineKeys.speculativeConfig.name, keys: SpeculativeKeys.form.names)
    guard let keys, let given = keys.given(SpeculativeKeys.model) else { return .some(nil) }
    guard let path = given else { return nil }
    do throws(ScenarioError) {
      let draft = try ModelFile.read(path: path.relative(to: folder))
      let devices = engine?.tensorParallelSize ?? 1
      if let target, let reason = obstacle(draft.architecture, target, devices: devices) {
        path.cursor.refuse(reason)
        return nil
      }
      return .some(draft)
    } catch {
      diagnosticsOfOtherFiles += path.cursor.refuse(file: error)
      return nil
    }
  }

  /// What keeps a model from drafting for another; nil where nothing does.
  private func obstacle(
    _ draft: ModelArchitecture, _ target: ModelArchitecture, devices: Int
  ) -> String? {
    if draft.vocabSize != target.vocabSize {
      return "\(draft.name) has a vocabulary of \(draft.vocabSize), \(target.name) of "
        + "\(target.vocabSize); accepted: a model with the same vocabulary"
    }
    if draft.maxPositions < target.maxPositions {
      return "\(draft.name) takes \(draft.maxPositions) tokens, \(target.name) "
        + "\(target.maxPositions); accepted: a model that takes as many"
    }
    return draft.obstacle(toDegree: devices).map {
      "of \(draft.name): \($0); accepted: a model that as many devices share evenly"
    }
  }
}
