import Foundation
import Testing

@Suite("Drafted tokens on the command line")
struct SpeculationCommandTests {
  private let folder: ScratchFolder

  init() throws {
    folder = try ScratchFolder()
  }

  /// The quickstart with 60 requests, and these lines in its engine.
  private func scenario(_ engine: String) throws -> String {
    let scenarios = Repository.root.appendingPathComponent("Scenarios").path
    let text = try String(contentsOfFile: scenarios + "/quickstart.yaml", encoding: .utf8)
      .replacing("model: models/", with: "model: \(scenarios)/models/")
      .replacing("profile: devices/", with: "profile: \(scenarios)/devices/")
      .replacing("requests: 2000", with: "requests: 60")
      .replacing("max_num_seqs: 256", with: "max_num_seqs: 256\n\(engine)")
      .replacing("MODELS", with: "\(scenarios)/models")
    return try folder.write("drafted.yaml", text).path
  }

  private static let drafted = """
      speculative_config:
        num_speculative_tokens: 3
        acceptance_rate: 0.7
        model: MODELS/Qwen3-0.6B/config.json
    """

  @Test("check shows what a draft model takes of the memory")
  func check() throws {
    let run = try CommandLineRun(["check", scenario(Self.drafted)], in: folder.url)
    #expect(run.status == 0, "\(run.errors)")
    for row in ["of these, the draft model's  ", "layers of the draft model, the same"] {
      #expect(run.output.contains(row), "\(run.output)")
    }
    // Per token: 64 layers and 28 of 8 KV heads of 128 elements, keys and values.
    #expect(run.output.contains("376,832"))
  }

  @Test("run tells the tokens of a step; walking every step gives the very same")
  func run() throws {
    func output(_ arguments: String...) throws -> String {
      let arguments = ["run", try scenario(Self.drafted), "--no-trace"] + arguments
      let run = try CommandLineRun(arguments, in: folder.url)
      #expect(run.status == 0, "\(run.errors)")
      return run.output
    }
    let json = try output("--format", "json")
    #expect(try output("--format", "json", "--exact-steps") == json)
    let parsed = try JSONSerialization.jsonObject(with: Data(json.utf8)) as? [String: Any]
    let formats = try #require(parsed?["formats"] as? [[String: Any]])
    #expect(formats.count == 3)
    for format in formats {
      let drafting = try #require(format["drafting"] as? [String: Any])
      let (mean, drafts) = (
        drafting["mean_acceptance_length"] as? Double, drafting["drafts"] as? Int
      )
      // 1 + 0.7 + 0.49 + 0.343; 60 outputs of 2,560 tokens are some 60,000 verifications.
      #expect(abs(try #require(mean) - 2.533) < 0.02)
      #expect((40_000...80_000).contains(try #require(drafts)))
    }
    let row = "tokens a sequence and decode step (mean acceptance length)"
    #expect(try output().contains(row))
    let plain = try CommandLineRun(["run", scenario(""), "--no-trace"], in: folder.url)
    #expect(plain.status == 0 && !plain.output.contains(row))
  }
}
