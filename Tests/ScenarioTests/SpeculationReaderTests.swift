import Simulator
import Testing

@testable import Scenario

@Suite("Speculative decoding in scenarios")
struct SpeculationReaderTests {
  private func load(_ lines: String, draft: String? = nil) throws -> ServingScenario {
    let fixture = try Fixture()
    defer { fixture.remove() }
    let text = Fixture.scenario.replacingOccurrences(of: "2 GiB\n", with: "2 GiB\n\(lines)")
    try fixture.write("scenario.yaml", text)
    if let draft { try fixture.write("draft.json", draft) }
    return try fixture.load()
  }

  @Test("Without the key nothing is drafted")
  func none() throws {
    let scenario = try load("")
    #expect(scenario.engine.speculation == nil && scenario.setup.draftModel == nil)
    #expect(scenario.engine.tokensPerDecode == 1)
  }

  @Test("Without a model tokens are looked up in the prompt, whether `method` says so or not")
  func ngram() throws {
    for method in ["", "method: ngram, "] {
      let scenario = try load(
        "  speculative_config: {\(method)num_speculative_tokens: 3, acceptance_rate: 0.7}\n")
      let expected = SpeculativeDecoding(draftTokens: 3, acceptanceRate: 0.7)
      #expect(scenario.engine.speculation == expected && scenario.setup.draftModel == nil)
      #expect(scenario.engine.tokensPerDecode == 4 && scenario.engine.leastBatchedTokens == 256)
    }
  }

  @Test("A model drafts that has the same vocabulary, and stands in a file of its own")
  func draftModel() throws {
    for method in ["", "method: draft_model, "] {
      let scenario = try load(
        """
          speculative_config:
            {\(method)num_speculative_tokens: 7, acceptance_rate: 1, model: draft.json}

        """,
        draft: Fixture.model.replacing("\"num_hidden_layers\": 2", with: "\"num_hidden_layers\": 1")
      )
      #expect(scenario.setup.draftModel?.name == "draft" && scenario.setup.draftModel?.layers == 1)
      #expect(scenario.engine.speculation?.draftTokens == 7)
    }
  }

  @Test("Every scheduler has drafts, and so has one that swaps")
  func schedulers() throws {
    let drafts = "  speculative_config: {num_speculative_tokens: 1, acceptance_rate: 0.5}\n"
    for scheduler in EngineOptions.Scheduler.allCases {
      let scenario = try load(drafts + "  scheduler: \(scheduler.rawValue)\n")
      #expect(scenario.engine.scheduler == scheduler && scenario.engine.draftTokens == 1)
    }
    let swapping = try load(
      drafts + "  preemption_mode: swap\n  host_link: {bandwidth: 50 GB/s}\n")
    #expect(swapping.engine.swapSpace != nil && swapping.engine.draftTokens == 1)
  }

  @Test("one mistake gives one error at its place", arguments: mistakes)
  func mistake(_ input: BadInput) throws {
    let fixture = try Fixture()
    defer { fixture.remove() }
    try fixture.write("scenario.yaml", input.applied(to: Fixture.scenario))
    for (name, old, new) in [
      ("words.json", "\"vocab_size\": 1000", "\"vocab_size\": 999"),
      ("short.json", "\"max_position_embeddings\": 2048", "\"max_position_embeddings\": 1024"),
    ] {
      try fixture.write(name, Fixture.model.replacing(old, with: new))
    }
    try input.expectAlone(in: fixture.errors(), of: "scenario.yaml")
  }

  private static func input(
    _ name: String, _ value: String, _ place: String, _ mentions: String...
  ) -> BadInput {
    let key = "  speculative_config: "
    return BadInput(name, "2 GiB\n", "2 GiB\n\(key)\(value)\n", place, mentions)
  }

  static let mistakes: [BadInput] = [
    input("no tokens", "{acceptance_rate: 0.5}", "15:23", "num_speculative_tokens: missing"),
    input("no rate", "{num_speculative_tokens: 3}", "15:23", "acceptance_rate: missing"),
    input(
      "a rate above one", "{num_speculative_tokens: 3, acceptance_rate: 1.5}", "15:68",
      "a number from 0 to 1"),
    input(
      "nothing drafted", "{num_speculative_tokens: 0, acceptance_rate: 0.5}", "15:48",
      "from 1 to 256"),
    input(
      "more than a step holds", "{num_speculative_tokens: 8, acceptance_rate: 0.5}", "12:27",
      "`max_num_batched_tokens`, 512, is less than `max_num_seqs`, 64 times 9",
      "9 tokens a sequence"),
    input(
      "another method", "{method: eagle, num_speculative_tokens: 3, acceptance_rate: 0.5}",
      "15:32", "`ngram`, `draft_model`"),
    input(
      "a model to look up",
      "{method: ngram, model: model.json, num_speculative_tokens: 3, acceptance_rate: 0.5}",
      "15:24", "`ngram` does not go with a `model`"),
    input(
      "no model to draft",
      "{method: draft_model, num_speculative_tokens: 3, acceptance_rate: 0.5}", "15:24",
      "needs a `model`"),
    input(
      "another vocabulary",
      "{num_speculative_tokens: 3, acceptance_rate: 0.5, model: words.json}", "15:80",
      "a vocabulary of 999", "of 1000"),
    input(
      "a shorter context",
      "{num_speculative_tokens: 3, acceptance_rate: 0.5, model: short.json}", "15:80",
      "takes 1024 tokens"),
  ]
}
